"""Dates. What is not known is never invented: a month stays a month."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.declared_columns import DateColumn
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value, local_day, whole_text
from services.domain.check_digits import is_calendar_date

_SAMPLES: Final = {1: "2026", 2: "2026-01", 3: "2026-01-15"}
"""ISO 8601 by the number of parts that are known."""


class _Format(NamedTuple):
    """One way to write a date.

    Attributes:
        shape: Its parts, each a group.
        written: How the parts are put together; ``{:d}`` writes without a leading zero.
    """

    shape: re.Pattern[str]
    written: str

    @property
    def parts(self) -> int:
        """How many parts it says: year, month, day."""
        return self.shape.groups

    def write(self, iso: str) -> str:
        """Write an ISO 8601 date of as many parts."""
        year, *rest = iso.split("-")
        return self.written.format(year, *map(int, rest))


def _format(name: str) -> _Format:
    """Make a format from its name, "YYYY年M月D日": two letters are two digits, one letter has no leading zero."""
    shape, written = re.escape(name), name
    for letters, group, field in (
        ("YYYY", "([0-9]{4})", "{}"),
        ("MM", "([0-9]{2})", "{:02d}"),
        ("DD", "([0-9]{2})", "{:02d}"),
        ("M", "([0-9]{1,2})", "{:d}"),
        ("D", "([0-9]{1,2})", "{:d}"),
    ):
        shape, written = shape.replace(letters, group), written.replace(letters, field)
    return _Format(re.compile(shape), written)


class DateCell(Cell[str, DateColumn]):
    """A day, a month or a year in one of the dialect's formats; the standard has ISO 8601."""

    kinds = frozenset({"string"})
    remembers = True

    def __init__(self, declaration: DateColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        formats = [_format(name) for name in declaration.format.split(" or ")]
        self._formats = {form.parts: form for form in formats}
        self._padded = "{:d}" in formats[0].written
        notes = {"date_padding"} if self._padded else set()
        self.normalisations = frozenset(notes if 3 in self._formats else notes | {"typed_month"})
        if any(facts.allows(sample) and parts not in self._formats for parts, sample in _SAMPLES.items()):
            self.fast_write = self.fast_check = "{write}({v})"
        elif self._padded:
            self.fast_write = "{write}({v})"
        elif "-" not in declaration.format:
            self.fast_write = "{v}.replace('-', '')"

    def problem(self) -> str:
        """What the format can say must be what the standard accepts."""
        unfit = [_SAMPLES[parts] for parts in self._formats if not self.facts.allows(_SAMPLES[parts])]
        return f"the field does not accept dates like {unfit[0]}" if unfit else ""

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Turn a date into ISO 8601 at the precision that it has; see ``Cell.read``."""
        matches = (form.shape.fullmatch(text) for form in self._formats.values())
        match = next(filter(None, matches), None)
        if match is None:
            raise CellRefused("date.format", format=self.declaration.format)
        date_ = "-".join(part.zfill(2) for part in match.groups())
        if not (self._exists(date_) and self.facts.allows(date_)):
            raise CellRefused("date.calendar")
        if self._padded and self._formats[match.re.groups].write(date_) != text:
            notes.append("date_padding")
        return date_

    def write(self, value: str, need: str) -> str:
        """Say a date, if there is a format of its precision."""
        form = self._formats.get(value.count("-") + 1)
        if form is None:
            raise CellRefused("date.precision", format=self.declaration.format)
        return form.write(value)

    def say(self, value: Value, notes: list[str]) -> str:
        """Say a date of a typed source; a date type cannot but say a day, and a month is stored there as its first."""
        if not isinstance(value, date):
            return whole_text(value)
        parts, day = max(self._formats), local_day(value).isoformat()
        known, rest = day[: len(_SAMPLES[parts])], day[len(_SAMPLES[parts]) :]
        if rest not in {"", "-01", "-01-01"}:
            raise CellRefused("typed.day", format=self.declaration.format)
        if rest:
            notes.append("typed_month")
        return self._formats[parts].write(known)

    def value(self, text: str) -> date | str:
        """A day as a date; a month or a year has no type of its own and stays a text."""
        day = self._formats.get(3)
        match = day.shape.fullmatch(text) if day else None
        return date(*map(int, match.groups())) if match else text

    @staticmethod
    def _exists(iso: str) -> bool:
        return len(iso) == len(_SAMPLES[1]) or is_calendar_date(iso)
