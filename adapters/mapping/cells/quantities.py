"""Money and dates. Money is never a binary float; a missing day is never invented."""

from __future__ import annotations

import re
from typing import Final

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.declaration import Column, DateColumn
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import FieldFacts
from services.domain.check_digits import is_calendar_date


class YuanCell(Cell[int, Column]):
    """Yuan with exactly two decimals, at most 99999999.99.

    "269" is refused although it looks harmless: a column of 分 put into this one by mistake would pass, a hundred
    times too much, and its sums would add up.
    """

    kinds = frozenset({"int64"})
    fast_read = "int({c}.replace('.', '')) if {money}({c}) else {read}({c}, notes)"
    fast_write = "'%d.%02d' % divmod({v}, 100)"
    shape = re.compile(r"(?:0|[1-9][0-9]{0,7})\.[0-9]{2}")

    def helpers(self) -> dict[str, object]:
        """``money`` is the whole rule."""
        return {"money": self.shape.fullmatch}

    def read(self, text: str, notes: list[str], need: str) -> int:
        """Turn yuan into fen; see ``Cell.read``."""
        if not self.shape.fullmatch(text):
            raise CellRefused("money.yuan2")
        return int(text.replace(".", ""))

    def write(self, value: int, need: str) -> str:
        """Turn fen into yuan."""
        return f"{value // 100}.{value % 100:02d}"


class FenCell(Cell[int, Column]):
    """Whole fen, at most 9999999999."""

    kinds = frozenset({"int64"})
    fast_read = "int({c}) if {money}({c}) else {read}({c}, notes)"
    fast_write = "str({v})"
    shape = re.compile("0|[1-9][0-9]{0,9}")

    def helpers(self) -> dict[str, object]:
        """``money`` is the whole rule."""
        return {"money": self.shape.fullmatch}

    def read(self, text: str, notes: list[str], need: str) -> int:
        """Take fen; see ``Cell.read``."""
        if not self.shape.fullmatch(text):
            raise CellRefused("money.fen")
        return int(text)

    def write(self, value: int, need: str) -> str:
        """Say fen."""
        return str(value)


_DAY: Final = "2026-01-15"
_MONTH: Final = "2026-01"


class DateCell(Cell[str, DateColumn]):
    """A day or a month, with or without dashes; the standard has ISO 8601."""

    kinds = frozenset({"string"})
    remembers = True

    def __init__(self, declaration: DateColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        formats = declaration.format.split(" or ")
        self._compact = "-" not in declaration.format
        self._says = [sample for sample in (_DAY, _MONTH) if len(self._written(sample)) in map(len, formats)]
        shapes = "|".join(re.sub("[YMD]", "[0-9]", form) for form in formats)
        self._shape = re.compile(shapes)
        if any(facts.allows(sample) and sample not in self._says for sample in (_DAY, _MONTH)):
            self.fast_write = self.fast_check = "{write}({v})"
        elif self._compact:
            self.fast_write = "{v}.replace('-', '')"

    def problem(self) -> str:
        """What the format can say must be what the standard accepts."""
        unfit = [sample for sample in self._says if not self.facts.allows(sample)]
        return f"the field does not accept dates like {unfit[0]}" if unfit else ""

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Turn a date into ISO 8601 at the precision that it has; see ``Cell.read``."""
        if not self._shape.fullmatch(text):
            raise CellRefused("date.format", format=self.declaration.format)
        date = "-".join(filter(None, (text[:4], text[4:6], text[6:]))) if self._compact else text
        if not (is_calendar_date(date) and self.facts.allows(date)):
            raise CellRefused("date.calendar")
        return date

    def write(self, value: str, need: str) -> str:
        """Say a date, if the format has its precision."""
        if len(value) not in map(len, self._says):
            raise CellRefused("date.precision", format=self.declaration.format)
        return self._written(value)

    def _written(self, date: str) -> str:
        return date.replace("-", "") if self._compact else date
