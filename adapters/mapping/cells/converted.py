"""Columns that a named converter turns into a field, one or several of them."""

from __future__ import annotations

from typing import Any

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.converters import CONVERTERS
from adapters.mapping.declared_columns import ConvertedColumn
from adapters.mapping.errors import CellRefused
from adapters.mapping.memory import REMEMBERED_MAX
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value


class ConvertedCell(Cell[Any, ConvertedColumn]):
    """The converter's column, or a tuple of its columns ↔ the field's value."""

    guards = True
    fast_write = "{write}({v})"
    fast_check = "{write}({v})"

    def __init__(self, declaration: ConvertedColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        self.converter = CONVERTERS[declaration.converter]
        self.remembers = facts.kind == "string" or facts.numbers <= REMEMBERED_MAX
        self.lossy = self.converter.lossy
        self.normalisations = self.converter.normalisations

    def read(self, text: Any, notes: list[str], need: str) -> Any:  # noqa: ANN401 - a text, or a tuple of texts
        """Convert; see ``Cell.read``."""
        value = self.converter.read(text) if isinstance(text, str) else self.converter.read(*text)
        if not self.facts.holds(value):
            raise CellRefused("converter.range")
        return value

    def write(self, value: Any, need: str) -> Any:  # noqa: ANN401 - a text, or a tuple of texts
        """Convert back."""
        texts = self.converter.write(value)
        return texts if len(texts) > 1 else texts[0]

    def say(self, value: Value, notes: list[str]) -> str:
        """Say a typed value in one of the columns; see ``Cell.say``."""
        return self.converter.say(value, notes)

    def value(self, text: str) -> Value:
        """What a typed target has in one of the columns."""
        return self.converter.value(text)

    def same(self, value: Any, back: Any) -> bool:  # noqa: ANN401
        """Compare what is not left out."""
        return value == back or bool(self.lossy and self.write(value, "") == self.write(back, ""))
