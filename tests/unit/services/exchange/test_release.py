"""Records under a newer version of their standard: kept as they came, read once this node knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from services.domain.agreement import Agreement
from services.domain.errors import StandardIncompatible
from services.domain.limits import Limits
from services.domain.receipt import Violation
from services.domain.rejection import RejectedBy
from services.domain.standard import newest_before
from services.domain.stream import Direction, StreamState
from services.exchange.agreements import agreement_in_force, agreements_with
from services.exchange.dial import make_opening
from services.exchange.release import held_problem, next_held, release_held
from services.exchange.standards import incompatibilities, require_readable, spoken_standard, standard_problems
from services.ports.channel import Description
from services.ports.gate import Datasets, Passed
from services.ports.store import Transaction
from tests.simulation.cities import BEGIN, DATASET, NANTONG, SHANGHAI, STREAM, FakeGate, TrustingGate, make_agreement
from tests.simulation.world import World

AGREED = make_agreement(version=2, standard="1.1")


class KnowingGate(FakeGate):
    """Knows some versions; what it does not know yet it lets through, as the real one does."""

    def __init__(self, *known: str) -> None:
        self.known = known

    @property
    def datasets(self) -> Datasets:
        """Return the one dataset."""
        return {DATASET: self.known}

    def check(
        self, dataset: str, standard: str, bodies: Sequence[bytes], *, fields: Sequence[str] = ("*",)
    ) -> list[Passed | Violation]:
        """Judge bodies, or only read their keys."""
        judge = TrustingGate()._judge if newest_before(standard, self.known) else self._judge
        return [judge(body) for body in bodies]


class KnowingSender(KnowingGate, TrustingGate):
    """Sends bad rows too."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Both agree on 1.1; the sender knows it, the receiver does not."""
    world = World(tmp_path)
    for name in ("sender", "receiver"):
        world.write(name, lambda tx: tx.put_agreement(AGREED))
    world.sender_parts = replace(world.sender_parts, gate=KnowingSender("1", "1.1"))
    know(world, "1")
    yield world
    world.close()


def know(world: World, *versions: str) -> None:
    """Let the receiver know versions: another release of its software."""
    gate = KnowingGate(*versions)
    world.receiver_parts = replace(world.receiver_parts, gate=gate, inbox_gate=gate)


def deliver(world: World, source: str, count: int) -> None:
    """Send rows and have their receipts settled."""
    world.submit(source, count, answer_lost=False)
    world.work(world.processes[0], 1)


def release(world: World) -> tuple[int, int]:
    """Release what can be, and return records that passed and that were refused."""
    released = asyncio.run(release_held(world.receiver_parts, world.store("receiver")))
    return released.records, released.rejected


def held(tx: Transaction) -> int:
    """Return how many records wait."""
    stream = tx.stream(STREAM, Direction.INBOUND)
    assert stream is not None
    return tx.inbox_progress(stream.id).held


def test_records_wait_for_their_version_and_are_read_then(world: World) -> None:
    """Accepted, receipted, counted as held, read by nobody; released by the release that knows them; in order."""
    deliver(world, "a", 4)
    assert world.pending() == 0
    assert world.inbox() == []
    assert world.store("receiver").read(held) == 4
    assert release(world) == (0, 0), "this software does not know it yet"
    know(world, "2")
    assert release(world) == (0, 0), "nor does one that knows another major version alone"

    know(world, "1", "1.1")
    assert release(world) == (4, 0)
    assert len(world.inbox()) == 4
    assert world.store("receiver").read(held) == 0
    deliver(world, "b", 1)
    assert len(world.inbox()) == 5


def test_what_breaks_a_rule_then_is_a_rejection_of_this_city(world: World) -> None:
    """The fifth row is bad: accepted unread, refused at the release, with stream, sequence, rule and reason."""
    deliver(world, "a", 6)
    know(world, "1", "1.1")

    assert release(world) == (5, 1)
    assert len(world.inbox()) == 5
    (found,) = world.store("receiver").read(lambda tx: tx.rejected_rows(after_id=0, limit=9))
    assert (found.by, found.stream, found.source_label, found.position) == (
        RejectedBy.LOCAL,
        str(STREAM),
        str(STREAM),
        5,
    )
    assert found.violation.rule_id == "text.bad"
    assert release(world) == (0, 0)


def test_an_older_sender_and_a_newer_receiver_exchange_at_once(world: World) -> None:
    """What a city that knows 1 sends under an agreement on 1.1 says so, and is validated when it comes."""
    world.sender_parts = replace(world.sender_parts, gate=KnowingSender("1"))
    for versions in (("1", "1.1"), ("1",)):
        know(world, *versions)
        deliver(world, versions[-1], 1)
    assert world.store("receiver").read(held) == 0
    assert len(world.inbox()) == 2


def test_a_status_names_both_versions(world: World) -> None:
    """While records wait, and where the agreement's version is none of this city's."""

    def told(tx: Transaction) -> str:
        stream = tx.stream(STREAM, Direction.INBOUND)
        assert stream is not None
        apart = standard_problems(tx, world.receiver_parts.gate, BEGIN)
        return held_problem(tx, world.receiver_parts, stream) or apart.get(STREAM, "")

    deliver(world, "a", 1)
    assert "held for standard 1.1, this node has 1" in world.store("receiver").read(told)
    know(world, "1", "1.1")
    release(world)
    assert world.store("receiver").read(told) == ""
    know(world, "2")
    assert "names standard 1.1" in world.store("receiver").read(told)
    assert "this city has 2" in world.store("receiver").read(told)


def test_an_opening_in_another_major_version_is_refused(world: World) -> None:
    """Both versions are named, and the stream is as it was."""
    know(world, "2")
    world.submit("a", 1, answer_lost=False)
    world.take_lease(world.processes[0])
    opening = world.write(
        "sender",
        partial(make_opening, parts=world.sender_parts, name=STREAM, fence=world.processes[0].fence),
    )

    with pytest.raises(StandardIncompatible, match=r"speaks standard 1\.1, the receiver has 2"):
        world.answer(opening)


def test_a_sender_speaks_no_more_than_was_agreed() -> None:
    """Beyond the agreement is refused, whatever the receiver knows; so is what it cannot keep."""
    gate = KnowingGate("1", "1.1")
    require_readable(gate, AGREED, "1")
    require_readable(gate, AGREED, "1.1")
    for agreement, spoken in ((make_agreement(), "1.1"), (AGREED, "1.2"), (AGREED, "2")):
        with pytest.raises(StandardIncompatible):
            require_readable(gate, agreement, spoken)
    with pytest.raises(StandardIncompatible, match=r"this city has 2, 2\.1"):
        spoken_standard(KnowingGate("2", "2.1"), AGREED)


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [(("1",), ("1", "1.1"), 0), (("1", "1.1"), ("1",), 0), (("1",), ("2",), 1), (("2",), ("1",), 1), (("1",), (), 1)],
)
def test_two_cities_compare_what_they_agreed_on(ours: tuple[str, ...], theirs: tuple[str, ...], apart: int) -> None:
    """Only agreements that both are party to count, whoever sends; additions keep nobody apart."""
    described = Description(SHANGHAI, "0", ((DATASET, theirs), ("a.b", ("9",))), (), Limits(), BEGIN, 1)

    found = list(incompatibilities([AGREED], {DATASET: ours}, described))

    assert len(found) == apart
    assert all(", ".join(versions) in str(one) for one in found for versions in (ours, theirs or ("none",)))


def test_agreements_with_a_city_are_the_newest_of_each_stream() -> None:
    """Former versions, ended ones and those with others do not count."""

    class Directory:
        def agreements(self) -> list[Agreement]:
            return [make_agreement(), AGREED, make_agreement(id="x", provider="320500", consumer="330100")]

        def revoked_agreements(self) -> frozenset[str]:
            return frozenset()

    assert agreements_with(Directory(), NANTONG, BEGIN) == [AGREED]
    assert agreements_with(Directory(), "320100", BEGIN) == []
    assert agreement_in_force(Directory(), STREAM, BEGIN) == AGREED


def test_nothing_is_looked_for_where_nothing_waits(world: World) -> None:
    """The usual start of a node."""
    assert world.store("receiver").read(partial(next_held, parts=world.receiver_parts)) is None


def test_a_restored_receiver_takes_back_what_it_had_accepted_unread(world: World) -> None:
    """The original receipt counts; what breaks a rule now is refused here, and the replay goes on."""
    world.back_up("receiver")
    deliver(world, "a", 6)
    receipts = world.receipt_bytes("sender")
    world.restore("receiver", 0)
    know(world, "1", "1.1")
    world.heal()

    assert world.receipt_bytes("receiver") == receipts
    assert world.state("receiver", Direction.INBOUND) is StreamState.OPEN
    assert len(world.inbox()) == 5
    (found,) = world.store("receiver").read(lambda tx: tx.rejected_rows(after_id=0, limit=9))
    assert (found.position, found.violation.rule_id) == (5, "text.bad")


def test_a_restored_receiver_may_still_not_know_the_version(world: World) -> None:
    """Replayed, they are held again, and released later as if nothing had happened."""
    world.back_up("receiver")
    deliver(world, "a", 4)
    world.restore("receiver", 0)
    world.heal()
    assert (world.inbox(), world.store("receiver").read(held)) == ([], 4)

    know(world, "1", "1.1")
    assert release(world) == (4, 0)
    assert len(world.inbox()) == 4
