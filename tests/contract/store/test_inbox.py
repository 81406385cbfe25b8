from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from services.domain.batch import Record
from services.domain.errors import Conflict
from services.domain.inbox import InboxProgress, StoredRecord
from services.domain.stream import StreamName
from services.ports.store import Store, Transaction
from services.store.transaction import snapshot
from tests.contract.store.samples import NOW, Receiver, a_batch, a_key, a_signature, accepted_of, do, record_of

EMPTY = Record(b"", b"")


def numbers(records: list[StoredRecord]) -> list[int]:
    """Return what the bodies say."""
    return [int(record.body.split()[1]) for record in records]


def read(receiver: Receiver, after_id: int = 0, limit: int = 10_000) -> list[StoredRecord]:
    """Read accepted records."""
    return receiver.store.read(lambda tx: tx.records(receiver.stream.id, after_id=after_id, limit=limit))


def latest(receiver: Receiver, upto_id: int, after_id: int = 0, limit: int = 10_000) -> list[int]:
    """Read the records that no newer one replaced, by pages and streaming, which must agree."""

    def both(tx: Transaction) -> tuple[list[StoredRecord], list[StoredRecord]]:
        stream_id = receiver.stream.id
        paged = tx.records(stream_id, after_id=after_id, limit=limit, latest_only=True, upto_id=upto_id)
        return paged, list(tx.iterate_records(stream_id, upto_id=upto_id, latest_only=True))

    paged, streamed = receiver.store.read(both)
    assert paged == [record for record in streamed if record.id > after_id][:limit]
    return numbers(paged)


class TestApply:
    def test_an_applied_batch_comes_back(self, receiver: Receiver) -> None:
        """Header, leaves and receipt are kept as they were, and the records by their place."""
        batch = receiver.apply([1, 2, 3], rejected=[1])
        assert batch.receipt == a_signature("receipt 1/1")
        standing = receiver.store.read(lambda tx: tx.batch_at(receiver.stream.id, 1, 1))
        assert standing == batch
        records = receiver.store.read(lambda tx: tx.inbox_records(batch))
        assert records == [record_of(1), EMPTY, record_of(3)]

    def test_a_batch_without_one_good_record(self, receiver: Receiver) -> None:
        """A batch that is rejected whole is applied all the same."""
        batch = receiver.apply([1, 2], rejected=[0, 1])
        assert receiver.store.read(lambda tx: tx.inbox_records(batch)) == [EMPTY, EMPTY]
        assert read(receiver) == []

    def test_a_range_is_applied_once(self, receiver: Receiver) -> None:
        """The same first sequence cannot stand twice, whatever its content; nothing of it is stored."""
        batch = receiver.apply([1, 2])
        other = a_batch(receiver.stream, 1, 1, receipt=a_signature("another"))
        with pytest.raises(Conflict):
            do(receiver.store, lambda tx: tx.apply(other, accepted_of((0, 9)), received_time=NOW))
        assert receiver.store.read(lambda tx: tx.batch_at(receiver.stream.id, 1, 1)) == batch
        assert numbers(read(receiver)) == [1, 2]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"offsets": [0, 2]},
            {"offsets": [-1, 0]},
            {"offsets": [1, 0]},
            {"operations": [1, 0]},
            {"keys": [a_key(1), b"short"]},
            {"records": [record_of(1), Record(b"short", b"")]},
        ],
        ids=["after the batch", "before the batch", "not in order", "no operation", "short key", "short salt"],
    )
    def test_records_that_do_not_fit_are_our_mistake(self, receiver: Receiver, wrong: dict[str, Any]) -> None:
        """An accepted record has a place in its batch, an operation, a key and a salt."""
        batch = a_batch(receiver.stream, 1, 2, receipt=a_signature("receipt"))
        accepted = accepted_of((0, 1), (1, 2))._replace(**wrong)
        with pytest.raises(ValueError, match="16 bytes"):
            do(receiver.store, lambda tx: tx.apply(batch, accepted, received_time=NOW))

    def test_nothing_is_applied_without_a_receipt(self, receiver: Receiver) -> None:
        """A batch is applied with the receipt that answers it, or not at all."""
        batch = replace(a_batch(receiver.stream, 1, 2), receipt=None)
        with pytest.raises(ValueError, match="receipt"):
            do(receiver.store, lambda tx: tx.apply(batch, accepted_of((0, 1)), received_time=NOW))

    def test_receipts_are_listed(self, receiver: Receiver) -> None:
        """Receipts of an epoch come by sequence, after a place, a page at a time."""
        batches = [receiver.apply([1, 2]), receiver.apply([3]), receiver.apply([4, 5])]

        def receipts(after: int, limit: int) -> list[int]:
            found = receiver.store.read(
                lambda tx: tx.receipted(receiver.stream.id, 1, after_sequence=after, limit=limit)
            )
            return [batch.id for batch in found]

        ids = [batch.id for batch in batches]
        assert (receipts(0, 10), receipts(0, 2), receipts(1, 10)) == (ids, ids[:2], ids[1:])

    def test_all_that_was_received_is_counted(self, receiver: Receiver) -> None:
        """Accepted and rejected ones of every batch, and none before the first."""

        def progress() -> InboxProgress:
            return receiver.store.read(lambda tx: tx.inbox_progress(receiver.stream.id))

        assert progress() == (0, 0, 0)
        receiver.apply([1, 2, 3], rejected=[1])
        receiver.apply([4, 5], rejected=[0, 1])
        assert progress() == (5, 2, 0)

    def test_a_conflict_is_kept(self, receiver: Receiver) -> None:
        """A signed statement can be stored, also again."""
        for _ in range(2):
            do(receiver.store, lambda tx: tx.add_conflict(receiver.stream.id, a_signature("conflict"), now=NOW))


class TestRecords:
    def test_records_come_in_the_order_of_the_stream(self, receiver: Receiver) -> None:
        """Every accepted record once, with its place, its operation and its key."""
        receiver.apply([1, 2, 3], rejected=[1])
        receiver.apply([4])
        found = read(receiver)
        assert numbers(found) == [1, 3, 4]
        assert [(r.epoch, r.sequence, r.operation, r.key) for r in found] == [
            (1, 1, 2, a_key(1)),
            (1, 3, 2, a_key(3)),
            (1, 4, 1, a_key(4)),
        ]
        assert [(r.salt, r.body) for r in found] == [record_of(n) for n in (1, 3, 4)]

    def test_ids_rise_over_epochs(self, receiver: Receiver) -> None:
        """A later epoch begins at sequence 1 and still stands after the earlier one."""
        receiver.apply([1, 2, 3])
        receiver.apply([4, 5], epoch=2)
        found = read(receiver)
        assert numbers(found) == [1, 2, 3, 4, 5]
        assert [record.id for record in found] == sorted({record.id for record in found})

    def test_ids_are_the_same_after_a_restore(self, receiver: Receiver) -> None:
        """An id says the place in the stream, so a replay of the same batches gives the same ids."""
        other = Receiver(receiver.store, StreamName("320500", "310000", "social.contribution"))
        for count in (3, 2):
            receiver.apply(range(count))
        for _ in range(5):
            other.apply([0])
        assert [r.id for r in read(receiver)] == [r.id for r in read(other)]

    @pytest.mark.parametrize("size", [1, 7, 400])
    def test_pages_join_without_gap_or_overlap(self, receiver: Receiver, size: int) -> None:
        """Reading on from the last id yields every record once, whatever the batches and the page."""
        for start in range(0, 1_000, 40):
            receiver.apply(range(start, start + 40), rejected=[0, 39] if start % 80 else [])
        after, found = 0, []
        while page := read(receiver, after, size):
            assert len(page) <= size
            found += page
            after = page[-1].id
        assert numbers(found) == numbers(read(receiver))
        assert len(found) == 1_000 - 12 * 2

    def test_thousands_of_small_batches(self, receiver: Receiver) -> None:
        """Batches of one record are read as well as large ones."""
        for number in range(150):
            receiver.apply([number])
        assert numbers(read(receiver)) == list(range(150))

    def test_streams_do_not_mix(self, receiver: Receiver) -> None:
        """Records of another city are another stream's."""
        other = Receiver(receiver.store, StreamName("320500", "310000", "social.contribution"))
        for number in range(3):
            receiver.apply([number])
            other.apply([number + 100])
        assert (numbers(read(receiver)), numbers(read(other))) == ([0, 1, 2], [100, 101, 102])


class TestSnapshot:
    def test_the_bound_is_the_last_accepted_record(self, receiver: Receiver) -> None:
        """An empty stream ends at 0; rejected records at the end do not count."""

        def last() -> int:
            return receiver.store.read(lambda tx: tx.last_record_id(receiver.stream.id))

        assert last() == 0
        receiver.apply([1, 2, 3], rejected=[2])
        receiver.apply([4], rejected=[0])
        assert last() == read(receiver)[-1].id
        receiver.apply([5], epoch=2)
        assert last() == read(receiver)[-1].id

    def test_a_snapshot_is_repeatable(self, receiver: Receiver) -> None:
        """What came later is not in it, and replaces nothing in it."""
        receiver.apply([1, 2])
        bound = receiver.store.read(lambda tx: tx.last_record_id(receiver.stream.id))
        before = latest(receiver, bound)
        receiver.apply([1, 3])
        assert latest(receiver, bound) == before == [1, 2]
        everything = receiver.store.read(
            lambda tx: list(tx.iterate_records(receiver.stream.id, upto_id=bound, latest_only=False))
        )
        assert numbers(everything) == [1, 2]

    def test_a_bound_inside_a_batch(self, receiver: Receiver) -> None:
        """A snapshot may end in the middle of a batch."""
        receiver.apply([1, 2, 1, 3])
        ids = [record.id for record in read(receiver)]
        assert latest(receiver, ids[1]) == [1, 2]
        assert latest(receiver, ids[2]) == [2, 1]

    def test_only_the_latest_of_each_key(self, receiver: Receiver) -> None:
        """A record is left out when a later accepted one has its key, in its batch, another one or another epoch."""
        receiver.apply([1, 2, 1, 3, 4])
        receiver.apply([2, 3], rejected=[1])
        receiver.apply([4], epoch=2)
        bound = receiver.store.read(lambda tx: tx.last_record_id(receiver.stream.id))
        assert latest(receiver, bound) == [1, 3, 2, 4]
        ids = {record.id: record for record in read(receiver)}
        third = sorted(ids)[2]
        assert latest(receiver, bound, after_id=third) == [3, 2, 4]
        assert latest(receiver, bound, limit=2) == [1, 3]

    @pytest.mark.parametrize("at_once", [1, 120, 250_000])
    def test_the_latest_of_many(self, receiver: Receiver, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Over many batches every key remains once, the newest, however many keys are compared at once."""
        monkeypatch.setattr(snapshot, "_LATEST_RECORDS", at_once)
        for start in range(20):
            receiver.apply([(start * 30 + place) % 170 for place in range(50)])
        bound = receiver.store.read(lambda tx: tx.last_record_id(receiver.stream.id))
        last = {number: place for place, number in enumerate(numbers(read(receiver)))}
        assert latest(receiver, bound) == sorted(last, key=last.__getitem__)


class TestSuperseded:
    def test_a_newer_record_of_the_key_counts(self, receiver: Receiver) -> None:
        """Newer means a higher sequence or a later epoch; the record itself, older and rejected ones do not count."""
        receiver.apply([1, 2, 3, 4, 2])
        receiver.apply([3, 5, 1], rejected=[0])

        def asked(mended: list[tuple[int, int]], epoch: int = 1) -> set[bytes]:
            keys = [(a_key(number), sequence) for number, sequence in mended]
            return receiver.store.read(lambda tx: tx.superseded(receiver.stream.id, keys, epoch))

        assert asked([(2, 2)]) == {a_key(2)}
        assert asked([(2, 5), (3, 3), (4, 4), (9, 1)]) == set()
        assert asked([(1, 1), (2, 1), (3, 1), (5, 7)]) == {a_key(1), a_key(2), a_key(3)}
        receiver.apply([4], epoch=2)
        assert asked([(4, 4), (5, 7)]) == {a_key(4)}
        assert asked([(4, 1)], epoch=2) == set()

    def test_nothing_mended_nothing_superseded(self, store: Store) -> None:
        """No question, no answer."""
        receiver = Receiver(store)
        assert store.read(lambda tx: tx.superseded(receiver.stream.id, [], 1)) == set()

    def test_far_back(self, receiver: Receiver) -> None:
        """A mended record may lie many batches back."""
        for start in range(0, 3_000, 20):
            receiver.apply(range(start, start + 20))
        receiver.apply([7])
        found = receiver.store.read(lambda tx: tx.superseded(receiver.stream.id, [(a_key(7), 8), (a_key(8), 9)], 1))
        assert found == {a_key(7)}


class TestWatchers:
    def test_a_watcher_goes_on_where_it_acknowledged(self, receiver: Receiver) -> None:
        """Each name has its own place in each stream, and never goes back."""
        receiver.apply([1, 2, 3])
        ids = [record.id for record in read(receiver)]
        stream_id = receiver.stream.id

        def acknowledge(name: str, record_id: int) -> int:
            return do(receiver.store, lambda tx: tx.put_watched(name, stream_id, record_id))

        assert (acknowledge("hr", ids[1]), acknowledge("hr", ids[0]), acknowledge("bi", ids[2])) == (
            ids[1],
            ids[1],
            ids[2],
        )
        watched = [
            receiver.store.read(partial(_watched, name=name, stream_id=stream_id)) for name in ("hr", "bi", "new")
        ]
        assert watched == [ids[1], ids[2], 0]


def _watched(tx: Transaction, name: str, stream_id: int) -> int:
    return tx.watched(name, stream_id)
