from __future__ import annotations

from functools import partial
from threading import Event

import pytest

from services.domain.errors import StoreUnavailable
from services.domain.outbox import Source
from services.ports.store import Store, Transaction
from services.store.opening import open_store
from tests.contract.store.samples import NOW, Sender, a_row, a_stream, do, record_of


class Refused(Exception):
    """What a work of these tests raises."""


def test_the_result_is_the_works(store: Store) -> None:
    """A future says what its work returned."""
    assert store.write(lambda tx: 42).result(30) == 42


def test_a_failing_work_undoes_itself_alone(sender: Sender) -> None:
    """Works that fail between others leave no trace, and the others stand: in one commit or not."""

    def append(number: int, tx: Transaction) -> int:
        tx.append_outbox(sender.stream.id, sender.source.id, [a_row(number)], now=NOW)
        if number % 3 == 0:
            raise Refused(number)
        return number

    futures = [sender.store.write(partial(append, number)) for number in range(60)]
    errors = [future.exception(30) for future in futures]
    assert [error.args for error in errors if isinstance(error, Refused)] == [(n,) for n in range(0, 60, 3)]
    assert sorted(row.record.body for row in sender.pending()) == sorted(b"body %d" % n for n in range(60) if n % 3)


def test_a_work_of_many_steps_is_all_or_nothing(sender: Sender) -> None:
    """A work that fails at its last step has done nothing."""
    sender.submit(1, 2)
    before = sender.store.read(lambda tx: (tx.stream_progress(sender.stream.id), tx.pending(1, records_max=9)))

    def work(tx: Transaction) -> None:
        tx.add_source(Source(0, sender.stream.id, "new", "new"))
        tx.append_outbox(sender.stream.id, sender.source.id, [a_row(3)], now=NOW)
        tx.close_epoch(sender.stream.id, sender.stream.position)
        raise Refused

    with pytest.raises(Refused):
        do(sender.store, work)
    after = sender.store.read(lambda tx: (tx.stream_progress(sender.stream.id), tx.pending(1, records_max=9)))
    assert after == before
    assert sender.store.read(lambda tx: tx.source(sender.stream.id, "new")) is None


def test_a_work_reads_its_own_writes_and_nobody_else_does(sender: Sender) -> None:
    """Until the commit, only the work itself sees what it wrote."""
    seen: list[int] = []

    def work(tx: Transaction) -> None:
        tx.append_outbox(sender.stream.id, sender.source.id, [a_row(1)], now=NOW)
        seen.append(len(tx.pending(sender.stream.id, records_max=9)))
        seen.append(len(sender.pending()))

    do(sender.store, work)
    assert seen == [1, 0]
    assert len(sender.pending()) == 1


def test_a_read_sees_one_moment(sender: Sender) -> None:
    """Whatever is committed meanwhile, a read goes on in its snapshot, and holds up nobody."""
    sender.submit(1)

    def work(tx: Transaction) -> tuple[int, int]:
        before = len(tx.pending(sender.stream.id, records_max=9))
        sender.submit(2)
        return before, len(tx.pending(sender.stream.id, records_max=9))

    assert sender.store.read(work) == (1, 1)
    assert len(sender.pending()) == 2


def test_a_read_cannot_write(sender: Sender) -> None:
    """A read-only work that writes is refused."""
    with pytest.raises(StoreUnavailable):
        sender.store.read(lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, [a_row(1)], now=NOW))
    assert sender.pending() == []


def test_many_readers_beside_a_writer(sender: Sender) -> None:
    """Readers in other threads see only whole submissions."""
    futures = [
        sender.store.write(
            lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, [a_row(1), a_row(2), a_row(3)], now=NOW)
        )
        for _ in range(40)
    ]
    while not all(future.done() for future in futures):
        assert len(sender.pending()) % 3 == 0
    assert len(sender.pending()) == 120


def test_concurrent_submissions_of_one_source_lose_nothing(sender: Sender) -> None:
    """Two hundred works that advance the same cursor: as many win as positions are taken."""

    def submit(tx: Transaction) -> bool:
        source = tx.source(sender.stream.id, sender.source.name)
        assert source is not None
        if not tx.advance_source(source.id, after=source.position, upto=source.position + 1, submitted=1):
            return False
        tx.append_outbox(sender.stream.id, source.id, [a_row(source.position)], now=NOW)
        return True

    won = sum(future.result(30) for future in [sender.store.write(submit) for _ in range(200)])
    source = sender.store.read(lambda tx: tx.source(sender.stream.id, sender.source.name))
    assert source is not None
    assert source.position == source.submitted == won == len(sender.pending()) > 0


def test_adding_the_same_at_once_adds_it_once(store: Store) -> None:
    """Everybody who adds the same source gets the same one."""
    stream = a_stream(store)
    futures = [store.write(lambda tx: tx.add_source(Source(0, stream.id, "s", "l"))) for _ in range(50)]
    assert len({future.result(30).id for future in futures}) == 1


def test_a_cancelled_work_is_not_done(sender: Sender) -> None:
    """A future that is cancelled while it waits in the queue does nothing."""
    entered, leave = Event(), Event()

    def wait(tx: Transaction) -> None:
        entered.set()
        leave.wait(30)

    blocking = [sender.store.write(wait) for _ in range(8)]
    entered.wait(30)
    queued = sender.store.write(lambda tx: tx.add_source(Source(0, sender.stream.id, "late", "late")))
    assert queued.cancel()
    leave.set()
    for future in blocking:
        future.result(30)
    assert sender.store.read(lambda tx: tx.source(sender.stream.id, "late")) is None


def test_closing_finishes_what_is_queued(url: str) -> None:
    """Work that was accepted is done; later work is refused; closing again is harmless."""
    store = open_store(url)
    stream = a_stream(store)
    futures = [store.write(lambda tx, n=n: tx.add_source(Source(0, stream.id, f"{n}", ""))) for n in range(40)]  # type: ignore[misc]
    store.close()
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(StoreUnavailable):
        store.write(lambda tx: None).result(30)
    again = open_store(url)
    assert again.read(lambda tx: tx.source(stream.id, "39")) is not None
    again.close()


def test_what_was_committed_is_there_after_reopening(url: str) -> None:
    """A store that is opened again holds everything."""
    store = open_store(url)
    sender = Sender(store)
    sender.submit(1, 2, 3)
    batch = sender.seal(2)
    store.close()
    again = open_store(url)
    assert again.read(lambda tx: tx.sealed_records(batch)) == [record_of(number) for number in (1, 2)]
    assert [row.record.body for row in again.read(lambda tx: tx.pending(sender.stream.id, records_max=9))] == [
        b"body 3"
    ]
    again.close()
