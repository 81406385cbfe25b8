"""The outbox: sealed batches, their records, and how far a stream is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, bindparam, cast, func, select, tuple_

from services.domain.batch import Record, StoredBatch
from services.domain.outbox import Lineage, PendingRow, StreamProgress
from services.store import runs
from services.store.runs import Run
from services.store.tables import BATCH, OFFSET_BITS, OUTBOX, RECEIPT, REJECTION, SOURCE, STREAM, SUBMISSION
from services.store.transaction.batches import BATCHES, NOT_ABANDONED, BatchesPart
from services.store.transaction.pending import PendingPart, position_at
from services.store.transaction.sources import progress_of

_PAGE_BATCHES: Final = 64

_RUNS: Final = select(BATCH.c.record_runs).where(BATCH.c.id == bindparam("batch_id"))
_ANSWERED: Final = (
    select(BATCH.c.id, BATCH.c.epoch, BATCH.c.first_sequence, BATCH.c.record_runs)
    .join(RECEIPT, RECEIPT.c.batch_id == BATCH.c.id)
    .where(
        BATCH.c.stream_id == bindparam("stream_id"),
        tuple_(BATCH.c.epoch, BATCH.c.first_sequence) > tuple_(bindparam("epoch"), bindparam("first_sequence")),
    )
    .order_by(BATCH.c.epoch, BATCH.c.first_sequence)
    .limit(_PAGE_BATCHES)
)


_LINEAGE: Final = (
    select(
        SOURCE.c.name,
        SOURCE.c.label,
        SUBMISSION.c.positions,
        SUBMISSION.c.mapping,
        SUBMISSION.c.notes,
        SUBMISSION.c.submitted_time,
    )
    .join(SOURCE, SOURCE.c.id == SUBMISSION.c.source_id)
    .where(SUBMISSION.c.id == bindparam("id"))
)


class OutboxPart(PendingPart, BatchesPart):
    """The part of `services.ports.outbox.Outbox` about sealed batches."""

    def seal(self, batch: StoredBatch, rows: Sequence[PendingRow]) -> StoredBatch:
        """See the port.

        Raises:
            ValueError: A row is not pending, or the batch counts other rows.
        """
        if not rows or len(rows) != batch.record_count:
            raise ValueError("a batch holds as many rows as it says, at least one")
        held = runs.runs_of(row.id for row in rows)
        oldest_time = self._take_pending(batch.stream_id, held)
        return self._insert_batch(batch, oldest_time=oldest_time, record_runs=runs.pack(held))

    def unacknowledged(self, stream_id: int, epoch: int, *, after_sequence: int, limit: int) -> Sequence[StoredBatch]:
        """See the port."""
        waiting = self._unanswered(BATCHES, stream_id, epoch).where(BATCH.c.first_sequence > after_sequence)
        return self._batches(waiting.order_by(BATCH.c.first_sequence).limit(limit))

    def sealed_records(self, batch: StoredBatch) -> list[Record]:
        """See the port."""
        return self._records(OUTBOX, self._runs_of_batch(batch.id))

    def lineage(self, batch: StoredBatch, sequence: int) -> Lineage:
        """See the port."""
        record_ids = list(runs.ids_of(self._runs_of_batch(batch.id)))
        record_id = record_ids[sequence - batch.first_sequence]
        row: Any = self._connection.execute(_LINEAGE, {"id": record_id >> OFFSET_BITS}).one()
        offset = runs.offset_of(record_id)
        notes: dict[str, list[int]] = json.loads(row.notes or "{}")
        noted = tuple(name for name, offsets in notes.items() if offset in offsets)
        position = position_at(row.positions, offset)
        return Lineage(row.name, row.label, position, row.mapping, noted, row.submitted_time)

    def stream_progress(self, stream_id: int) -> StreamProgress:
        """See the port. Reads one row for each source, none for each record."""
        columns = (SOURCE.c.submitted, SOURCE.c.acknowledged, SOURCE.c.rejected, SOURCE.c.void)
        # PostgreSQL sums bigint as numeric.
        sums = [cast(func.coalesce(func.sum(column), 0), BigInteger) for column in columns]
        row: Any = self._connection.execute(select(*sums).where(SOURCE.c.stream_id == stream_id)).one()
        all_sources = progress_of(*row)
        return StreamProgress(
            submitted=all_sources.submitted,
            acknowledged=all_sources.acknowledged,
            rejected=all_sources.rejected,
            pending=all_sources.pending,
            void=all_sources.void,
            oldest_pending_time=self._oldest_pending_time(stream_id),
        )

    def outbox_bodies(self, stream_id: int) -> Iterator[tuple[int, int, Record]]:
        """See the port."""
        for batch_id, epoch, first_sequence, packed in self._answered(stream_id):
            rejected = self._rejected_sequences(batch_id)
            for sequence, record in enumerate(self._records(OUTBOX, runs.unpack(packed)), first_sequence):
                if sequence not in rejected:
                    yield epoch, sequence, record

    def _answered(self, stream_id: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield (id, epoch, first sequence, runs) of batches with a receipt, in order, page by page."""
        parameters = {"stream_id": stream_id, "epoch": 0, "first_sequence": 0}
        while page := self._dialect.rows(self._connection, _ANSWERED, parameters):
            yield from page
            parameters |= {"epoch": page[-1][1], "first_sequence": page[-1][2]}

    def _runs_of_batch(self, batch_id: int) -> list[Run]:
        return runs.unpack(self._connection.execute(_RUNS, {"batch_id": batch_id}).scalar_one())

    def _rejected_sequences(self, batch_id: int) -> set[int]:
        statement = select(REJECTION.c.sequence).where(REJECTION.c.batch_id == batch_id)
        return set(self._connection.execute(statement).scalars())

    def _unanswered(self, statement: Select[Any], stream_id: int, epoch: int) -> Select[Any]:
        """Narrow batches outer-joined with receipts to those that have none and were not abandoned."""
        return statement.where(
            BATCH.c.stream_id == stream_id, BATCH.c.epoch == epoch, RECEIPT.c.batch_id.is_(None), NOT_ABANDONED
        )

    def _oldest_pending_time(self, stream_id: int) -> datetime | None:
        """Look at the first pending run and at the batches above the acknowledged position."""
        sealed = (
            select(func.min(BATCH.c.oldest_time))
            .select_from(STREAM.join(BATCH, BATCH.c.stream_id == STREAM.c.id))
            .outerjoin(RECEIPT, RECEIPT.c.batch_id == BATCH.c.id)
            .where(
                STREAM.c.id == stream_id,
                BATCH.c.epoch == STREAM.c.epoch,
                BATCH.c.first_sequence > STREAM.c.watermark,
                RECEIPT.c.batch_id.is_(None),
                NOT_ABANDONED,
            )
        )
        times = (self._connection.execute(sealed).scalar_one(), self._first_pending_time(stream_id))
        return min((time for time in times if time is not None), default=None)
