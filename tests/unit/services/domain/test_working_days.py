from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.working_days import WorkingDays
from services.node.holidays import load_calendar

CALENDAR = load_calendar()
DAYS = st.dates(date(2024, 11, 1), date(2027, 3, 1))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 2, 13), True),  # a Friday
        (date(2026, 2, 14), True),  # the Saturday that makes up for the Spring Festival
        (date(2026, 2, 16), False),  # a Monday of the Spring Festival
        (date(2026, 3, 1), False),  # a Sunday
        (date(2027, 2, 6), False),  # a year that is not known: a Saturday is a Saturday
        (date(2027, 10, 1), True),  # and National Day a Friday
    ],
)
def test_a_day_is_what_was_announced(day: date, works: bool) -> None:
    """Announced days go before the week; where nothing is known the week alone counts."""
    assert CALENDAR.is_working_day(day) is works


@pytest.mark.parametrize("year", [2025, 2026])
def test_an_announced_year_has_thirteen_days_off(year: int) -> None:
    """The law gives 13 days since 2025; whatever else is off is made up for, or is a weekend."""
    weekdays = WorkingDays({}).count(date(year - 1, 12, 31), date(year, 12, 31))
    assert CALENDAR.count(date(year - 1, 12, 31), date(year, 12, 31)) == weekdays - 13


@given(DAYS, st.integers(1, 90))
def test_after_and_count_agree(day: date, count: int) -> None:
    """The n-th working day after a day is a working day, and n are counted up to it."""
    last = CALENDAR.after(day, count)
    assert CALENDAR.is_working_day(last)
    assert CALENDAR.count(day, last) == count
    assert CALENDAR.count(day, last - timedelta(days=1)) == count - 1


@given(DAYS, st.integers(1, 90), st.integers(-3, 3))
def test_before_finds_what_is_over(today: date, count: int, shift: int) -> None:
    """What began before the n-th working day before today has had n working days before today, later ones have not."""
    start = CALENDAR.before(today, count) + timedelta(days=shift)
    assert (start < CALENDAR.before(today, count)) == (CALENDAR.after(start, count) < today)


def test_nothing_is_counted_backwards() -> None:
    """A day that is not later gives 0, and no working days cannot be gone."""
    assert CALENDAR.count(date(2026, 3, 2), date(2026, 3, 2)) == CALENDAR.count(date(2026, 3, 2), date(2026, 1, 1)) == 0
    with pytest.raises(ValueError, match="at least one"):
        CALENDAR.after(date(2026, 3, 2), 0)


def test_it_says_which_years_it_knows() -> None:
    """A span is known where every year of it is."""
    assert CALENDAR.is_announced(date(2025, 1, 1), date(2026, 12, 31))
    assert not CALENDAR.is_announced(date(2026, 12, 1), date(2027, 1, 2))
