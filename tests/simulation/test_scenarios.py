"""The restores that matter, step by step; the promises hold after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.domain.stream import Direction, StreamState
from tests.simulation.cities import STREAM
from tests.simulation.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two cities with five rows delivered."""
    world = World(tmp_path)
    world.submit("a", 5, answer_lost=False)
    world.work(world.processes[0], 2)
    yield world
    world.close()


def balanced(world: World) -> None:
    """Assert that every answered good row stands exactly once at both ends."""
    inbox = world.inbox()
    assert len(inbox) == len(set(inbox))
    assert set(inbox) == world.expected()
    assert sorted(world.acknowledged()) == sorted(inbox)


def test_a_delivered_row_stands_once(world: World) -> None:
    """Nothing special: what was submitted stands, and the bad row is rejected."""
    world.heal()
    assert len(world.inbox()) == 4
    balanced(world)


def test_a_restored_receiver_takes_the_original_batches_with_their_receipts(world: World) -> None:
    """The receiver forgets; after the operator's act it has the same records and byte-identical receipts."""
    world.back_up("receiver")
    world.submit("a", 4, answer_lost=False)
    world.work(world.processes[0], 2)
    before = world.receipt_bytes("receiver")
    world.restore("receiver", 0)
    world.dial(world.processes[0])
    world.deliver(0, keep=False)
    assert world.state("receiver", Direction.INBOUND) is StreamState.RECOVERING
    world.heal()
    assert world.receipt_bytes("receiver") == before
    balanced(world)


def test_a_restored_sender_takes_back_what_it_had_sent(world: World) -> None:
    """The sender forgets what it sent; its client submits again; nothing doubles."""
    world.back_up("sender")
    world.submit("a", 4, answer_lost=False)
    world.work(world.processes[0], 2)
    world.restore("sender", 0)
    world.work(world.processes[0], 1)
    assert world.state("sender", Direction.OUTBOUND) is StreamState.DIVERGED
    world.heal()
    balanced(world)


def test_rows_submitted_again_before_the_recovery_are_not_sent_twice(world: World) -> None:
    """A client is quicker than the operator of the restored sender."""
    world.back_up("sender")
    world.submit("a", 4, answer_lost=False)
    world.work(world.processes[0], 2)
    world.restore("sender", 0)
    world.submit_rest("a")
    world.heal()
    balanced(world)


def test_a_batch_that_was_under_way_while_the_sender_was_restored_is_recognised(world: World) -> None:
    """The old batch arrives after the restored sender sealed the same rows anew."""
    first, second = world.processes
    world.submit("a", 4, answer_lost=False)
    world.back_up("sender")
    world.dial(first)
    world.deliver(0, keep=False)
    world.deliver(0, keep=False)
    world.seal(first)
    late = world.network.pop()
    world.restore("sender", 0)
    world.clock.advance(60)
    world.submit("b", 2, answer_lost=False)
    world.take_lease(second)
    world.dial(second)
    world.deliver(0, keep=False)
    world.deliver(0, keep=False)
    world.seal(second)
    world.network.insert(0, late)
    world.deliver(0, keep=False)
    world.heal()
    balanced(world)


def test_both_sides_restored_to_different_moments_agree_again(world: World) -> None:
    """The receiver goes further back than the sender."""
    world.back_up("receiver")
    world.submit("a", 3, answer_lost=False)
    world.work(world.processes[0], 2)
    world.back_up("sender")
    world.submit("a", 3, answer_lost=False)
    world.work(world.processes[0], 2)
    world.restore("receiver", 0)
    world.restore("sender", 0)
    world.heal()
    balanced(world)


def test_a_new_epoch_sends_only_what_the_receiver_does_not_have(world: World) -> None:
    """The operator begins a new epoch; the old one still answers duplicates with the original receipt."""
    old = world.sealed_batches()
    original = [world.apply(batch) for batch in old]
    world.submit("a", 2, answer_lost=False)
    world.new_epoch()
    world.heal()
    assert world.position(Direction.OUTBOUND).epoch == 2
    assert [world.apply(batch) for batch in old] == original
    balanced(world)


def test_a_zombie_can_only_send_identical_bytes(world: World) -> None:
    """A process that lost its lease sends again; the receiver answers with the original receipt."""
    zombie, heir = world.processes
    world.dial(zombie)
    world.deliver(0, keep=False)
    world.deliver(0, keep=False)
    world.clock.advance(60)
    world.take_lease(heir)
    world.submit("a", 3, answer_lost=False)
    world.seal(zombie)
    assert not world.network
    world.work(heir, 1)
    world.send_again(zombie)
    world.heal()
    balanced(world)


def test_the_stream_is_named_as_on_the_wire() -> None:
    """The simulation speaks of the stream that the product would."""
    assert str(STREAM) == "320600/310000/social.contribution/0"
