from __future__ import annotations

import pytest

from services.domain.batch import Record, StoredBatch
from services.domain.outbox import PendingRow, RecoveredRow, SourceProgress, StreamProgress
from services.domain.receipt import Rejection
from services.domain.standing import WITHDRAWN
from services.domain.tags import SUBJECT_BYTES
from services.ports.store import Transaction
from tests.contract.store.samples import (
    NOW,
    VIOLATION,
    Sender,
    a_batch,
    a_key,
    a_row,
    a_signature,
    a_source,
    do,
    record_of,
    settle,
)


def recovered(number: int) -> RecoveredRow:
    """Make a record that the receiver gave back."""
    return RecoveredRow(a_key(number), *record_of(number))


def bring_back(sender: Sender, rows: list[PendingRow | RecoveredRow], *rejected: int) -> StoredBatch:
    """Import a batch from sequence 1 on."""
    rejections = [Rejection(sequence, VIOLATION) for sequence in rejected]
    batch = a_batch(sender.stream, 1, len(rows), receipt=a_signature("original receipt"))
    return do(sender.store, lambda tx: tx.import_batch(batch, rows, rejections, now=NOW))


def claim(sender: Sender, *numbers: int) -> list[bytes]:
    """Submit rows that may have been recovered, and claim; return the bodies of those that are still pending."""

    def work(tx: Transaction) -> list[bytes]:
        rows = [a_row(number)._replace(salt=b"another salt 123") for number in numbers]
        source = tx.source(sender.stream.id, sender.source.name)
        assert source is not None
        before = tx.pending(sender.stream.id, records_max=10_000)
        tx.append_outbox(sender.stream.id, sender.source.id, rows, now=NOW)
        upto = source.position + len(rows)
        assert tx.advance_source(source.id, after=source.position, upto=upto, submitted=len(rows))
        new = tx.pending(sender.stream.id, records_max=10_000)[len(before) :]
        left = tx.claim_recovered(sender.stream.id, new)
        assert tx.pending(sender.stream.id, records_max=10_000) == [*before, *left]
        return [row.record.body for row in left]

    return do(sender.store, work)


def said_of(sender: Sender) -> list[bytes]:
    """Return what was said about the subject that all rows of the samples share."""
    subject = a_key(0)[:SUBJECT_BYTES]
    (said,) = sender.store.read(lambda tx: tx.said_of(sender.stream.name.dataset, [subject], newest=10))
    return said


def progress(sender: Sender) -> tuple[StreamProgress, SourceProgress]:
    """Say how far the stream and its first source are."""
    return sender.store.read(lambda tx: (tx.stream_progress(sender.stream.id), tx.source_progress(sender.source.id)))


class TestRestoredSender:
    def test_a_batch_comes_back_with_its_receipt(self, sender: Sender) -> None:
        """An imported batch is acknowledged, and its records are read like any other's."""
        batch = bring_back(sender, [recovered(1), RecoveredRow(b"", b"", b""), recovered(3)], 2)
        assert sender.store.read(lambda tx: tx.batch_at(sender.stream.id, 1, 1)) == batch
        assert batch.receipt == a_signature("original receipt")
        records = sender.store.read(lambda tx: tx.sealed_records(batch))
        assert records == [record_of(1), Record(b"", b""), record_of(3)]
        assert progress(sender)[0] == StreamProgress(3, 2, 1, 0, 0, None)
        (rejected,) = sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=10))
        assert (rejected.sequence, rejected.source, rejected.position) == (2, "", 0)

    def test_what_came_back_and_was_submitted_again_is_still_said(self, sender: Sender) -> None:
        """A subject whose row claims a recovered record has its body: look-ups answer from it."""
        bring_back(sender, [recovered(1)])
        assert claim(sender, 1) == []
        assert said_of(sender) == [record_of(1).body]

    def test_a_retraction_that_came_back_withdraws(self, sender: Sender) -> None:
        """It repeats what it withdraws, and nobody is told that as what stands."""
        bring_back(sender, [recovered(1), recovered(2)._replace(content=WITHDRAWN)])
        assert said_of(sender) == [record_of(1).body]

    def test_rows_that_are_still_pending_become_its_rows(self, sender: Sender) -> None:
        """What the restored sender still had is not sent again, and keeps its source."""
        sender.submit(1, 2, 3)
        first, second, third = sender.pending()
        bring_back(sender, [second, recovered(9), first], 3)
        assert sender.pending() == [third]
        assert progress(sender)[1] == SourceProgress(3, 1, 1, 1, 0)
        assert progress(sender)[0] == StreamProgress(4, 2, 1, 1, 0, NOW)
        (rejected,) = sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=10))
        assert (rejected.source, rejected.position) == (sender.source.name, 1)

    def test_an_import_needs_a_receipt(self, sender: Sender) -> None:
        """Only what the receiver has signed for can come back."""
        batch = a_batch(sender.stream, 1, 1)
        with pytest.raises(ValueError, match="receipt"):
            do(sender.store, lambda tx: tx.import_batch(batch, [recovered(1)], [], now=NOW))

    def test_recovered_records_are_claimed_once(self, sender: Sender) -> None:
        """Submitting a file again doubles nothing that came back: each record is claimed by one row."""
        bring_back(sender, [recovered(1), recovered(2), recovered(1), RecoveredRow(b"", b"", b"")], 4)
        assert sender.store.read(lambda tx: tx.recovered_count(sender.stream.id)) == 3
        assert claim(sender, 1, 3) == [a_row(3).body]
        assert sender.store.read(lambda tx: tx.recovered_count(sender.stream.id)) == 2
        assert progress(sender)[1] == SourceProgress(2, 1, 0, 1, 0)
        assert claim(sender, 1, 1, 2) == [a_row(1).body]
        assert sender.store.read(lambda tx: tx.recovered_count(sender.stream.id)) == 0
        assert claim(sender, 2) == [a_row(2).body]
        stream, source = progress(sender)
        assert source == SourceProgress(6, 3, 0, 3, 0)
        assert stream == StreamProgress(7, 3, 1, 3, 0, NOW)

    def test_claims_of_another_stream_find_nothing(self, sender: Sender) -> None:
        """What was recovered on one stream cannot be claimed on another."""
        bring_back(sender, [recovered(1)])
        other = sender.stream.id + 1
        sender.submit(1)
        rows = sender.pending()
        assert sender.store.read(lambda tx: tx.recovered_count(other)) == 0
        assert do(sender.store, lambda tx: tx.claim_recovered(other, rows)) == rows

    def test_many_are_claimed_in_one_call(self, sender: Sender) -> None:
        """A thousand rows find their thousand records."""
        bring_back(sender, [recovered(number) for number in range(1_200)])
        assert claim(sender, *range(1_200)) == []


class TestEndOfEpoch:
    def test_reopened_rows_come_first(self, sender: Sender) -> None:
        """Rows of unanswered batches are pending again, before newer ones, and can be sealed again."""
        sender.submit(*range(6))
        sender.settle(sender.seal(2))
        unanswered = sender.seal(2)
        sender.next_epoch()
        reopened = do(sender.store, lambda tx: tx.reopen_unacknowledged(sender.stream.id, 1))
        assert reopened == 2
        assert [row.record.body for row in sender.pending()] == [b"body %d" % number for number in (2, 3, 4, 5)]
        again = sender.seal()
        assert (again.epoch, again.first_sequence) == (2, 1)
        sender.settle(again)
        assert progress(sender)[0] == StreamProgress(6, 6, 0, 0, 0, None)
        assert unanswered.first_sequence == 3
        assert sender.store.read(lambda tx: tx.batch_at(sender.stream.id, 1, 3)) is None

    def test_void_rows_are_gone(self, sender: Sender) -> None:
        """Rows of unanswered batches are undeliverable: counted, and their payload deleted."""
        other = a_source(sender.store, sender.stream, "other")
        sender.submit(1, 2)
        sender.submit(3, source=other)
        sender.settle(sender.seal(1))
        unanswered = sender.seal()
        sender.next_epoch()
        void = do(sender.store, lambda tx: tx.void_unacknowledged(sender.stream.id, 1, reason="moved away"))
        assert void == 2
        assert sender.pending() == []
        assert sender.store.read(lambda tx: tx.sealed_records(unanswered)) == [Record(b"", b"")] * 2
        assert progress(sender) == (StreamProgress(3, 1, 0, 0, 2, None), SourceProgress(2, 1, 0, 0, 1))

    @pytest.mark.parametrize("end", ["reopen", "void"])
    def test_an_abandoned_batch_waits_no_more(self, sender: Sender, end: str) -> None:
        """It is not sent, not abandoned twice, and cannot be settled: its rows are elsewhere by now."""
        sender.submit(1, 2)
        batch = sender.seal()

        def abandon(tx: Transaction) -> int:
            if end == "reopen":
                return tx.reopen_unacknowledged(sender.stream.id, 1)
            return tx.void_unacknowledged(sender.stream.id, 1, reason="why")

        assert [do(sender.store, abandon) for _ in range(2)] == [2, 0]
        waiting = sender.store.read(lambda tx: tx.unacknowledged(sender.stream.id, 1, after_sequence=0, limit=9))
        assert waiting == []
        with pytest.raises(ValueError, match="abandoned"):
            do(sender.store, lambda tx: settle(tx, batch))
        assert sender.store.read(lambda tx: tx.batch_at(sender.stream.id, 1, 1)) is None

    def test_other_epochs_stay(self, sender: Sender) -> None:
        """Only the named epoch's batches are abandoned."""
        sender.submit(1)
        sender.seal()
        assert do(sender.store, lambda tx: tx.reopen_unacknowledged(sender.stream.id, 2)) == 0
        assert sender.pending() == []
