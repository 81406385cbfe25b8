"""Codes, and divisions by code or by name. A code means something only within its code system, so that is named."""

from __future__ import annotations

import re

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.code_tables import Code, read_code_table
from adapters.mapping.declared_columns import CodeColumn, Column
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value, whole_text
from yrdx.types.v1.types_pb2 import Division


class CodeCell(Cell[Code, CodeColumn]):
    """A code by a table beside the mapping."""

    guards = True
    kinds = frozenset({"enum", "bool", "string"})
    remembers = True
    fast_write = "{codes}.get(x := {v}) or {write}(x)"
    fast_check = "{v} in {codes} or {write}({v})"

    def __init__(self, declaration: CodeColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        self.table = read_code_table(context.folder / declaration.table, declaration.system, facts)
        self.normalisations = frozenset({"code_alias"} if self.table.aliases else ())

    def problem(self) -> str:
        """A code that reads as "nothing is given" would be lost."""
        lost = sorted(self.context.missing & self.table.values.keys())
        return f"the code {lost[0]!r} of {self.declaration.table} is a missing word as well" if lost else ""

    def helpers(self) -> dict[str, object]:
        """``codes`` by value."""
        return {"codes": self.table.codes}

    def read(self, text: str, notes: list[str], need: str) -> Code:
        """Look up a code; see ``Cell.read``."""
        value = self.table.values.get(text)
        if value is None:
            raise CellRefused("code.unknown", system=self.table.system)
        if text in self.table.aliases:
            notes.append("code_alias")
        return value

    def write(self, value: Code, need: str) -> str:
        """Look up a value."""
        code = self.table.codes.get(value)
        if code is None:
            raise CellRefused("code.unsaid", system=self.table.system)
        return code

    def say(self, value: Value, notes: list[str]) -> str:
        """Say the code of a truth, or the digits of a whole number; leading zeros are not guessed."""
        if isinstance(value, bool) and self.facts.kind == "bool":
            return self.write(value, "")
        return whole_text(value)


class DivisionCell(Cell[Division, Column]):
    """A division by code: 6 digits, or 9 or 12 that begin with them; what the source wrote is kept."""

    guards = True
    kinds = frozenset({"yrdx.types.v1.Division"})
    normalisations = frozenset({"division_retired", "division_cut"})
    subfields = ("code", "source_code")
    remembers = True
    fast_write = "{texts}.get(((x := {v}).code, x.source_code)) or {write}(x)"
    fast_check = fast_write

    def problem(self) -> str:
        """A division whose code reads as "nothing is given" would be lost."""
        lost = sorted(word for word in self.context.missing if word and self.context.divisions.resolve(word[:6]))
        return f"the missing word {lost[0]!r} is a division as well" if lost else ""

    def helpers(self) -> dict[str, object]:
        """``texts`` of all codes of the table, by what they are read as."""
        table = self.context.divisions
        return {"texts": {(table.resolve(code), "" if code in table.names else code): code for code in table.areas}}

    def read(self, text: str, notes: list[str], need: str) -> Division:
        """Resolve a code; see ``Cell.read``."""
        table = self.context.divisions
        if not re.fullmatch("[0-9]{6}(?:[0-9]{3}){0,2}", text):
            raise CellRefused("division.format")
        code = table.resolve(text[:6])
        if code is None:
            raise CellRefused("code.unknown", system=table.system)
        if code != text[:6]:
            notes.append("division_retired")
        if len(text) > len(code):
            notes.append("division_cut")
        return Division(code=code) if code == text else Division(code=code, source_code=text, as_of=table.edition)

    def write(self, value: Division, need: str) -> str:
        """Write what the source wrote."""
        table = self.context.divisions
        if value.code not in table.names:
            raise CellRefused("division.not_in_force", system=table.system)
        return value.source_code or value.code

    def same(self, value: Division, back: Division) -> bool:
        """Compare what is carried; ``as_of`` says which table was used, and that is ours."""
        return (value.code, value.source_code) == (back.code, back.source_code)


class DivisionNameCell(Cell[Division, Column]):
    """A division by its name; a retired name is resolved, and its retired code kept."""

    guards = True
    kinds = DivisionCell.kinds
    normalisations = frozenset({"division_retired"})
    subfields = ("code",)
    remembers = True
    fast_write = "{names}.get((x := {v}).code) or {write}(x)"
    fast_check = fast_write

    def problem(self) -> str:
        """A division whose name reads as "nothing is given" would be lost."""
        lost = sorted(self.context.missing & set(self.context.divisions.names.values()))
        return f"the division name {lost[0]!r} is a missing word as well" if lost else ""

    def helpers(self) -> dict[str, object]:
        """``names`` of what is in force."""
        return {"names": self.context.divisions.names}

    def read(self, text: str, notes: list[str], need: str) -> Division:
        """Find a division by name; see ``Cell.read``."""
        table = self.context.divisions
        named = table.by_name(text)
        code = table.resolve(named) if named else None
        if code is None or named is None:
            raise CellRefused("code.unknown", system=table.system)
        if code == named:
            return Division(code=code)
        notes.append("division_retired")
        return Division(code=code, source_code=named, as_of=table.edition)

    def write(self, value: Division, need: str) -> str:
        """Say the name in force."""
        table = self.context.divisions
        if value.code not in table.names:
            raise CellRefused("division.not_in_force", system=table.system)
        return table.names[value.code]

    def same(self, value: Division, back: Division) -> bool:
        """Compare what is carried."""
        return value.code == back.code
