"""One column of one mapping: what all kinds share, which is blanks, missing words, memory and the names in errors."""

from __future__ import annotations

from typing import Any, Final

from adapters.mapping.cells import AnyCell
from adapters.mapping.declaration import AnyColumn
from adapters.mapping.errors import CellRefused, NotExpressible, RowRejected
from adapters.mapping.standard import FieldFacts

NORMALISATIONS: Final = frozenset({"trim", "missing_word"})
"""What every column may note."""

_REMEMBERED_MAX: Final = 65_536
"""Distinct cells that a column keeps. A month's dates, codes, divisions and employers fit; more only cost time."""


class BoundColumn:
    """A column with its cell type and its field.

    Args:
        declaration: The column, as the mapping file has it.
        facts: The standard's field.
        cell: Its kind, bound to both.
        missing: Words that say "nothing is given".
    """

    def __init__(self, declaration: AnyColumn, facts: FieldFacts, cell: AnyCell, missing: frozenset[str]) -> None:
        self.name: Final = declaration.name
        self.facts: Final = facts
        self.cell: Final = cell
        self.missing: Final = missing
        self.remembered: Final[dict[str, Any]] = {}
        """Cells that were read without any note, and their values."""

    def read(self, text: str, notes: list[str], need: str = "") -> Any:  # noqa: ANN401 - a field of any kind
        """Turn a cell into a value, None where nothing is given.

        Args:
            text: The cell as the file has it.
            notes: Takes the names of the normalisations that were applied.
            need: Value of the field that the cell type needs.

        Raises:
            RowRejected: The cell breaks a rule.
        """
        noted = len(notes)
        try:
            value = self._read(text, notes, need)
        except CellRefused as refused:
            # Not chained: a traceback's locals would hold the cell.
            raise RowRejected(self.name, self.facts.name, refused.rule_id, refused.reason) from None
        if self.cell.remembers and len(notes) == noted:
            if len(self.remembered) >= _REMEMBERED_MAX:
                self.remembered.clear()
            self.remembered[text] = value
        return value

    def write(self, value: Any, need: str = "") -> str:  # noqa: ANN401 - a field of any kind
        """Turn a value into a cell that reads back as the same value.

        Args:
            value: The message's field.
            need: Value of the field that the cell type needs.

        Raises:
            NotExpressible: There is no such cell.
        """
        try:
            text = self.cell.write(value, need)
            if text.strip() in self.missing:
                raise CellRefused("cell.means_missing")
            if not self.cell.same(value, self._read(text, [], need)):
                raise CellRefused("cell.reads_differently")
        except CellRefused as refused:
            raise NotExpressible(self.facts.name, refused.rule_id, refused.reason) from None
        return text

    def _read(self, text: str, notes: list[str], need: str) -> Any:  # noqa: ANN401 - a field of any kind
        """Blanks, missing words, then what the kind of column says."""
        bare = text.strip()
        if bare != text:
            notes.append("trim")
        if bare in self.missing:
            if self.facts.required:
                raise CellRefused("cell.missing")
            if bare:
                notes.append("missing_word")
            return None
        return self.cell.read(bare, notes, need)
