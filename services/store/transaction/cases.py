"""Cases: what records of both directions tell of one matter, kept in the transactions that keep the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, false, func, or_, select, update

from services.domain.batch import StoredBatch
from services.domain.case import Case, CaseState, StepRecord
from services.ports.cases import CaseFilter
from services.store import runs
from services.store.runs import Run
from services.store.tables import COURSE_CASE, COURSE_STEP
from services.store.transaction.outbox import OutboxPart

_AT_ONCE: Final = 500
_STEP_COLUMNS: Final = [COURSE_STEP.c[name] for name in StepRecord._fields]
_PUT: Final = (
    update(COURSE_CASE)
    .where(COURSE_CASE.c.id == bindparam("of_case"))
    .values({name: bindparam(f"new_{name}") for name in ("number", "state", "clock_day")})
)
_ANSWER: Final = (
    update(COURSE_STEP)
    .where(COURSE_STEP.c.record_id == bindparam("of_record"))
    .values(epoch=bindparam("new_epoch"), sequence=bindparam("new_sequence"))
)


class CasesPart(OutboxPart):
    """`services.ports.cases.Cases`."""

    def hold_cases(self, dataset: str, partner: str, digests: Collection[bytes]) -> Mapping[bytes, Case]:
        """See the port."""
        held: dict[bytes, Case] = {}
        for some in _parts(sorted(set(digests))):
            begun = [
                {"dataset": dataset, "partner": partner, "digest": digest, "number": "", "state": CaseState.NONE.value}
                for digest in some
            ]
            self._connection.execute(self._dialect.insert(COURSE_CASE).on_conflict_do_nothing(), begun)
            wanted = and_(
                COURSE_CASE.c.dataset == dataset, COURSE_CASE.c.partner == partner, COURSE_CASE.c.digest.in_(some)
            )
            rows = self._locked(wanted)
            cases = self._with_records(rows)
            held.update(zip((row.digest for row in rows), cases, strict=True))
        return held

    def put_case(self, case: Case) -> None:
        """See the port."""
        values = {"new_number": case.number, "new_state": case.state.value, "new_clock_day": case.clock_day}
        self._connection.execute(_PUT, {"of_case": case.id, **values})

    def add_step_records(self, case_id: int, records: Sequence[StepRecord]) -> None:
        """See the port."""
        rows = [{"case_id": case_id, **one._asdict()} for one in records]
        if rows:
            self._connection.execute(self._dialect.insert(COURSE_STEP).on_conflict_do_nothing(), rows)

    def answer_step_records(self, batch: StoredBatch, refused: Collection[int]) -> Sequence[Case]:
        """See the port."""
        held = self._runs_of_batch(batch.id)
        places = dict(zip(runs.ids_of(held), range(batch.first_sequence, batch.last_sequence + 1), strict=True))
        found = [row for run in held for row in self._step_rows(_in_run(batch.stream_id, run))]
        answered = [
            {"of_record": row.record_id, "new_epoch": batch.epoch, "new_sequence": places[row.record_id]}
            for row in found
            if places[row.record_id] not in refused
        ]
        locked = self._locked_by_id({row.case_id for row in found})
        if answered:
            self._connection.execute(_ANSWER, answered)
        self._delete_steps([row.record_id for row in found if places[row.record_id] in refused])
        return self._with_records(locked)

    def drop_step_records(self, stream_id: int, record_ids: Collection[int]) -> Sequence[Case]:
        """See the port."""
        held = runs.runs_of(sorted(record_ids))
        found = [row for run in held for row in self._step_rows(_in_run(stream_id, run))]
        locked = self._locked_by_id({row.case_id for row in found})
        self._delete_steps([row.record_id for row in found])
        return self._with_records(locked)

    def has_step_records(self, stream_id: int) -> bool:
        """See the port."""
        any_step = select(COURSE_STEP.c.id).where(COURSE_STEP.c.stream_id == stream_id).limit(1)
        return self._connection.execute(any_step).first() is not None

    def sealed_record_ids(self, batch: StoredBatch) -> Sequence[int]:
        """See the port."""
        return list(runs.ids_of(self._runs_of_batch(batch.id)))

    def cases(self, wanted: CaseFilter, *, after_id: int = 0, limit: int) -> Sequence[Case]:
        """See the port."""
        statement = select(COURSE_CASE).where(_matching(wanted), COURSE_CASE.c.id > after_id)
        rows = self._connection.execute(statement.order_by(COURSE_CASE.c.id).limit(limit)).all()
        return self._with_records(rows)

    def count_cases(self, wanted: CaseFilter) -> Mapping[tuple[str, str], int]:
        """See the port."""
        of = (COURSE_CASE.c.partner, COURSE_CASE.c.dataset)
        counted = select(*of, func.count()).where(_matching(wanted)).group_by(*of)
        return {(partner, dataset): count for partner, dataset, count in self._connection.execute(counted)}

    def _locked(self, wanted: ColumnElement[bool]) -> Sequence[Any]:
        """Lock cases in one order, so that two transactions never wait in a circle."""
        statement = select(COURSE_CASE).where(wanted).order_by(COURSE_CASE.c.digest)
        return self._connection.execute(statement.with_for_update()).all()

    def _locked_by_id(self, case_ids: Collection[int]) -> Sequence[Any]:
        ordered = sorted(case_ids)
        return [row for some in _parts(ordered) for row in self._locked(COURSE_CASE.c.id.in_(some))]

    def _with_records(self, rows: Sequence[Any]) -> list[Case]:
        records: dict[int, list[StepRecord]] = defaultdict(list)
        for some in _parts([row.id for row in rows]):
            told = select(COURSE_STEP.c.case_id, *_STEP_COLUMNS).where(COURSE_STEP.c.case_id.in_(some))
            for case_id, *values in self._connection.execute(told.order_by(COURSE_STEP.c.id)):
                records[case_id].append(StepRecord(*values))
        return [_to_case(row, records[row.id]) for row in rows]

    def _step_rows(self, wanted: ColumnElement[bool]) -> Sequence[Any]:
        return self._connection.execute(select(COURSE_STEP.c.case_id, COURSE_STEP.c.record_id).where(wanted)).all()

    def _delete_steps(self, record_ids: Sequence[int]) -> None:
        for some in _parts(record_ids):
            self._connection.execute(delete(COURSE_STEP).where(COURSE_STEP.c.record_id.in_(some)))


def _in_run(stream_id: int, run: Run) -> ColumnElement[bool]:
    return and_(COURSE_STEP.c.stream_id == stream_id, COURSE_STEP.c.record_id.between(run.first, run.end - 1))


def _matching(wanted: CaseFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [COURSE_CASE.c.state != CaseState.NONE.value]
    if wanted.dataset:
        conditions.append(COURSE_CASE.c.dataset == wanted.dataset)
    if wanted.digest:
        conditions.append(COURSE_CASE.c.digest == wanted.digest)
    if wanted.open_only or wanted.clock_upto is not None:
        conditions.append(COURSE_CASE.c.state == CaseState.OPEN.value)
    if wanted.clock_upto is not None:
        upto = wanted.clock_upto.items()
        started = [and_(COURSE_CASE.c.dataset == name, COURSE_CASE.c.clock_day <= day) for name, day in upto]
        conditions.append(or_(false(), *started))
    return and_(*conditions)


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut what would be too many parameters of one statement."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _to_case(row: Any, records: Sequence[StepRecord]) -> Case:  # noqa: ANN401 - a row of COURSE_CASE
    return Case(row.id, row.dataset, row.partner, row.number, CaseState(row.state), row.clock_day, tuple(records))
