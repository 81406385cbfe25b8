"""The receiver's records and receipts as the store keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from services.domain.batch import Record, Signed, StoredBatch
from services.domain.inbox import Accepted, InboxProgress, StoredRecord


class Inbox(Protocol):
    """What a receiver keeps."""

    def apply(self, batch: StoredBatch, accepted: Accepted, *, received_time: datetime) -> StoredBatch:
        """Insert an applied batch with its receipt and its accepted records.

        The caller advances the stream's watermark in the same transaction.
        """
        ...

    def hold(self, batch: StoredBatch) -> None:
        """Let nobody read an applied batch, nor what comes after it on its stream, before it is released.

        The caller holds the stream's row, here and in `release`.
        """
        ...

    def first_held(self, stream_id: int) -> StoredBatch | None:
        """Return the oldest batch that nobody may read yet."""
        ...

    def release(self, batch: StoredBatch, *, refused: Sequence[int]) -> None:
        """Let readers go on after the oldest held batch.

        Args:
            batch: As `first_held` returned it.
            refused: Offsets of records that broke a rule: their payload is deleted, and readers pass them over.
        """
        ...

    def batch_at(self, stream_id: int, epoch: int, first_sequence: int) -> StoredBatch | None:
        """Return the batch (outbound or inbound) that begins at a sequence."""
        ...

    def batch_ending_at(self, stream_id: int, epoch: int, last_sequence: int) -> StoredBatch | None:
        """Return the batch (outbound or inbound) that ends at a sequence."""
        ...

    def batch_covering(self, stream_id: int, epoch: int, sequence: int) -> StoredBatch | None:
        """Return the batch (outbound or inbound) that holds a sequence."""
        ...

    def receipted(self, stream_id: int, epoch: int, *, after_sequence: int, limit: int) -> Sequence[StoredBatch]:
        """Return batches with a receipt that begin after a sequence, by rising sequence."""
        ...

    def inbox_records(self, batch: StoredBatch) -> list[Record]:
        """Return the records of an inbound batch by offset; rejected and deleted ones are empty records."""
        ...

    def inbox_progress(self, stream_id: int) -> InboxProgress:
        """Say how far an inbound stream is; cost grows with its batches, not its records."""
        ...

    def superseded(self, stream_id: int, mended: Sequence[tuple[bytes, int]], epoch: int) -> set[bytes]:
        """Return the keys that have an accepted record after the sequence that a row wants to mend.

        Args:
            stream_id: Inbound stream.
            mended: (key, sequence of the rejected record) pairs.
            epoch: Epoch of those sequences; records of later epochs are newer.
        """
        ...

    def records(
        self,
        stream_id: int,
        *,
        after_id: int = 0,
        limit: int,
        latest_only: bool = False,
        upto_id: int | None = None,
    ) -> list[StoredRecord]:
        """Return accepted records of a stream by rising id, up to the first that is held.

        Args:
            stream_id: Inbound stream.
            after_id: Return records with a higher id.
            limit: Records at most.
            latest_only: Leave out records that a newer one of the same key replaced (among those upto ``upto_id``).
            upto_id: Last id of the snapshot; None: no bound.
        """
        ...

    def last_record_id(self, stream_id: int) -> int:
        """Return the highest record id that may be read, 0 when there is none: the bound of a repeatable snapshot."""
        ...

    def watched(self, watcher: str, stream_id: int) -> int:
        """Return the id of the last record that a named watcher acknowledged; 0 when it never did."""
        ...

    def put_watched(self, watcher: str, stream_id: int, record_id: int) -> int:
        """Keep how far a named watcher has come and return it; it never goes back."""
        ...

    def add_conflict(self, stream_id: int, statement: Signed, *, now: datetime) -> None:
        """Keep the signed statement that a range was offered twice."""
        ...

    def iterate_records(self, stream_id: int, *, upto_id: int, latest_only: bool) -> Iterator[StoredRecord]:
        """Yield a snapshot's records in order, streaming; what `records` pages through."""
        ...
