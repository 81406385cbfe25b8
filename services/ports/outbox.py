"""The sender's rows, batches and answers as the store keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from services.domain.batch import Record, Signed, StoredBatch
from services.domain.outbox import (
    Lineage,
    OutboxRow,
    PendingRow,
    RecoveredRow,
    Source,
    SourceProgress,
    StreamProgress,
)
from services.domain.receipt import Rejection
from services.domain.rejection import LocalRejection, Mending, RejectedRow
from services.domain.standing import Standings, Unmerged


class Outbox(Protocol):
    """What a sender keeps."""

    def source(self, stream_id: int, name: str) -> Source | None:
        """Return a source by its name."""
        ...

    def sources(self, stream_id: int, name_prefix: str) -> Sequence[Source]:
        """Return the sources whose name is the prefix, or the prefix and "#n", oldest first."""
        ...

    def add_source(self, source: Source) -> Source:
        """Insert a source and return it with its id; when the name exists already, return what stands."""
        ...

    def advance_source(self, source_id: int, *, after: int, upto: int, submitted: int, cursor: str = "") -> bool:
        """Move a source's position by compare-and-swap and add to its count of submitted records.

        Args:
            source_id: Source.
            after: Where it must stand.
            upto: Where it stands afterwards.
            submitted: Records to add to its count.
            cursor: Where its reader goes on; empty leaves what stands.

        Returns:
            False when the cursor stands elsewhere; nothing was changed.
        """
        ...

    def append_outbox(
        self,
        stream_id: int,
        source_id: int,
        rows: Sequence[OutboxRow],
        *,
        now: datetime,
        mapping: str = "",
        delivered: bool = True,
    ) -> int:
        """Append rows, all pending, in order.

        Args:
            stream_id: Outbound stream.
            source_id: Where the rows come from.
            rows: At least one.
            now: When they were submitted.
            mapping: Version of the mapping that made them, for the lineage; empty when their sender mapped them.
            delivered: False for the city's own register: nobody receives the rows, so they count as acknowledged.

        Returns:
            Id of the first of them; the others' follow it. 0 where there are none.
        """
        ...

    def pending(self, stream_id: int, *, records_max: int) -> list[PendingRow]:
        """Return the first pending rows by rising id."""
        ...

    def seal(self, batch: StoredBatch, rows: Sequence[PendingRow]) -> StoredBatch:
        """Store a sealed batch with the rows it holds, in sequence; they are not pending any more.

        Returns:
            The batch with its id.
        """
        ...

    def unacknowledged(self, stream_id: int, epoch: int, *, after_sequence: int, limit: int) -> Sequence[StoredBatch]:
        """Return sealed batches without a receipt that begin after a sequence, by rising sequence."""
        ...

    def sealed_records(self, batch: StoredBatch) -> list[Record]:
        """Return the records of an outbound batch in sequence; deleted payloads are empty records."""
        ...

    def lineage(self, batch: StoredBatch, sequence: int) -> Lineage:
        """Return where a record of an outbound batch comes from.

        Args:
            batch: Holds the record.
            sequence: The record's.
        """
        ...

    def settle(
        self,
        batch: StoredBatch,
        receipt: Signed,
        rejections: Sequence[Rejection],
        *,
        accepted: int,
        received_time: datetime,
    ) -> None:
        """Store the receiver's receipt for a batch and its rejections linked to their rows; idempotent."""
        ...

    def import_batch(
        self,
        batch: StoredBatch,
        rows: Sequence[PendingRow | RecoveredRow],
        rejections: Sequence[Rejection],
        *,
        now: datetime,
    ) -> StoredBatch:
        """Store a batch that a restored sender got back with its receipt.

        Rows that are still pending here become its rows; recovered ones are inserted without a source, and those
        with a body wait to be claimed by `claim_recovered`.
        """
        ...

    def recovered_count(self, stream_id: int) -> int:
        """Return how many recovered records no submission has claimed yet (0: the usual case, cheap)."""
        ...

    def claim_recovered(self, stream_id: int, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """Link pending rows to recovered records with the same body, each at most once; those are not pending any more.

        Returns:
            The rows that match none and so must be sent.
        """
        ...

    def reopen_unacknowledged(self, stream_id: int, epoch: int) -> int:
        """Make the rows of an epoch's unacknowledged batches pending again, before newer ones.

        The batches are abandoned: no look-up finds them any more, and others may begin at their sequences.

        Returns:
            How many rows.
        """
        ...

    def void_unacknowledged(self, stream_id: int, epoch: int, *, reason: str) -> int:
        """Declare the rows of an ended epoch's unacknowledged batches undeliverable; their payload is deleted.

        Returns:
            How many rows.
        """
        ...

    def source_progress(self, source_id: int) -> SourceProgress:
        """Say how far one source's records are; cost grows with its batches, not its records."""
        ...

    def stream_progress(self, stream_id: int) -> StreamProgress:
        """Say how far an outbound stream is."""
        ...

    def rejected_rows(
        self, *, after_id: int, limit: int, source_id: int | None = None, open_only: bool = False
    ) -> Sequence[RejectedRow]:
        """Return refused rows by rising id, of both cities."""
        ...

    def add_local_rejections(
        self, stream_id: int, source_id: int, rejected: Sequence[LocalRejection], *, now: datetime
    ) -> None:
        """Keep rows that this side refused; one that stands already for the same row of the source stays as it is."""
        ...

    def open_rejections(self, stream_id: int, rejection_ids: Sequence[int]) -> set[int]:
        """Return those of some rejections that belong to a stream and are open."""
        ...

    def close_reread(
        self, stream_id: int, source_id: int, keys: Sequence[bytes], *, upto_position: int, now: datetime
    ) -> int:
        """Close what this node refused in earlier reads of a source, since the same rows were read and refused again.

        Args:
            stream_id: Outbound stream.
            source_id: A source whose reads go on where the last one ended, and begin a little before.
            keys: Of the rows that are refused now.
            upto_position: Where the earlier reads ended.
            now: When.

        Returns:
            How many were closed.
        """
        ...

    def close_rejections(
        self,
        stream_id: int,
        source_id: int,
        mended: Sequence[Mending],
        keys: Sequence[tuple[bytes, int]],
        *,
        now: datetime,
    ) -> int:
        """Close rejections whose subject is sent again.

        Args:
            stream_id: Outbound stream.
            source_id: Source of the rows that take their place.
            mended: Rows that name the rejection that they mend.
            keys: (business key, position) of submitted rows: whatever is open under such a key is closed too.
            now: When.

        Returns:
            How many were closed.
        """
        ...

    def close_rejection(self, rejection_id: int, *, reason: str, now: datetime) -> bool:
        """Close one rejection by an operator's word; False when it is unknown or closed already."""
        ...

    def close_former_runs(self, stream_id: int, name_prefix: str, *, now: datetime) -> int:
        """Close the local rejections of a source's former runs: its rows are presented anew."""
        ...

    def unmerged_words(self, stream_id: int, *, records_max: int) -> Unmerged:
        """Return what the oldest submissions say that are not merged yet; at least one, where there is any."""
        ...

    def merge_words(self, stream_id: int, words: Sequence[bytes], *, upto: int) -> None:
        """Bring some words into what stands. Repeating it changes nothing; refused records are left out.

        Args:
            stream_id: Outbound stream.
            words: Sorted ones, of `unmerged_words`; the others of the same subjects come with them or after them.
            upto: Of the same; nothing is done where that is merged already.
        """
        ...

    def mark_merged(self, stream_id: int, *, upto: int) -> int:
        """Note that all words up to a submission are merged: `standing_pages` sees them then.

        Returns:
            Records that are still left.
        """
        ...

    def find_standing(self, stream_id: int, keys: bytes) -> Standings:
        """Return what stands under some keys, 16 bytes each.

        What is not merged yet is looked through too, so it may be asked while a bounded number of records wait.
        """
        ...

    def standing_pages(self, stream_id: int) -> Iterator[Standings]:
        """Yield everything that stands, withdrawn subjects too, by rising key, page by page."""
        ...

    def outbox_records(self, stream_id: int, record_ids: Sequence[int]) -> list[Record]:
        """Return records of a stream's outbox by their ids; empty ones where the payload is deleted."""
        ...

    def outbox_bodies(self, stream_id: int) -> Iterator[tuple[int, int, Record]]:
        """Yield (epoch, sequence, record) of every acknowledged and accepted record, in order, streaming."""
        ...
