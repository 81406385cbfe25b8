"""Answers: what a receipt does to the rows of its batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from services.domain.batch import Signed, StoredBatch
from services.domain.outbox import RejectedRow
from services.domain.receipt import Rejection, Violation
from services.store import runs
from services.store.dialect import Dialect
from services.store.runs import Run
from services.store.tables import ABANDONED, BATCH, OFFSET_BITS, RECEIPT, REJECTION, SOURCE, STREAM, SUBMISSION
from services.store.transaction.outbox import OutboxPart
from services.store.transaction.pending import position_at
from services.store.transaction.sources import Change

_ABANDONED: Final = select(ABANDONED.c.batch_id).where(ABANDONED.c.batch_id == bindparam("batch_id"))
_REJECTED: Final = (
    select(
        REJECTION,
        STREAM.c.name.label("stream"),
        BATCH.c.epoch,
        SOURCE.c.name.label("source"),
        SOURCE.c.label,
        RECEIPT.c.received_time,
    )
    .select_from(REJECTION.join(BATCH).join(STREAM, STREAM.c.id == BATCH.c.stream_id))
    .join(SOURCE, SOURCE.c.id == REJECTION.c.source_id)
    .join(RECEIPT, RECEIPT.c.batch_id == BATCH.c.id)
    .order_by(REJECTION.c.id)
)


class AnswersPart(OutboxPart):
    """The part of `services.ports.outbox.Outbox` about receipts and rejections."""

    def settle(
        self,
        batch: StoredBatch,
        receipt: Signed,
        rejections: Sequence[Rejection],
        *,
        accepted: int,
        received_time: datetime,
    ) -> None:
        """See the port.

        Raises:
            ValueError: The batch was abandoned: its rows are pending again, or void.
        """
        if self._connection.execute(_ABANDONED, {"batch_id": batch.id}).one_or_none() is not None:
            raise ValueError("the batch was abandoned when its epoch ended")
        if self._insert_receipt(batch.id, receipt, accepted=accepted, received_time=received_time):
            self._count_answer(batch, self._runs_of_batch(batch.id), rejections)

    def rejected_rows(self, *, after_id: int, limit: int, source_id: int | None = None) -> Sequence[RejectedRow]:
        """See the port."""
        statement = _REJECTED.where(REJECTION.c.id > after_id).limit(limit)
        if source_id is not None:
            statement = statement.where(REJECTION.c.source_id == source_id)
        return [_to_rejected(row) for row in self._connection.execute(statement)]

    def _count_answer(self, batch: StoredBatch, held: Sequence[Run], rejections: Sequence[Rejection]) -> None:
        """Add a batch's answer to its sources, and link its rejections to their rows."""
        source_ids = self._source_ids(held)
        changes: dict[int, Change] = defaultdict(Change)
        for run in held:
            changes[source_ids[run.owner]].acknowledged += run.size
        record_ids = list(runs.ids_of(held))
        refused = [(record_ids[one.sequence - batch.first_sequence], one) for one in rejections]
        for record_id, _ in refused:
            change = changes[source_ids[record_id >> OFFSET_BITS]]
            change.acknowledged -= 1
            change.rejected += 1
        self._count(changes)
        if refused:
            self._insert_rejections(batch.id, refused, source_ids)

    def _insert_rejections(
        self, batch_id: int, refused: Sequence[tuple[int, Rejection]], source_ids: dict[int, int]
    ) -> None:
        positions = self._positions(record_id for record_id, _ in refused)
        rows: list[dict[str, int | str]] = [
            {
                "batch_id": batch_id,
                "sequence": one.sequence,
                "source_id": source_ids[record_id >> OFFSET_BITS],
                "position": position_at(positions[record_id >> OFFSET_BITS], runs.offset_of(record_id)),
                "field_path": one.violation.field_path,
                "rule_id": one.violation.rule_id,
                "reason": one.violation.reason,
            }
            for record_id, one in refused
        ]
        self._dialect.insert_rows(self._connection, REJECTION, rows)

    def _source_ids(self, held: Iterable[Run]) -> dict[int, int]:
        """Return the source of each submission that holds some of the records."""
        return dict(self._dialect.rows(self._connection, _source_ids_of(self._dialect), _owners(held)))

    def _positions(self, record_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the positions' column of each submission that holds some of the records."""
        held = _owners(runs.runs_of(record_ids))
        return dict(self._dialect.rows(self._connection, _positions_of(self._dialect), held))


def _owners(held: Iterable[Run]) -> dict[str, str]:
    owners = sorted({run.owner for run in held})
    return {"runs": runs.to_parameter(Run(owner, 1) for owner in owners)}


@cache
def _source_ids_of(dialect: Dialect) -> Select[Any]:
    submissions = dialect.runs.join(SUBMISSION, SUBMISSION.c.id == dialect.runs.c.first)
    return select(SUBMISSION.c.id, SUBMISSION.c.source_id).select_from(submissions)


@cache
def _positions_of(dialect: Dialect) -> Select[Any]:
    submissions = dialect.runs.join(SUBMISSION, SUBMISSION.c.id == dialect.runs.c.first)
    return select(SUBMISSION.c.id, SUBMISSION.c.positions).select_from(submissions)


def _to_rejected(row: Any) -> RejectedRow:  # noqa: ANN401 - a row of _REJECTED
    return RejectedRow(
        id=row.id,
        stream=row.stream,
        epoch=row.epoch,
        sequence=row.sequence,
        source=row.source,
        source_label=row.label,
        position=row.position,
        violation=Violation(row.field_path, row.rule_id, row.reason),
        rejected_time=row.received_time,
    )
