"""What a mapping file that was checked comes down to, before it is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from adapters.mapping.code_tables import Code
from adapters.mapping.column import BoundColumn, Filler
from adapters.mapping.declaration import SumDeclaration
from adapters.mapping.errors import NotExpressible
from adapters.mapping.reasons import reason_text
from adapters.mapping.standard import FieldFacts, Standard


class Standardised(NamedTuple):
    """A row, or the rows of one record, in the standard.

    Attributes:
        message: The regional standard's message.
        normalisations: Names of what reading changed, each once, in the order of the columns.
    """

    message: Message
    normalisations: tuple[str, ...]


class Default(NamedTuple):
    """A field that has one value in every row.

    Attributes:
        facts: The field.
        value: Its value; no record with another one can be said.
    """

    facts: FieldFacts
    value: Code

    def refuse(self) -> None:
        """Refuse a record with another value.

        Raises:
            NotExpressible: Always.
        """
        raise NotExpressible(self.facts.path, "default.differs", reason_text("default.differs"))


@dataclass(frozen=True)
class Plan:
    """What is compiled.

    Attributes:
        name: Stands in tracebacks, "local/social_contribution.toml".
        standard: The regional standard.
        width: Cells of a row.
        columns: Columns that carry a field, in the order of the file.
        fillers: Columns that carry none.
        defaults: Fields that have one value in every row.
        sums: Columns that must add up.
        lists: The repeated fields that rows add to; none where each row is a record.
        key: Places of the cells that say which rows are one record; empty where each row is one.
    """

    name: str
    standard: Standard
    width: int
    columns: tuple[BoundColumn, ...]
    fillers: tuple[Filler, ...]
    defaults: tuple[Default, ...]
    sums: tuple[SumDeclaration, ...]
    lists: tuple[str, ...]
    key: tuple[int, ...]

    @cached_property
    def record(self) -> Part:
        """The columns of the record itself."""
        return Part(self, "m", self.standard.message_type, "")

    @cached_property
    def items(self) -> tuple[Part, ...]:
        """The columns of one item, of each repeated field."""
        fields: Any = self.standard.message_type.DESCRIPTOR.fields_by_name
        return tuple(Part(self, "i", GetMessageClass(fields[name].message_type), name) for name in self.lists)


class Part:
    """Columns that fill one message: the record, or an item of one of its repeated fields.

    Args:
        plan: What they belong to.
        variable: Name of the message in the generated source.
        message_type: Class of the message.
        items: The repeated field whose item it is; empty for the record itself.

    Attributes:
        items: See above.
        columns: Its columns, each with its number among all.
    """

    def __init__(self, plan: Plan, variable: str, message_type: type[Message], items: str) -> None:
        numbered = enumerate(plan.columns)
        self.variable = variable
        self.message_type = message_type
        self.items = items
        self.columns = [(n, column) for n, column in numbered if column.facts.path.rpartition(".")[0] == items]
        self._needed = {column.cell.needs for _, column in self.columns}
        self._added = {name for one in plan.sums for name in (one.total, *one.parts)}

    def needed(self, column: BoundColumn) -> int:
        """Return the number of the column whose value another one needs."""
        return next(n for n, other in self.columns if other.facts.name == column.cell.needs)

    def in_bytes(self, column: BoundColumn) -> bool:
        """Say whether a known cell of a column is kept as the bytes of its field: nobody else needs its value."""
        alone = column.facts.name not in self._needed and column.name not in self._added
        return column.learns and alone

    def placeholders(self, number: int, column: BoundColumn) -> dict[str, str]:
        """Return what the placeholders of a cell type's expressions stand for, but for ``{c}``."""
        names = {name: f"{name}_{number}" for name in (*column.cell.helpers(), "read", "write", "lost")}
        need = f"{self.variable}.{column.cell.needs}" if column.cell.needs else "''"
        return names | {"v": f"{self.variable}.{column.facts.name}", "need": need}

    def places(self) -> Iterator[int]:
        """Yield the places of its cells."""
        for _, column in self.columns:
            yield from column.places
