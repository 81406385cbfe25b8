from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.ports.store import Store, Transaction
from tests.contract.store.samples import NAME, NOW, a_stream, do

LATER = NOW + timedelta(seconds=30)


def swap(stream: Stream, expected: Stream, tx: Transaction) -> bool:
    """Compare and swap."""
    return tx.update_stream(stream, expected=expected)


def full(stream: Stream) -> Stream:
    """Give every attribute another value than its default."""
    return replace(
        stream,
        position=Position(3, 40, b"p" * 32),
        sealed=Position(3, 60, b"s" * 32),
        state=StreamState.DIVERGED,
        state_reason="an operator decides · 待处理",
        closed=Position(2, 9, b"c" * 32),
        hash_algorithm="SM3",
    )


def test_every_attribute_comes_back(store: Store) -> None:
    """A stream is read as it was written."""
    stream = a_stream(store)
    changed = full(stream)
    assert do(store, lambda tx: tx.update_stream(changed, expected=stream))
    assert store.read(lambda tx: tx.stream(NAME, Direction.OUTBOUND)) == changed


def test_an_added_stream_stands_as_it_was_first(store: Store) -> None:
    """Adding a stream that exists returns what stands."""
    first = a_stream(store)
    do(store, lambda tx: tx.update_stream(full(first), expected=first))
    assert a_stream(store) == full(first)


def test_both_ends_of_a_stream_are_two_streams(store: Store) -> None:
    """One store can hold the sending and the receiving end."""
    outbound, inbound = a_stream(store), a_stream(store, Direction.INBOUND)
    assert outbound.id != inbound.id
    assert store.read(lambda tx: tx.streams(Direction.INBOUND)) == [inbound]


def test_streams_come_by_name(store: Store) -> None:
    """All streams are listed in the order of their names."""
    other = StreamName("310000", "320600", "social.contribution")
    a_stream(store)
    a_stream(store, name=other)
    assert [stream.name for stream in store.read(lambda tx: tx.streams())] == [other, NAME]


def test_an_unknown_stream_is_none(store: Store) -> None:
    """A stream that nobody added is not there."""
    assert store.read(lambda tx: tx.stream(NAME, Direction.OUTBOUND)) is None


def test_swap_refuses_another_position_sealed_state_or_fence(store: Store) -> None:
    """A stale view of any compared attribute changes nothing."""
    stream = a_stream(store)
    stale = [
        replace(stream, position=Position(1, 1)),
        replace(stream, position=Position(2, 0)),
        replace(stream, position=Position(1, 0, b"x" * 32)),
        replace(stream, sealed=Position(1, 1)),
        replace(stream, state=StreamState.DIVERGED),
        replace(stream, fence=1),
    ]
    for expected in stale:
        assert not do(store, partial(swap, full(stream), expected))
    assert store.read(lambda tx: tx.stream(NAME, Direction.OUTBOUND)) == stream


def test_only_one_of_many_swaps_wins(store: Store) -> None:
    """Two hundred concurrent increments by compare-and-swap lose none."""
    a_stream(store)

    def increment(tx: Transaction) -> bool:
        stream = tx.stream(NAME, Direction.OUTBOUND)
        assert stream is not None
        ahead = replace(stream, position=replace(stream.position, watermark=stream.position.watermark + 1))
        return tx.update_stream(ahead, expected=stream)

    won = sum(future.result(30) for future in [store.write(increment) for _ in range(200)])
    stream = store.read(lambda tx: tx.stream(NAME, Direction.OUTBOUND))
    assert stream is not None
    assert stream.position.watermark == won > 0


def test_closed_epochs_are_kept(store: Store) -> None:
    """Where an epoch ended is known for ever, and said once."""
    stream = a_stream(store)
    closed = Position(1, 77, b"h" * 32)
    for _ in range(2):
        do(store, lambda tx: tx.close_epoch(stream.id, closed))
    assert store.read(lambda tx: (tx.closed_epoch(stream.id, 1), tx.closed_epoch(stream.id, 2))) == (closed, None)


def test_a_lease_fences(store: Store) -> None:
    """A new holder gets a higher number, which is the stream's; the same holder keeps its own."""
    stream = a_stream(store)

    def take(holder: str, now_s: int) -> int | None:
        now = NOW + timedelta(seconds=now_s)
        until = now + timedelta(seconds=30)
        return do(store, lambda tx: tx.take_lease(stream.id, holder, now=now, until=until))

    assert take("a", 0) == 1
    assert take("a", 10) == 1
    assert take("b", 20) is None
    assert take("b", 40) == 2
    assert take("a", 50) is None
    standing = store.read(lambda tx: tx.stream(NAME, Direction.OUTBOUND))
    assert standing is not None
    assert standing.fence == 2
    assert not do(store, lambda tx: tx.update_stream(stream, expected=replace(stream, fence=1)))


def test_a_released_lease_is_free(store: Store) -> None:
    """Only the holder gives a lease back."""
    stream = a_stream(store)
    do(store, lambda tx: tx.take_lease(stream.id, "a", now=NOW, until=LATER))
    do(store, lambda tx: tx.release_lease(stream.id, "b"))
    assert do(store, lambda tx: tx.take_lease(stream.id, "b", now=NOW, until=LATER)) is None
    do(store, lambda tx: tx.release_lease(stream.id, "a"))
    assert do(store, lambda tx: tx.take_lease(stream.id, "b", now=NOW, until=LATER)) == 2


def test_one_of_many_takes_the_lease(store: Store) -> None:
    """However many ask at once, one process holds the lease."""
    stream = a_stream(store)

    def take(holder: str, tx: Transaction) -> int | None:
        return tx.take_lease(stream.id, holder, now=NOW, until=LATER)

    futures = [store.write(partial(take, f"process {number}")) for number in range(20)]
    assert [number for future in futures if (number := future.result(30)) is not None] == [1]
