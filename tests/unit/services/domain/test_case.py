from __future__ import annotations

from datetime import date
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from services.domain.case import Case, CaseState, StepRecord, case_state, deadline, latest_overdue_start
from services.domain.course import Standing, Taken
from services.node.holidays import load_calendar
from tests.unit.services.domain.test_course import (
    APPLICATION,
    CLOSED,
    COURSE,
    LETTER,
    NANTONG,
    SHANGHAI,
    VOUCHER,
)

CALENDAR = load_calendar()
EARLY, LATE = date(2026, 3, 2), date(2026, 3, 9)


def said(
    step: int, day: date, *, sequence: int = 0, record_id: int | None = None, retracts: bool = False
) -> StepRecord:
    """A record of Nantong's."""
    return StepRecord(step, day, retracts, NANTONG, 1, record_id, 1 if sequence else 0, sequence)


class TestStanding:
    """What stands follows from the records, in whatever order they were written down."""

    def test_the_last_word_on_a_step_counts(self) -> None:
        """A correction replaces, a retraction takes back, and what is not answered yet comes last."""
        first, corrected = said(VOUCHER, EARLY, sequence=1), said(VOUCHER, LATE, sequence=2)
        withdrawn = said(VOUCHER, LATE, record_id=7, retracts=True)
        for records in permutations([first, corrected]):
            assert Case(1, "d", SHANGHAI, records=records).standing() == {VOUCHER: Taken(LATE, NANTONG)}
        for records in permutations([first, corrected, withdrawn]):
            assert Case(1, "d", SHANGHAI, records=records).standing() == {}

    def test_without_a_refused_record_the_one_before_stands_again(self) -> None:
        """Whatever was refused: a correction, or a retraction."""
        first = said(VOUCHER, EARLY, sequence=1)
        assert Case(1, "d", SHANGHAI, records=[first]).standing() == {VOUCHER: Taken(EARLY, NANTONG)}

    def test_unanswered_records_count_in_the_order_of_the_outbox(self) -> None:
        """Their ids rise."""
        records = [said(VOUCHER, LATE, record_id=9), said(VOUCHER, EARLY, record_id=8)]
        assert Case(1, "d", SHANGHAI, records=records).standing()[VOUCHER].day == LATE


def standing(**days: date) -> Standing:
    """What stands, by the names of steps."""
    numbers = {"voucher": VOUCHER, "application": APPLICATION, "letter": LETTER, "closed": CLOSED}
    return {numbers[name]: Taken(day, SHANGHAI) for name, day in days.items()}


class TestDeadline:
    """45 working days from the application, or from the letter where no application is known."""

    def test_the_clock_counts_working_days(self) -> None:
        """From 2026-03-02 on: Qingming takes a Monday, Labour Day three days, and one Saturday makes up."""
        until = deadline(COURSE, standing(letter=EARLY), date(2026, 3, 9), CALENDAR)
        assert until is not None
        assert (until.start.number, until.start_day, until.due_day) == (LETTER, EARLY, date(2026, 5, 8))
        assert (until.used_days, until.overdue, until.announced) == (5, False, True)

    def test_the_application_starts_it_where_it_is_known(self) -> None:
        """The letter comes later."""
        until = deadline(COURSE, standing(application=EARLY, letter=LATE), LATE, CALENDAR)
        assert until is not None
        assert until.start_day == EARLY

    def test_it_stops_with_the_case(self) -> None:
        """A case that was closed in time stays in time; one that was not stays late."""
        long_after = date(2026, 12, 1)
        closed = {day: deadline(COURSE, standing(letter=EARLY, closed=day), long_after, CALENDAR) for day in DUE}
        assert [until and (until.used_days, until.overdue) for until in closed.values()] == [(45, False), (46, True)]

    def test_no_clock_without_its_start(self) -> None:
        """A voucher alone obliges nobody."""
        assert deadline(COURSE, standing(voucher=EARLY), LATE, CALENDAR) is None

    def test_a_year_that_is_not_known_is_told(self) -> None:
        """A due day in the next year is by weekdays alone."""
        until = deadline(COURSE, standing(letter=date(2026, 12, 1)), date(2026, 12, 2), CALENDAR)
        assert until is not None
        assert not until.announced


DUE = (date(2026, 5, 8), date(2026, 5, 9))


@given(st.dates(date(2025, 1, 1), date(2026, 12, 31)), st.integers(30, 100))
def test_the_cut_finds_the_cases_that_are_overdue(start: date, age: int) -> None:
    """What the store compares with agrees with counting the days of each case."""
    today = date.fromordinal(start.toordinal() + age)
    until, cut = (
        deadline(COURSE, standing(letter=start), today, CALENDAR),
        latest_overdue_start(COURSE, today, CALENDAR),
    )
    assert until is not None
    assert cut is not None
    assert until.overdue == (start <= cut)


def test_states() -> None:
    """Nothing, something, an end."""
    states = [case_state(COURSE, one) for one in ({}, standing(letter=EARLY), standing(letter=EARLY, closed=LATE))]
    assert states == [CaseState.NONE, CaseState.OPEN, CaseState.CLOSED]
