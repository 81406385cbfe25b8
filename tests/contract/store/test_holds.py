"""Batches that nobody reads yet: on both databases."""

from __future__ import annotations

import pytest

from services.domain.batch import StoredBatch
from services.domain.inbox import InboxProgress
from services.ports.store import Transaction
from tests.contract.store.samples import Receiver, do


def hold(receiver: Receiver, numbers: list[int], *, epoch: int = 1, rejected: tuple[int, ...] = ()) -> StoredBatch:
    """Apply a batch and hold it."""
    batch = receiver.apply(numbers, epoch=epoch, rejected=rejected)
    do(receiver.store, lambda tx: tx.hold(batch))
    return batch


def release(receiver: Receiver, batch: StoredBatch, *refused: int) -> None:
    """Release the oldest held batch."""
    assert receiver.store.read(lambda tx: tx.first_held(receiver.stream.id)) == batch
    do(receiver.store, lambda tx: tx.release(batch, refused=refused))


def readable(receiver: Receiver, *, latest_only: bool = False) -> list[int]:
    """Read what the stream's readers see, by pages and streaming, which must agree."""

    def read(tx: Transaction) -> list[int]:
        stream_id, upto = receiver.stream.id, tx.last_record_id(receiver.stream.id)
        paged = tx.records(stream_id, limit=1000, latest_only=latest_only)
        assert paged == list(tx.iterate_records(stream_id, upto_id=upto, latest_only=latest_only))
        assert paged == list(tx.iterate_records(stream_id, upto_id=1 << 60, latest_only=latest_only))
        assert upto >= (paged[-1].id if paged else 0)
        return [int(record.body.split()[1]) for record in paged]

    return receiver.store.read(read)


def progress(receiver: Receiver) -> InboxProgress:
    """Count."""
    return receiver.store.read(lambda tx: tx.inbox_progress(receiver.stream.id))


def test_nothing_is_held_by_itself(receiver: Receiver) -> None:
    """A stream on which nothing waits has no first held batch and no held records."""
    receiver.apply([1, 2])

    assert receiver.store.read(lambda tx: tx.first_held(receiver.stream.id)) is None
    assert progress(receiver) == (2, 2, 0)


def test_readers_stop_before_the_first_held_batch(receiver: Receiver) -> None:
    """Later batches wait behind it, since a reader's cursor that had passed it would never come back."""
    receiver.apply([1, 2])
    held = hold(receiver, [3, 4], rejected=(0,))
    receiver.apply([5])

    assert readable(receiver) == [1, 2]
    assert progress(receiver) == (5, 4, 2)
    assert receiver.store.read(lambda tx: tx.inbox_records(held))[1].body, "it is kept as it came"


def test_what_is_released_is_read_in_its_place(receiver: Receiver) -> None:
    """Batch by batch, in order, and at last as if nothing had ever been held."""
    receiver.apply([1])
    batches = [hold(receiver, [2, 3]), hold(receiver, [4]), receiver.apply([5, 6])]
    seen = []
    for batch in batches:
        release(receiver, batch)
        seen.append(readable(receiver))

    assert seen == [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6]]
    assert progress(receiver) == (6, 6, 0)
    receiver.apply([7])
    assert readable(receiver) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("latest_only", [False, True])
def test_a_refused_record_is_gone(receiver: Receiver, latest_only: bool) -> None:
    """Its payload and key are deleted, readers pass it over; an older record of its subject counts again."""
    receiver.apply([1, 2])
    held = hold(receiver, [2, 3, 1])
    release(receiver, held, 0, 2)

    assert readable(receiver, latest_only=latest_only) == [1, 2, 3]
    assert [bool(one.body) for one in receiver.store.read(lambda tx: tx.inbox_records(held))] == [False, True, False]


def test_a_batch_may_be_refused_whole(receiver: Receiver) -> None:
    """Nothing of it is left, and what comes after it is read."""
    held = hold(receiver, [1, 2])
    release(receiver, held, 0, 1)
    receiver.apply([3])

    assert readable(receiver) == [3]


def test_a_hold_lasts_into_the_next_epoch(receiver: Receiver) -> None:
    """Epochs are one order."""
    held = hold(receiver, [1])
    receiver.apply([2], epoch=2)
    assert readable(receiver) == []

    release(receiver, held)
    assert progress(receiver).held == 1
    release(receiver, receiver.store.read(lambda tx: tx.first_held(receiver.stream.id)) or held)
    assert readable(receiver) == [1, 2]
