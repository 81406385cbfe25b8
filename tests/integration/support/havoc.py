"""Rows both ways while nodes are killed with -9 and the network between them drops, delays and cuts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from subprocess import Popen
from typing import Final

from adapters.samples import SampleFile
from tests.integration.support.commands import Ran, finish, start_yrdx, sync_line
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair
from tests.integration.support.waiting import POLL_S

SYNC_WITHIN_S: Final = 120
RUNS_MAX: Final = 60
"""Of one file: a sync that never gets through is a failure of its own."""
AGAIN_S: Final = 0.3
"""Before a failed sync is run again: while its node is down it holds the home's lock, which the node needs to start."""
DELAY_S_MAX: Final = 0.02


class Feeder:
    """One city's clerk: syncs file after file, and runs a sync again whenever it fails.

    Attributes:
        ended: Every run that ended by itself, in order.
        killed: Runs that were killed.
    """

    def __init__(self, node: Node, to_city: str, files: Sequence[SampleFile], may_begin: Callable[[int], bool]) -> None:
        """Prepare.

        Args:
            node: The city's node.
            to_city: The other city.
            files: To sync, in order.
            may_begin: Asked with a file's index until it says yes, so that files and faults keep pace.
        """
        self._node, self._to_city, self._files, self._may_begin = node, to_city, files, may_begin
        self._process: Popen[str] | None = None
        self.ended: list[Ran] = []
        self.killed = 0

    def run(self) -> None:
        """Sync every file until its report says that nothing is pending."""
        for index, file in enumerate(self._files):
            while not self._may_begin(index):
                time.sleep(POLL_S)
            for _ in range(RUNS_MAX):
                if self._synced(file):
                    break
                time.sleep(AGAIN_S)
            else:
                raise AssertionError(f"{file.path.name} was not synced in {RUNS_MAX} runs, at last: {self.ended[-1:]}")

    def kill(self) -> None:
        """Kill the sync that runs, if one does."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _synced(self, file: SampleFile) -> bool:
        line = sync_line(self._node.path, file.path, self._to_city)
        self._process = start_yrdx(*line, "--wait", f"{SYNC_WITHIN_S}s")
        ran = finish(self._process, code=range(-64, 256), timeout_s=2 * SYNC_WITHIN_S)
        if ran.code < 0:
            self.killed += 1
            return False
        self.ended.append(ran)
        return ran.code in (0, 3) and not json.loads(ran.out)["pending"]


class Havoc:
    """What happens to two cities.

    Attributes:
        kills: Nodes killed so far.
        faults: What was done, in order, for messages.
    """

    def __init__(self, pair: Pair, random: Random, *, pause_s_max: float) -> None:
        """Prepare.

        Args:
            pair: Running nodes.
            random: Decides what happens when.
            pause_s_max: Longest time between two faults.
        """
        self._pair, self._random, self._pause_s_max = pair, random, pause_s_max
        self._feeders: list[Feeder] = []
        self._over = threading.Event()
        self.kills = 0
        self.faults: list[str] = []

    def run(self, files: tuple[Sequence[SampleFile], Sequence[SampleFile]], *, kills: int) -> list[Feeder]:
        """Sync files both ways under at least so many kills, then let everything finish in peace.

        Args:
            files: Nantong's and Shanghai's.
            kills: Of either node.

        Returns:
            Both feeders.
        """
        pair, turns = self._pair, max(map(len, files))

        def may_begin(index: int) -> bool:
            return self._over.is_set() or self.kills >= kills * index // turns

        self._feeders = [
            Feeder(pair.nantong, pair.shanghai.city, files[0], may_begin),
            Feeder(pair.shanghai, pair.nantong.city, files[1], may_begin),
        ]
        with ThreadPoolExecutor(len(self._feeders)) as pool:
            feeding = [pool.submit(feeder.run) for feeder in self._feeders]
            try:
                while self.kills < kills:
                    time.sleep(self._random.uniform(0.05, self._pause_s_max))
                    self._do(self._random.choice(("kill", "kill", "kill", "both", "cut", "drop", "part", "delay")))
            finally:
                self._over.set()
                self._heal()
            for future in feeding:
                future.result()
        return self._feeders

    def _do(self, fault: str) -> None:
        self.faults.append(fault)
        random, proxy = self._random, self._random.choice(self._pair.proxies)
        match fault:
            case "kill":
                self._kill(random.choice(self._pair.nodes))
                if random.random() < 0.3:
                    random.choice(self._feeders).kill()
            case "both":
                self._kill(*self._pair.nodes)
            case "cut":
                proxy.cut()
            case "drop":  # what is sent vanishes for a while, then the connection is gone with it
                random.choice((proxy.hold_answers, proxy.hold_requests))()
                time.sleep(random.uniform(0.05, 0.5))
                proxy.cut()
                proxy.release()
            case "part":
                proxy.part()
                time.sleep(random.uniform(0.05, 0.5))
                proxy.heal()
            case _:
                proxy.delay_s_max = random.choice((0.0, DELAY_S_MAX))

    def _kill(self, *nodes: Node) -> None:
        for node in nodes:
            node.kill()
        self.kills += len(nodes)
        for node in nodes:
            node.restart()

    def _heal(self) -> None:
        for proxy in self._pair.proxies:
            proxy.delay_s_max = 0.0
            proxy.heal()
