"""Load on two cities while something happens to their trust: rows and questions each way, every failure kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from adapters.samples import SampleFile
from services.domain.errors import ExchangeError
from services.node.session import NodeSession, open_session
from tests.integration.support.commands import finish, start_yrdx, sync_line, yrdx
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until
from yrdx.node.v1 import node_pb2

PEOPLE = 300
BETWEEN_CALLS_S = 0.01
CALLS_OF_A_SESSION = 50


class Load:
    """Syncs and pings in both directions, until told to stop.

    Attributes:
        calls: Questions that partners answered.
        failures: What failed, in words.
    """

    def __init__(self, pair: Pair, folder: Path) -> None:
        self.pair = pair
        self.folder = folder
        self.files: tuple[list[SampleFile], list[SampleFile]] = ([], [])
        self.calls = 0
        self.failures: list[str] = []
        self._stop = Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the load up while the block runs, and once around in any case."""
        nantong, shanghai = self.pair.nodes
        for node, other in ((nantong, shanghai), (shanghai, nantong)):
            _reach(node, other)
        works = [
            Thread(target=self._feed, args=(0, nantong, shanghai.city)),
            Thread(target=self._feed, args=(1, shanghai, nantong.city)),
            Thread(target=self._ask, args=(nantong, shanghai.city)),
            Thread(target=self._ask, args=(shanghai, nantong.city)),
        ]
        for work in works:
            work.start()
        try:
            yield
        finally:
            self._stop.set()
            for work in works:
                work.join()

    def prove(self) -> None:
        """Nothing failed anywhere, and every row arrived exactly once."""
        assert not self.failures, "\n".join(self.failures[:5])
        assert self.calls > 0
        for node in self.pair.nodes:
            for event in ("delivery.failed", "channel.canary_failed", "rpc.fault", "stream.diverged"):
                assert node.log_events(event) == []
        nantong, shanghai = self.pair.nodes
        assert all(self.files)
        prove_exchange(nantong, shanghai, self.files[0], self.folder)
        prove_exchange(shanghai, nantong, self.files[1], self.folder)

    def _feed(self, side: int, node: Node, to_city: str) -> None:
        """In processes of their own: they are operators' commands, beside the acts that the test does."""
        number = 0
        while not (number and self._stop.is_set()):
            number += 1
            made = write_files(self.folder / f"{side}-{number}", seed=1_000 * (side + 1) + number, people=PEOPLE)
            try:
                finish(start_yrdx(*sync_line(node.path, made[side].path, to_city)))
            except AssertionError as error:
                self.failures.append(str(error))
            self.files[side].append(made[side])

    def _ask(self, node: Node, city: str) -> None:
        """Over sessions of some calls each, as a program that reads its own certificate anew from time to time."""
        while not self._stop.is_set():
            with open_session(node.path) as session:
                self._ask_some(session, node, city)

    def _ask_some(self, session: NodeSession, node: Node, city: str) -> None:
        request = node_pb2.PingPartnerRequest(city=city)
        for _ in range(CALLS_OF_A_SESSION):
            try:
                session.stub.PingPartner(request)
                self.calls += 1
            except ExchangeError as error:
                self.failures.append(f"{datetime.now(UTC):%H:%M:%S.%f} {node.city} → {city}: [{error.reason}] {error}")
            time.sleep(BETWEEN_CALLS_S)


def _reach(node: Node, other: Node) -> None:
    """Get through once: a node that tried its partner before that one served waits before it tries again."""
    ping = ("partner", "ping", other.city, "--home", node.path)
    until(f"{node.city} reaches {other.city}", lambda: yrdx(*ping, code={0, 6}).code == 0)
