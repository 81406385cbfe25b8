"""A column bound to its field: what all kinds share, which is blanks, missing words and the names in errors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Final

from adapters.mapping.cells import AnyCell
from adapters.mapping.declared_columns import CarryingColumn, FixedColumn, SilentColumn
from adapters.mapping.errors import CellRefused, NotExpressible, RowRejected
from adapters.mapping.reasons import reason_text
from adapters.mapping.standard import FieldFacts

NORMALISATIONS: Final = frozenset({"trim", "missing_word"})
"""What every column may note."""


class BoundColumn:
    """A column with its place in the row, its cell type and its field.

    Args:
        declaration: The column, as the mapping file has it.
        places: Its place in the row, from 0; or those of the columns that a converter joins.
        facts: The standard's field.
        cell: Its kind, bound to both.
        missing: Words that say "nothing is given".
    """

    def __init__(
        self,
        declaration: CarryingColumn,
        places: tuple[int, ...],
        facts: FieldFacts,
        cell: AnyCell,
        missing: frozenset[str],
    ) -> None:
        self.name: Final = declaration.name
        self.places: Final = places
        self.facts: Final = facts
        self.cell: Final = cell
        self.missing: Final = missing
        self.lost: Final = frozenset() if cell.guards else frozenset(self._values_of(missing))
        """Values whose text means "nothing is given" here: they cannot be written."""

    @property
    def learns(self) -> bool:
        """Whether cells that were read are known by themselves: what they become depends on nothing else."""
        return self.cell.remembers and not self.cell.needs

    @property
    def fast_write(self) -> str:
        """The expression that writes a usual value; see ``Cell``."""
        fast = self.cell.fast_write
        return f"{{write}}({{v}}) if {{v}} in {{lost}} else {fast}" if self.lost else fast

    @property
    def fast_check(self) -> str:
        """The expression that checks a value, empty where every value can be written; see ``Cell``."""
        fast = self.cell.fast_check
        return f"{{write}}({{v}}) if {{v}} in {{lost}} else {fast or repr('')}" if self.lost else fast

    def read(self, text: Any, notes: list[str], need: str = "") -> Any:  # noqa: ANN401 - a field of any kind
        """Turn a cell into a value, None where nothing is given.

        Args:
            text: The cell as the file has it; of several columns, a tuple of cells.
            notes: Takes the names of the normalisations that were applied.
            need: Value of the field that the cell type needs.

        Raises:
            RowRejected: The cell breaks a rule.
        """
        try:
            return self._read(text, notes, need)
        except CellRefused as refused:
            # Not chained: a traceback's locals would hold the cell.
            raise RowRejected(self.name, self.facts.path, refused.rule_id, refused.reason) from None

    def write(self, value: Any, need: str = "") -> Any:  # noqa: ANN401 - a field of any kind
        """Turn a value into a cell that reads back as the same value; of several columns, into a tuple of cells.

        Args:
            value: The message's field.
            need: Value of the field that the cell type needs.

        Raises:
            NotExpressible: There is no such cell.
        """
        try:
            text = self.cell.write(value, need)
            if self._says_nothing(text):
                raise CellRefused("cell.means_missing")
            if not self.cell.same(value, self._read(text, [], need)):
                raise CellRefused("cell.reads_differently")
        except CellRefused as refused:
            raise NotExpressible(self.facts.path, refused.rule_id, refused.reason) from None
        return text

    def _values_of(self, words: Iterable[str]) -> Iterator[Hashable]:
        for word in filter(None, words):
            try:
                yield self.cell.read(word, [], "")
            except CellRefused:
                continue

    def _says_nothing(self, text: str) -> bool:
        return text.strip() in self.missing

    def _read(self, text: Any, notes: list[str], need: str) -> Any:  # noqa: ANN401 - a field of any kind
        """Blanks, missing words, then what the kind of column says."""
        bare = self._bare(text, notes)
        if bare in self.missing:
            if self.facts.required:
                raise CellRefused("cell.missing")
            if bare:
                notes.append("missing_word")
            return None
        return self.cell.read(bare, notes, need)

    @staticmethod
    def _bare(text: str, notes: list[str]) -> str:
        bare = text.strip()
        if bare != text:
            notes.append("trim")
        return bare


class JoinedColumns(BoundColumn):
    """Columns that a converter turns into one field: a tuple of cells, and the first one's name in errors."""

    def _says_nothing(self, text: Any) -> bool:  # noqa: ANN401 - a tuple here
        return any(part.strip() in self.missing for part in text)

    def _read(self, text: Any, notes: list[str], need: str) -> Any:  # noqa: ANN401 - a field of any kind
        """All of them give something, or none of them does."""
        bare: Any = tuple(self._bare(part, notes) for part in text)
        given = [part not in self.missing for part in bare]
        if all(given):
            return self.cell.read(bare, notes, need)
        if any(given) or self.facts.required:
            raise CellRefused("cell.missing")
        if any(bare):
            notes.append("missing_word")
        return None


class Filler:
    """A column that carries no field: a word that every row has, or whatever stays in the city.

    Args:
        declaration: The column, as the mapping file has it.
        place: Its place in the row, from 0.
    """

    def __init__(self, declaration: SilentColumn, place: int) -> None:
        self.name: Final = declaration.name
        self.place: Final = place
        self.text: Final = declaration.value if isinstance(declaration, FixedColumn) else ""

    def check(self, text: str, notes: list[str]) -> None:
        """Check that a cell holds the fixed word, perhaps with blanks around.

        Raises:
            RowRejected: It holds another one.
        """
        if text.strip() != self.text:
            raise RowRejected(self.name, "", "fixed.other", reason_text("fixed.other", word=self.text))
        notes.append("trim")
