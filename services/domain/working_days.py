"""Working days in China: Monday to Friday, without public holidays, with the weekend days that make up for them.

The State Council announces both for each year in the autumn before it; they cannot be computed. For a year that is not
known here days are counted by the week alone, and whoever asks is told so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class AnnouncedYear(NamedTuple):
    """What was announced for one year.

    Attributes:
        holidays: Days off.
        workdays: Days of a weekend on which people work.
    """

    holidays: frozenset[date]
    workdays: frozenset[date]


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """A calendar.

    Attributes:
        years: What was announced, by year.
    """

    years: Mapping[int, AnnouncedYear]

    def is_working_day(self, day: date) -> bool:
        """Say whether people work on a day."""
        announced = self.years.get(day.year)
        if announced and day in announced.workdays:
            return True
        return day.weekday() < _SATURDAY and not (announced and day in announced.holidays)

    def is_announced(self, first: date, last: date) -> bool:
        """Say whether every year between two days is known."""
        return all(year in self.years for year in range(first.year, last.year + 1))

    def after(self, day: date, count: int) -> date:
        """Return the last of some working days that follow a day.

        The day itself does not count (Civil Code of the PRC, article 201).

        Args:
            day: Any day.
            count: Working days, at least 1.
        """
        return self._last_of(self._walk(day, _DAY), count)

    def before(self, day: date, count: int) -> date:
        """Return the first of some working days that precede a day."""
        return self._last_of(self._walk(day, -_DAY), count)

    def count(self, after: date, upto: date) -> int:
        """Count the working days after a day, up to and including another; 0 where that is not later."""
        return sum(self.is_working_day(after + number * _DAY) for number in range(1, (upto - after).days + 1))

    def _walk(self, day: date, step: timedelta) -> Iterator[date]:
        while True:
            day += step
            if self.is_working_day(day):
                yield day

    @staticmethod
    def _last_of(days: Iterator[date], count: int) -> date:
        if count < 1:
            raise ValueError("at least one working day is counted")
        return next(day for number, day in enumerate(days, 1) if number == count)
