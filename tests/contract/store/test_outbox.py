from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from services.domain.batch import Record
from services.domain.outbox import Source, SourceProgress, StreamProgress
from services.domain.stream import StreamName
from services.ports.store import Store, Transaction
from tests.contract.store.samples import (
    NAME,
    NOW,
    VIOLATION,
    Sender,
    a_batch,
    a_row,
    a_signature,
    a_source,
    do,
    record_of,
    settle,
)


def bodies(sender: Sender, records_max: int = 1_000) -> list[bytes]:
    """Return the bodies of the first pending rows."""
    return [row.record.body for row in sender.pending(records_max)]


class TestSources:
    def test_a_source_stands_as_it_was_first(self, sender: Sender) -> None:
        """Adding a source that exists returns what stands."""
        sender.submit(1, 2)
        again = a_source(sender.store, sender.stream)
        assert (again.id, again.position, again.submitted) == (sender.source.id, 2, 2)

    def test_the_cursor_moves_by_compare_and_swap(self, sender: Sender) -> None:
        """A submission that does not continue where the source stands changes nothing."""
        advance = sender.source.id
        assert do(sender.store, lambda tx: tx.advance_source(advance, after=0, upto=10, submitted=9))
        assert not do(sender.store, lambda tx: tx.advance_source(advance, after=0, upto=10, submitted=9))
        standing = sender.store.read(lambda tx: tx.source(sender.stream.id, sender.source.name))
        assert standing == replace(sender.source, position=10, submitted=9)

    def test_sources_of_one_file(self, sender: Sender) -> None:
        """A file's sources are its name and its name with a number, oldest first, and nothing else."""
        names = ["f", "f#2", "f#3", "f#x", "f2", "F#4", "f_#5"]
        for name in reversed(names):
            a_source(sender.store, sender.stream, name)
        found = sender.store.read(lambda tx: tx.sources(sender.stream.id, "f"))
        assert [source.name for source in found] == ["f#3", "f#2", "f"]
        assert sender.store.read(lambda tx: tx.source(sender.stream.id, "g")) is None

    def test_wildcards_in_a_name_are_letters(self, sender: Sender) -> None:
        """A name with LIKE's wildcards finds only itself."""
        for name in ("a%b", "axb#2"):
            a_source(sender.store, sender.stream, name)
        found = sender.store.read(lambda tx: tx.sources(sender.stream.id, "a%b"))
        assert [source.name for source in found] == ["a%b"]


class TestPending:
    def test_rows_wait_in_the_order_of_submission(self, sender: Sender) -> None:
        """Pending rows come by rising id, as they were appended."""
        sender.submit(1, 2, 3)
        sender.submit(4)
        rows = sender.pending()
        assert [row.record for row in rows] == [record_of(number) for number in (1, 2, 3, 4)]
        assert [row.id for row in rows] == sorted({row.id for row in rows})
        assert {row.source_id for row in rows} == {sender.source.id}

    def test_no_more_than_asked(self, sender: Sender) -> None:
        """A limit cuts in the middle of a submission."""
        sender.submit(1, 2)
        sender.submit(3, 4)
        assert bodies(sender, 3) == [b"body 1", b"body 2", b"body 3"]
        assert bodies(sender, 2) == [b"body 1", b"body 2"]

    def test_streams_do_not_mix(self, sender: Sender) -> None:
        """Each stream has its own pending rows and sources."""
        other = Sender(sender.store, StreamName("320600", "330100", "social.contribution"))
        sender.submit(1)
        other.submit(2)
        assert (bodies(sender), bodies(other)) == ([b"body 1"], [b"body 2"])

    def test_empty_bodies_and_zero_bytes_survive(self, sender: Sender) -> None:
        """Bodies are bytes: nothing is trimmed, ended or decoded."""
        odd = [b"", b"\x00", b"a\x00b", b"\xff\xfe", "苏州".encode(), b"'\"\\", bytes(range(256))]
        rows = [a_row(number)._replace(body=body) for number, body in enumerate(odd)]
        do(sender.store, lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, rows, now=NOW))
        assert bodies(sender) == odd

    def test_nothing_appended_is_nothing(self, sender: Sender) -> None:
        """An append of no rows leaves no trace."""
        do(sender.store, lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, [], now=NOW))
        assert sender.pending() == []

    def test_a_large_submission(self, sender: Sender) -> None:
        """Three thousand rows in one call come back whole and in order."""
        sender.submit(*range(3_000))
        assert bodies(sender, 5_000) == [b"body %d" % number for number in range(3_000)]

    def test_many_small_submissions(self, sender: Sender) -> None:
        """A batch of many one-row submissions is as good as any other."""

        def append(number: int, tx: Transaction) -> None:
            tx.append_outbox(sender.stream.id, sender.source.id, [a_row(number)], now=NOW)

        for future in [sender.store.write(partial(append, number)) for number in range(300)]:
            future.result(30)
        batch = sender.seal()
        records = sender.store.read(lambda tx: tx.sealed_records(batch))
        assert sorted(records) == sorted(record_of(number) for number in range(300))
        assert sender.pending() == []

    def test_a_salt_of_another_length_is_our_mistake(self, sender: Sender) -> None:
        """Salts have 16 bytes, or the Merkle leaf would be ambiguous; nothing is stored."""
        row = a_row(1)._replace(salt=b"short")
        with pytest.raises(ValueError, match="16 bytes"):
            do(sender.store, lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, [row], now=NOW))
        assert sender.pending() == []


class TestSeal:
    def test_sealed_rows_are_not_pending(self, sender: Sender) -> None:
        """A batch takes its rows; the rest waits."""
        sender.submit(1, 2, 3)
        sender.submit(4, 5)
        batch = sender.seal(4)
        assert bodies(sender) == [b"body 5"]
        assert sender.store.read(lambda tx: tx.sealed_records(batch)) == [record_of(n) for n in (1, 2, 3, 4)]

    def test_a_batch_comes_back(self, sender: Sender) -> None:
        """What was sealed is found at, over and by the end of its range, with everything in it."""
        sender.submit(*range(5))
        first, second = sender.seal(2), sender.seal(3)
        read = sender.store.read
        stream_id = sender.stream.id
        assert (first.first_sequence, second.first_sequence) == (1, 3)
        assert first == replace(a_batch(sender.stream, 1, 2), id=first.id)
        assert read(lambda tx: tx.batch_at(stream_id, 1, 3)) == second
        assert read(lambda tx: tx.batch_at(stream_id, 1, 2)) is None
        assert read(lambda tx: tx.batch_covering(stream_id, 1, 4)) == second
        assert read(lambda tx: tx.batch_covering(stream_id, 1, 6)) is None
        assert read(lambda tx: tx.batch_covering(stream_id, 2, 1)) is None
        assert read(lambda tx: tx.batch_ending_at(stream_id, 1, 2)) == first
        assert read(lambda tx: tx.batch_ending_at(stream_id, 1, 4)) is None

    def test_any_pending_rows_can_be_sealed_in_any_order(self, sender: Sender) -> None:
        """The order given is the sequence; what is left over stays pending in its own order."""
        sender.submit(*range(10))
        rows = sender.pending()
        chosen = [rows[7], rows[2], rows[3], rows[0]]
        batch = do(sender.store, lambda tx: tx.seal(a_batch(sender.stream, 1, 4), chosen))
        assert sender.store.read(lambda tx: tx.sealed_records(batch)) == [record_of(n) for n in (7, 2, 3, 0)]
        assert bodies(sender) == [b"body %d" % number for number in (1, 4, 5, 6, 8, 9)]

    def test_a_row_is_sealed_once(self, sender: Sender) -> None:
        """Rows of one batch cannot be put into another; the attempt changes nothing."""
        sender.submit(1, 2)
        rows = sender.pending()
        sender.seal(1)
        with pytest.raises(ValueError, match="pending"):
            do(sender.store, lambda tx: tx.seal(a_batch(sender.stream, 2, 2), rows))
        assert bodies(sender) == [b"body 2"]

    def test_a_batch_counts_its_rows(self, sender: Sender) -> None:
        """A header that counts other rows than given is our mistake."""
        sender.submit(1, 2)
        rows = sender.pending()
        with pytest.raises(ValueError, match="as many rows"):
            do(sender.store, lambda tx: tx.seal(a_batch(sender.stream, 1, 3), rows))

    def test_unacknowledged_batches_come_in_sequence(self, sender: Sender) -> None:
        """What has no receipt is sent again from where the receiver stands."""
        sender.submit(*range(6))
        batches = [sender.seal(2) for _ in range(3)]

        def waiting(after: int, limit: int = 10) -> list[int]:
            found = sender.store.read(
                lambda tx: tx.unacknowledged(sender.stream.id, 1, after_sequence=after, limit=limit)
            )
            return [batch.first_sequence for batch in found]

        assert (waiting(0), waiting(2), waiting(0, 2)) == ([1, 3, 5], [3, 5], [1, 3])
        sender.settle(batches[0])
        assert waiting(0) == [3, 5]


class TestSettle:
    def test_a_receipt_is_kept_and_counted(self, sender: Sender) -> None:
        """A settled batch has its receipt; its rejected rows are linked to their source."""
        sender.submit(11, 12)
        sender.submit(13)
        batch = sender.seal()
        sender.settle(batch, 2)
        settled = sender.store.read(lambda tx: tx.batch_at(sender.stream.id, 1, 1))
        assert settled == replace(batch, receipt=a_signature("receipt 1/1"))
        (row,) = sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=10))
        assert (row.stream, row.epoch, row.sequence, row.position) == (str(NAME), 1, 2, 12)
        assert (row.source, row.source_label) == (sender.source.name, sender.source.label)
        assert (row.violation, row.rejected_time) == (VIOLATION, NOW)
        assert sender.store.read(lambda tx: tx.source_progress(sender.source.id)) == SourceProgress(3, 2, 1, 0, 0)

    def test_settling_twice_is_settling_once(self, sender: Sender) -> None:
        """A receipt that comes again counts nothing again."""
        sender.submit(1, 2, 3)
        batch = sender.seal()
        for _ in range(2):
            do(sender.store, lambda tx: settle(tx, batch, [1]))
        assert sender.store.read(lambda tx: tx.source_progress(sender.source.id)) == SourceProgress(3, 2, 1, 0, 0)
        assert len(sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=10))) == 1

    def test_rejections_find_their_rows_among_sources(self, sender: Sender) -> None:
        """A batch of several sources says of each what was refused; a page can be narrowed to one source."""
        other = a_source(sender.store, sender.stream, "other")
        sender.submit(1, 2)
        sender.submit(101, 102, source=other)
        sender.submit(3)
        sender.settle(sender.seal(), 2, 4, 5)
        read = sender.store.read
        everything = read(lambda tx: tx.rejected_rows(after_id=0, limit=10))
        assert [(row.source, row.position) for row in everything] == [
            (sender.source.name, 2),
            ("other", 102),
            (sender.source.name, 3),
        ]
        own = read(lambda tx: tx.rejected_rows(after_id=everything[0].id, limit=10, source_id=sender.source.id))
        assert [row.position for row in own] == [3]
        assert len(read(lambda tx: tx.rejected_rows(after_id=0, limit=2))) == 2
        assert read(lambda tx: tx.source_progress(other.id)) == SourceProgress(2, 1, 1, 0, 0)

    def test_a_batch_may_be_refused_whole(self, sender: Sender) -> None:
        """A thousand refused rows are a thousand rejections."""
        sender.submit(*range(1, 1_001))
        sender.settle(sender.seal(), *range(1, 1_001))
        rows = sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=2_000))
        assert [row.position for row in rows] == list(range(1, 1_001))

    def test_accepted_records_are_read_in_order(self, sender: Sender) -> None:
        """The records that the receiver has are those of answered batches without the refused ones."""
        sender.submit(*range(1, 7))
        sender.settle(sender.seal(3), 2)
        sender.settle(sender.seal(2))
        sender.seal(1)
        found = sender.store.read(lambda tx: list(tx.outbox_bodies(sender.stream.id)))
        assert found == [(1, number, record_of(number)) for number in (1, 3, 4, 5)]

    def test_accepted_records_of_many_batches(self, sender: Sender) -> None:
        """Reading goes on over pages and epochs."""
        sender.submit(*range(100))
        for _ in range(70):
            sender.settle(sender.seal(1))
        sender.next_epoch()
        sender.settle(sender.seal())
        found = sender.store.read(lambda tx: list(tx.outbox_bodies(sender.stream.id)))
        assert [record for _, _, record in found] == [record_of(number) for number in range(100)]
        assert [(epoch, sequence) for epoch, sequence, _ in found][69:71] == [(1, 70), (2, 1)]


def progress(sender: Sender) -> StreamProgress:
    """Say how far the stream is."""
    return sender.store.read(lambda tx: tx.stream_progress(sender.stream.id))


class TestProgress:
    def test_an_empty_stream(self, sender: Sender) -> None:
        """Nothing was submitted."""
        assert progress(sender) == StreamProgress(0, 0, 0, 0, 0, None)

    def test_every_record_is_somewhere(self, sender: Sender) -> None:
        """Submitted is acknowledged, rejected, pending or void; sealed without an answer is pending."""
        sender.submit(*range(10))
        assert progress(sender) == StreamProgress(10, 0, 0, 10, 0, NOW)
        first = sender.seal(4)
        sender.settle(first, 1)
        sender.seal(3)
        assert progress(sender) == StreamProgress(10, 3, 1, 6, 0, NOW)

    def test_the_oldest_may_be_sealed_or_not(self, sender: Sender) -> None:
        """The oldest pending record is looked for on both sides of the seal."""

        def append(minutes: int) -> None:
            now = NOW + timedelta(minutes=minutes)
            row = a_row(minutes)
            do(sender.store, lambda tx: tx.append_outbox(sender.stream.id, sender.source.id, [row], now=now))

        append(1)
        append(2)
        batch = sender.seal(1)
        assert progress(sender).oldest_pending_time == NOW + timedelta(minutes=1)
        sender.settle(batch)
        assert progress(sender).oldest_pending_time == NOW + timedelta(minutes=2)
        sender.settle(sender.seal())
        assert progress(sender).oldest_pending_time is None


def test_deleted_payload_is_an_empty_record(sender: Sender) -> None:
    """Records whose payload is gone keep their place."""
    sender.submit(1, 2, 3)
    sender.settle(sender.seal(2))
    batch = sender.seal(1)
    do(sender.store, lambda tx: tx.void_unacknowledged(sender.stream.id, 1, reason="moved away"))
    assert sender.store.read(lambda tx: tx.sealed_records(batch)) == [Record(b"", b"")]


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx: tx.source(1, "x"),
        lambda tx: tx.batch_at(1, 1, 1),
        lambda tx: tx.batch_covering(1, 1, 1),
        lambda tx: tx.batch_ending_at(1, 1, 1),
    ],
)
def test_what_is_not_there_is_none(store: Store, ask: Callable[..., object]) -> None:
    """An empty store has nothing."""
    assert store.read(ask) is None


def test_a_source_belongs_to_one_stream(store: Store) -> None:
    """The same file can go to two cities."""
    first = Sender(store)
    second = Sender(store, StreamName("320600", "330100", "social.contribution"))
    assert isinstance(first.source, Source)
    assert first.source.id != second.source.id


def test_a_record_knows_its_row(sender: Sender) -> None:
    """Lineage: source, row, mapping and what reading changed, for any record of a batch."""
    noted = [a_row(1), a_row(2)._replace(normalisations=("trim", "missing_word")), a_row(3)]

    def work(tx: Transaction) -> None:
        tx.append_outbox(sender.stream.id, sender.source.id, noted, now=NOW, mapping="1-5f3a09bc")

    do(sender.store, work)
    batch = sender.seal()
    second, third = (sender.store.read(lambda tx, n=n: tx.lineage(batch, n)) for n in (2, 3))  # type: ignore[misc]
    assert (second.source, second.source_label) == (sender.source.name, sender.source.label)
    assert (second.position, second.mapping, second.submitted_time) == (2, "1-5f3a09bc", NOW)
    assert second.normalisations == ("trim", "missing_word")
    assert (third.position, third.normalisations) == (3, ())
