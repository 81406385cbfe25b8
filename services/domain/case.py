"""Cases: what both cities said of one matter, what stands of it, and until when it must end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.domain.course import Course, Standing, Step, Taken
from services.domain.tags import CASE, Digest
from services.domain.working_days import WorkingDays

_DAY: Final = timedelta(days=1)


class CaseState(StrEnum):
    """Whether a case runs."""

    NONE = "NONE"
    """Nothing stands of it: its steps were refused, or taken back."""
    OPEN = "OPEN"
    CLOSED = "CLOSED"


class StepRecord(NamedTuple):
    """One record of a case.

    Attributes:
        step: Number of its step.
        day: Day on which the step was taken.
        retracts: The record takes the step back.
        city: Who sent it.
        stream_id: Row id of its stream.
        record_id: Outbound: the record in the outbox; None where a restored sender got it back, and inbound.
        epoch: Epoch; 0 while the receiver has not answered.
        sequence: Sequence; 0 while the receiver has not answered.
    """

    step: int
    day: date
    retracts: bool
    city: str
    stream_id: int
    record_id: int | None = None
    epoch: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One case between this city and another.

    Attributes:
        id: Row id.
        dataset: Dataset whose records tell it.
        partner: The other city.
        number: What both cities call it; empty while nothing was accepted of it.
        state: Whether it runs.
        clock_day: Day on which its clock started; None where it has not.
        records: All accepted and unanswered records, in no order.
    """

    id: int
    dataset: str
    partner: str
    number: str = ""
    state: CaseState = CaseState.NONE
    clock_day: date | None = None
    records: Sequence[StepRecord] = ()

    def standing_records(self) -> Mapping[int, StepRecord]:
        """Return the record that stands for each step.

        Records of a city count in the order of its stream, unanswered ones last. The order between two cities is
        known to nobody and never matters: no step has two senders (`Course.refusal`).
        """
        latest = {(one.city, one.step): one for one in sorted(self.records, key=_in_stream)}
        return {one.step: one for one in latest.values() if not one.retracts}

    def standing(self) -> Standing:
        """Return what stands of it."""
        return {step: Taken(one.day, one.city) for step, one in self.standing_records().items()}


@dataclass(frozen=True, slots=True)
class Deadline:
    """How a case stands against its clock.

    Attributes:
        start: Step that started the clock.
        start_day: Its day, which does not count.
        due_day: Last day in time.
        working_days: Working days that the law gives.
        used_days: Working days until the end of the case, or until today.
        overdue: That was, or is, too late.
        announced: All years between are known; otherwise days are counted by the week alone.
    """

    start: Step
    start_day: date
    due_day: date
    working_days: int
    used_days: int
    overdue: bool
    announced: bool


def case_digest(number: str, digest: Digest) -> bytes:
    """Return what a case is found by: ``H("yrdx-case-v1" ‖ UTF-8 number)``, first 16 bytes; it leaves no node."""
    return digest(CASE + number.encode())[:16]


def case_state(course: Course, standing: Standing) -> CaseState:
    """Say whether a case runs."""
    if not standing:
        return CaseState.NONE
    return CaseState.OPEN if course.end(standing) is None else CaseState.CLOSED


def deadline(course: Course, standing: Standing, today: date, calendar: WorkingDays) -> Deadline | None:
    """Hold a case against its clock.

    Returns:
        None where the course has no clock, or no step that starts it stands.
    """
    start = course.clock_start(standing)
    if course.clock is None or start is None:
        return None
    step, day = start
    ended = course.end(standing)
    until = ended.day if ended else today
    due = calendar.after(day, course.clock.working_days)
    return Deadline(
        step, day, due, course.clock.working_days, calendar.count(day, until), until > due,
        calendar.is_announced(day, max(due, until)),
    )  # fmt: skip


def latest_overdue_start(course: Course, today: date, calendar: WorkingDays) -> date | None:
    """Return the last day on which a clock may have started that is over by now; None without a clock.

    A case that started on it, or before, is overdue: the store finds those without counting any days.
    """
    return calendar.before(today, course.clock.working_days) - _DAY if course.clock else None


def _in_stream(record: StepRecord) -> tuple[bool, int, int, int]:
    return (record.epoch == 0, record.epoch, record.sequence, record.record_id or 0)
