"""The promises hold under every order of submits, crashes, losses, zombies and restored backups."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.simulation.world import Process, World, source_row

_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_index = st.integers(0, 30)
_which = st.sampled_from([0, 1])
_city = st.sampled_from(["sender", "receiver"])


class Promises(RuleBasedStateMachine):
    """Steps in any order; at the end everything heals and the books must balance."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="yrdx-simulation-", dir=_FOLDER))
        self.world = World(self.folder)

    def _at(self, index: int) -> Process:
        return self.world.processes[index]

    @rule(source=st.sampled_from("ab"), count=st.integers(1, 4), answer_lost=st.booleans())
    def submit(self, source: str, count: int, answer_lost: bool) -> None:
        """A client submits."""
        self.world.submit(source, count, answer_lost=answer_lost)

    @rule(process=_which, batches=st.integers(1, 3))
    def work(self, process: int, batches: int) -> None:
        """A process delivers for a while as it should, so that backups have something to forget."""
        self.world.work(self._at(process), batches)

    @rule(source=st.sampled_from("ab"))
    def submit_again(self, source: str) -> None:
        """A client asks where its source stands and submits what is missing there, as after a restored backup."""
        self.world.submit_rest(source)

    @rule(process=_which)
    def take_lease(self, process: int) -> None:
        """A process takes the lease if nobody holds it."""
        self.world.take_lease(self._at(process))

    @rule(process=_which)
    def lease_expires(self, process: int) -> None:
        """Time passes and a process takes the lease; the other one is a zombie now."""
        self.world.clock.advance(60)
        self.world.take_lease(self._at(process))

    @rule(process=_which)
    def dial(self, process: int) -> None:
        """A process opens a session."""
        self.world.dial(self._at(process))

    @rule(process=_which)
    def seal(self, process: int) -> None:
        """A process seals and sends."""
        self.world.seal(self._at(process))

    @rule(process=_which)
    def send_again(self, process: int) -> None:
        """A process sends again what is unanswered."""
        self.world.send_again(self._at(process))

    @rule(process=_which)
    def crash(self, process: int) -> None:
        """A process dies."""
        self.world.crash(self._at(process))

    @rule(index=_index, keep=st.booleans())
    def deliver(self, index: int, keep: bool) -> None:
        """Any message arrives."""
        self.world.deliver(index, keep=keep)

    @rule(count=st.integers(1, 6))
    def deliver_in_order(self, count: int) -> None:
        """The network behaves for a while."""
        for _ in range(count):
            self.world.deliver(0, keep=False)

    @rule(index=_index)
    def lose(self, index: int) -> None:
        """A message is lost."""
        self.world.lose(index)

    @rule(city=_city)
    def back_up(self, city: str) -> None:
        """A city copies its store."""
        self.world.back_up(city)

    @rule(city=_city, index=_index)
    def restore(self, city: str, index: int) -> None:
        """A city puts an old copy back."""
        self.world.restore(city, index)

    @invariant()
    def nothing_stands_twice(self) -> None:
        """No row is ever applied twice, whatever happened before."""
        inbox = self.world.inbox()
        assert len(inbox) == len(set(inbox))

    def teardown(self) -> None:
        """Once everything healed, every good row that was answered stands exactly once, and in order."""
        try:
            self.world.heal()
            inbox = self.world.inbox()
            assert len(inbox) == len(set(inbox))
            assert set(inbox) >= self.world.expected()
            acknowledged = self.world.acknowledged()
            assert len(acknowledged) == len(set(acknowledged))
            assert set(acknowledged) == set(inbox)
            self._check_order(inbox)
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    def _check_order(self, inbox: list[bytes]) -> None:
        for source in self.world.answered:
            rows = [row for row in inbox if row.partition(b" ")[2].startswith(source.encode())]
            wanted = [row for row in (source_row(source, p) for p in range(1, 10_000)) if row in set(rows)]
            assert rows == wanted


class PromisesAtLength(Promises):
    """The same, for minutes."""


_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))

TestPromises = Promises.TestCase
TestPromises.settings = settings(_SETTINGS, max_examples=40, stateful_step_count=40)

TestPromisesAtLength = pytest.mark.timeout(1_200)(pytest.mark.long(PromisesAtLength.TestCase))
TestPromisesAtLength.settings = settings(_SETTINGS, max_examples=800, stateful_step_count=60)
