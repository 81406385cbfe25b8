"""Rejections: refused rows of both cities, and what closed them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update

from services.domain.batch import StoredBatch
from services.domain.receipt import Rejection, Violation
from services.domain.rejection import Closing, LocalRejection, Mending, RejectedBy, RejectedRow
from services.store import runs
from services.store.dialect import Dialect, Plain
from services.store.tables import BATCH, OFFSET_BITS, REJECTION, SOURCE, STREAM, SUBMISSION
from services.store.transaction.pending import position_at
from services.store.transaction.sources import SourcesPart
from services.store.transaction.standing import StandingPart

_CLOSER: Final = SOURCE.alias("closer")
_OPEN: Final = REJECTION.c.closed_time.is_(None)
_REJECTED: Final = (
    select(
        REJECTION,
        STREAM.c.name.label("stream"),
        BATCH.c.epoch,
        SOURCE.c.name.label("source"),
        SOURCE.c.label,
        _CLOSER.c.label.label("closer_label"),
    )
    .select_from(REJECTION.join(STREAM, STREAM.c.id == REJECTION.c.stream_id))
    .join(SOURCE, SOURCE.c.id == REJECTION.c.source_id)
    .outerjoin(BATCH, BATCH.c.id == REJECTION.c.batch_id)
    .outerjoin(_CLOSER, _CLOSER.c.id == REJECTION.c.closed_source_id)
    .order_by(REJECTION.c.id)
)
_ANY_OPEN: Final = (
    select(REJECTION.c.id).where(REJECTION.c.stream_id == bindparam("stream_id"), _OPEN, REJECTION.c.record_key != b"")
).limit(1)
_CLOSE: Final = (
    update(REJECTION)
    .where(REJECTION.c.id == bindparam("rejection_id"), _OPEN)
    .values(
        closed_time=bindparam("now"), closed_source_id=bindparam("by_source"), closed_position=bindparam("by_position")
    )
)


class RejectionsPart(SourcesPart, StandingPart):
    """The part of `services.ports.outbox.Outbox` about refused rows."""

    def rejected_rows(
        self, *, after_id: int, limit: int, source_id: int | None = None, open_only: bool = False
    ) -> Sequence[RejectedRow]:
        """See the port."""
        statement = _REJECTED.where(REJECTION.c.id > after_id).limit(limit)
        if source_id is not None:
            statement = statement.where(REJECTION.c.source_id == source_id)
        if open_only:
            statement = statement.where(_OPEN)
        return [_to_rejected(row) for row in self._connection.execute(statement)]

    def add_local_rejections(
        self, stream_id: int, source_id: int, rejected: Sequence[LocalRejection], *, now: datetime
    ) -> None:
        """See the port."""
        rows = []
        for one in rejected:
            row = _row(stream_id, source_id, one.position, one.violation, now)
            rows.append(row | {"column_name": one.column, "record_key": one.key})
        if rows:
            self._dialect.insert_rows(self._connection, REJECTION, rows, skip_existing=True)

    def open_rejections(self, stream_id: int, rejection_ids: Sequence[int]) -> set[int]:
        """See the port."""
        wanted = REJECTION.c.id.in_(list(rejection_ids))
        found = select(REJECTION.c.id).where(REJECTION.c.stream_id == stream_id, _OPEN, wanted)
        return set(self._connection.execute(found).scalars())

    def close_rejections(
        self,
        stream_id: int,
        source_id: int,
        mended: Sequence[Mending],
        keys: Sequence[tuple[bytes, int]],
        *,
        now: datetime,
    ) -> int:
        """See the port."""
        closing = {one.rejection_id: one.position for one in mended} | self._open_under(stream_id, dict(keys))
        rows = [
            {"rejection_id": rejection_id, "now": now, "by_source": source_id, "by_position": position}
            for rejection_id, position in closing.items()
        ]
        if rows:
            self._connection.execute(_CLOSE, rows)
        return len(rows)

    def close_reread(
        self, stream_id: int, source_id: int, keys: Sequence[bytes], *, upto_position: int, now: datetime
    ) -> int:
        """See the port."""
        parameters = {"stream_id": stream_id, "keys": b"".join(keys), "of_source": source_id, "upto": upto_position}
        found = self._dialect.rows(self._connection, _reread(self._dialect), parameters)
        closed = update(REJECTION).where(REJECTION.c.id.in_([rejection_id for rejection_id, _ in found]))
        return self._connection.execute(closed.values(closed_time=now, closed_reason="again")).rowcount

    def close_rejection(self, rejection_id: int, *, reason: str, now: datetime) -> bool:
        """See the port."""
        closed = update(REJECTION).where(REJECTION.c.id == rejection_id, _OPEN)
        return self._connection.execute(closed.values(closed_time=now, closed_reason=reason)).rowcount == 1

    def close_former_runs(self, stream_id: int, name_prefix: str, *, now: datetime) -> int:
        """See the port."""
        former = [source.id for source in self.sources(stream_id, name_prefix)]
        closed = update(REJECTION).where(REJECTION.c.source_id.in_(former), REJECTION.c.batch_id.is_(None), _OPEN)
        return self._connection.execute(closed.values(closed_time=now, closed_reason="again")).rowcount

    def _open_under(self, stream_id: int, positions: dict[bytes, int]) -> dict[int, int]:
        """Return the open rejections under some business keys, each with the position of the row that closes it."""
        if not positions or self._connection.execute(_ANY_OPEN, {"stream_id": stream_id}).first() is None:
            return {}
        parameters = {"stream_id": stream_id, "keys": b"".join(positions)}
        rows = self._dialect.rows(self._connection, _open_under(self._dialect), parameters)
        return {rejection_id: positions[key] for rejection_id, key in rows}

    def _insert_rejections(
        self,
        batch: StoredBatch,
        received_time: datetime,
        refused: Sequence[tuple[int, Rejection]],
        source_ids: dict[int, int],
    ) -> None:
        """Link a batch's rejections, each with the id of its record, to their rows; nothing of them stands any more."""
        positions = self._positions(record_id for record_id, _ in refused)
        keys = dict(self._keys_of(record_id for record_id, _ in refused))
        rows = []
        for record_id, one in refused:
            owner = record_id >> OFFSET_BITS
            position = position_at(positions[owner], runs.offset_of(record_id))
            row = _row(batch.stream_id, source_ids[owner], position, one.violation, received_time)
            of_batch = {"batch_id": batch.id, "sequence": one.sequence, "record_id": record_id}
            rows.append(row | of_batch | {"record_key": keys[record_id]})
        self._dialect.insert_rows(self._connection, REJECTION, rows)
        self._refuse_standing(batch.stream_id, keys.items())

    def _positions(self, record_ids: Any) -> dict[int, bytes]:  # noqa: ANN401 - an iterable of ids
        """Return the positions' column of each submission that holds some of the records."""
        owners = sorted({run.owner for run in runs.runs_of(record_ids)})
        parameters = {"runs": runs.to_parameter(runs.Run(owner, 1) for owner in owners)}
        return dict(self._dialect.rows(self._connection, _positions_of(self._dialect), parameters))


def _row(
    stream_id: int, source_id: int, position: int, violation: Violation, rejected_time: datetime
) -> dict[str, Plain]:
    """Return the columns that rejections of both cities have; those of the receiver's alone are empty."""
    return {
        "stream_id": stream_id,
        "batch_id": None,
        "sequence": 0,
        "record_id": None,
        "record_key": b"",
        "source_id": source_id,
        "position": position,
        "column_name": "",
        "field_path": violation.field_path,
        "rule_id": violation.rule_id,
        "reason": violation.reason,
        "rejected_time": rejected_time,
        "closed_time": None,
        "closed_source_id": None,
        "closed_position": 0,
        "closed_reason": "",
    }


@cache
def _open_under(dialect: Dialect) -> Select[Any]:
    return select(REJECTION.c.id, REJECTION.c.record_key).where(
        REJECTION.c.stream_id == bindparam("stream_id"),
        REJECTION.c.record_key.in_(select(dialect.keys.c.record_key)),
        _OPEN,
    )


@cache
def _reread(dialect: Dialect) -> Select[Any]:
    return _open_under(dialect).where(
        REJECTION.c.source_id == bindparam("of_source"),
        REJECTION.c.position <= bindparam("upto"),
        REJECTION.c.batch_id.is_(None),
    )


@cache
def _positions_of(dialect: Dialect) -> Select[Any]:
    submissions = dialect.runs.join(SUBMISSION, SUBMISSION.c.id == dialect.runs.c.first)
    return select(SUBMISSION.c.id, SUBMISSION.c.positions).select_from(submissions)


def _to_rejected(row: Any) -> RejectedRow:  # noqa: ANN401 - a row of _REJECTED
    closed = None
    if row.closed_time is not None:
        closed = Closing(row.closed_time, row.closer_label or "", row.closed_position, row.closed_reason)
    return RejectedRow(
        id=row.id,
        stream=row.stream,
        by=RejectedBy.LOCAL if row.batch_id is None else RejectedBy.PARTNER,
        epoch=row.epoch or 0,
        sequence=row.sequence,
        source=row.source,
        source_label=row.label,
        position=row.position,
        column=row.column_name,
        violation=Violation(row.field_path, row.rule_id, row.reason),
        rejected_time=row.rejected_time,
        closed=closed,
        key=row.record_key if row.batch_id is None else b"",
    )
