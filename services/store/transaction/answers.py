"""Answers: what a receipt does to the rows of its batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from services.domain.batch import Signed, StoredBatch
from services.domain.receipt import Rejection
from services.store import runs
from services.store.dialect import Dialect
from services.store.runs import Run
from services.store.tables import ABANDONED, OFFSET_BITS, SUBMISSION
from services.store.transaction.outbox import OutboxPart
from services.store.transaction.rejections import RejectionsPart
from services.store.transaction.sources import Change

_ABANDONED: Final = select(ABANDONED.c.batch_id).where(ABANDONED.c.batch_id == bindparam("batch_id"))


class AnswersPart(OutboxPart, RejectionsPart):
    """The part of `services.ports.outbox.Outbox` about receipts."""

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
            self._count_answer(batch, self._runs_of_batch(batch.id), rejections, received_time)

    def _count_answer(
        self, batch: StoredBatch, held: Sequence[Run], rejections: Sequence[Rejection], received_time: datetime
    ) -> None:
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
            self._insert_rejections(batch, received_time, refused, source_ids)

    def _source_ids(self, held: Iterable[Run]) -> dict[int, int]:
        """Return the source of each submission that holds some of the records."""
        return dict(self._dialect.rows(self._connection, _source_ids_of(self._dialect), _owners(held)))


def _owners(held: Iterable[Run]) -> dict[str, str]:
    owners = sorted({run.owner for run in held})
    return {"runs": runs.to_parameter(Run(owner, 1) for owner in owners)}


@cache
def _source_ids_of(dialect: Dialect) -> Select[Any]:
    submissions = dialect.runs.join(SUBMISSION, SUBMISSION.c.id == dialect.runs.c.first)
    return select(SUBMISSION.c.id, SUBMISSION.c.source_id).select_from(submissions)
