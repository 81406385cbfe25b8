"""Money, counts and rates. None is ever a binary float."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Final

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.declared_columns import Column
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value, decimal_text, exact

_CENT: Final = Decimal("0.01")
_NUMBERS_FEW: Final = 4_096
"""A field of more numbers than these is sooner read anew each time than learnt: that costs as much as some readings."""


class YuanCell(Cell[int, Column]):
    """Yuan with exactly two decimals, at most 99999999.99.

    "269" is refused although it looks harmless: a column of 分 put into this one by mistake would pass, a hundred
    times too much, and its sums would add up. A number of a typed source has no decimals to show; it is taken as yuan.
    """

    kinds = frozenset({"int64"})
    normalisations = frozenset({"decimals_filled"})
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

    def say(self, value: Value, notes: list[str]) -> str:
        """Say a number with two decimals."""
        number = exact(value)
        if number.as_tuple().exponent == -2:
            return f"{number:f}"
        if number != (rounded := number.quantize(_CENT)):
            raise CellRefused("typed.decimals")
        notes.append("decimals_filled")
        return f"{rounded:f}"

    def value(self, text: str) -> Decimal:
        """The amount in yuan."""
        return Decimal(text)


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

    def value(self, text: str) -> int:
        """The amount in fen."""
        return int(text)


class CountCell(Cell[int, Column]):
    """A whole number within the bounds of its field: months, people."""

    kinds = frozenset({"int32", "int64"})
    fast_read = "x if {number}({c}) and {least} <= (x := int({c})) <= {most} else {read}({c}, notes)"
    fast_write = "str({v})"
    shape = re.compile("0|[1-9][0-9]{0,17}")

    def __init__(self, declaration: Column, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        self.remembers = facts.numbers <= _NUMBERS_FEW

    def helpers(self) -> dict[str, object]:
        """``number``, ``least`` and ``most`` are the whole rule."""
        least, most = self.facts.number_min, self.facts.number_max
        return {
            "number": self.shape.fullmatch,
            "least": 0 if least is None else least,
            "most": sys.maxsize if most is None else most,
        }

    def read(self, text: str, notes: list[str], need: str) -> int:
        """Take a number; see ``Cell.read``."""
        if not self.shape.fullmatch(text):
            raise CellRefused("count.format")
        number = int(text)
        if not self.facts.contains(number):
            raise CellRefused("count.range", least=self.facts.number_min, most=self.facts.number_max)
        return number

    def write(self, value: int, need: str) -> str:
        """Say a number."""
        return str(value)

    def value(self, text: str) -> int:
        """The number."""
        return int(text)


class DecimalCell(Cell[str, Column]):
    """A decimal, "0.16": a rate or a unit price. The standard has it without trailing zeros."""

    kinds = frozenset({"string"})
    remembers = True
    normalisations = frozenset({"decimal_zeros"})
    shape = re.compile(r"(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,9})?")

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Take a decimal; see ``Cell.read``."""
        if not self.shape.fullmatch(text):
            raise CellRefused("decimal.format")
        number = decimal_text(Decimal(text))
        if not self.facts.allows(number):
            raise CellRefused("decimal.range")
        if number != text:
            notes.append("decimal_zeros")
        return number

    def write(self, value: str, need: str) -> str:
        """The decimal itself."""
        return value

    def say(self, value: Value, notes: list[str]) -> str:
        """Say a number."""
        return decimal_text(exact(value))

    def value(self, text: str) -> Decimal:
        """The decimal."""
        return Decimal(text)


class PercentCell(Cell[str, Column]):
    """A rate in percent, "16%"; the standard has "0.16". A spreadsheet holds 0.16 and shows it in percent."""

    kinds = frozenset({"string"})
    remembers = True
    normalisations = frozenset({"decimal_zeros"})
    fast_write = "{write}({v})"
    shape = re.compile(r"((?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,4})?)%")

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Turn percent into a decimal; see ``Cell.read``."""
        match = self.shape.fullmatch(text)
        if match is None:
            raise CellRefused("percent.format")
        rate = decimal_text(Decimal(match[1]).scaleb(-2))
        if not self.facts.allows(rate):
            raise CellRefused("decimal.range")
        if self.write(rate, need) != text:
            notes.append("decimal_zeros")
        return rate

    def write(self, value: str, need: str) -> str:
        """Turn a decimal into percent."""
        return f"{decimal_text(Decimal(value).scaleb(2))}%"

    def say(self, value: Value, notes: list[str]) -> str:
        """Say a number as percent."""
        return f"{decimal_text(exact(value).scaleb(2))}%"

    def value(self, text: str) -> Decimal:
        """The rate as a number, 0.16."""
        return Decimal(text[:-1]).scaleb(-2)
