"""Turns bound columns into a few straight functions: generated source, compiled once, no loop over columns per row.

Nothing of a mapping file gets into the source but what was checked: field names are the .proto's own, columns appear
by number. Each cell type brings its fast expression; everything unusual goes to ``BoundColumn.read`` and ``write``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import Message

from adapters.mapping.column import BoundColumn
from adapters.mapping.declaration import SumDeclaration
from adapters.mapping.errors import NotExpressible, RowRejected
from adapters.mapping.reasons import reason_text
from adapters.mapping.standard import Standard


class Standardised(NamedTuple):
    """A row in the standard.

    Attributes:
        message: The regional standard's message.
        normalisations: Names of what reading changed, each once, in the order of the columns.
    """

    message: Message
    normalisations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The functions of one mapping.

    Attributes:
        to_standard: A row's cells → the message. Raises ``RowRejected``.
        from_standard: The message → a row's cells. Raises ``NotExpressible``.
        unexpressible: The message → what ``from_standard`` would raise, or None.
        all_expressible: Columns of many messages → whether ``from_standard`` surely raises for none of them.
    """

    to_standard: Callable[[list[str]], Standardised]
    from_standard: Callable[[Any], list[str]]
    unexpressible: Callable[[Any], NotExpressible | None]
    all_expressible: Callable[[Mapping[str, Sequence[Any]]], bool]


def compile_mapping(
    name: str, columns: tuple[BoundColumn, ...], sums: tuple[SumDeclaration, ...], standard: Standard
) -> Compiled:
    """Compile a mapping whose file was checked.

    Args:
        name: Stands in tracebacks, "local/social_contribution.toml".
        columns: In the order of the file.
        sums: Columns that must add up.
        standard: The regional standard.
    """
    namespace = _namespace(columns, sums, standard)
    source = "\n".join([*_reader(columns, sums), *_writer(columns), *_checker(columns), *_columns_checker(columns)])
    exec(compile(source, f"<compiled from {name}>", "exec"), namespace)  # noqa: S102 - our own text, see above
    functions: Any = namespace
    return Compiled(*(functions[name] for name in ("to_standard", "from_standard", "unexpressible", "all_expressible")))


def _namespace(
    columns: tuple[BoundColumn, ...], sums: tuple[SumDeclaration, ...], standard: Standard
) -> dict[str, object]:
    """Everything that the generated source names."""
    namespace: dict[str, object] = {"Message": standard.message_type, "Standardised": Standardised}
    namespace["NotExpressible"] = NotExpressible
    namespace |= {"unknown": object(), "wrong_cells": _wrong_cells(len(columns))}
    namespace["words"] = frozenset(word for column in columns for word in column.missing if word)
    for number, column in enumerate(columns):
        namespace[f"read_{number}"] = column.read
        namespace[f"write_{number}"] = column.write
        namespace[f"remembered_{number}"] = column.remembered.get
        namespace |= {f"{helper}_{number}": value for helper, value in column.cell.helpers().items()}
    fields = {column.name: column.facts.name for column in columns}
    namespace |= {f"sum_{number}": _mismatch(declared, fields) for number, declared in enumerate(sums)}
    return namespace


def _reader(columns: tuple[BoundColumn, ...], sums: tuple[SumDeclaration, ...]) -> list[str]:
    """``to_standard``: one line for each column, those that need another's value last."""
    value = {column.name: f"v{number}" for number, column in enumerate(columns)}
    order = sorted(range(len(columns)), key=lambda number: columns[number].cell.needs != "")
    cells = ", ".join(f"c{number}" for number in range(len(columns)))
    arguments = ", ".join(f"{column.facts.name}={value[column.name]}" for column in columns)
    lines = [
        "def to_standard(row):",
        "    try:",
        f"        {cells}, = row",
        "    except ValueError:",
        "        raise wrong_cells(row) from None",
        "    notes = []",
    ]
    lines += [f"    v{number} = {_read_expression(number, columns)}" for number in order]
    for number, total in enumerate(sums):
        parts = " + ".join(f"({value[part]} or 0)" for part in total.parts)
        lines += [f"    if {value[total.total]} not in (None, {parts}):", f"        raise sum_{number}()"]
    noted = "tuple(dict.fromkeys(notes)) if notes else ()"
    return [*lines, f"    return Standardised(Message({arguments}), {noted})"]


def _writer(columns: tuple[BoundColumn, ...]) -> list[str]:
    """``from_standard``: one expression for each column."""
    cells = [f"        {_expression(number, column, column.cell.fast_write)}," for number, column in enumerate(columns)]
    return ["def from_standard(m):", "    return [", *cells, "    ]"]


def _checker(columns: tuple[BoundColumn, ...]) -> list[str]:
    """``unexpressible``: only the columns that may refuse a value, and the refusal as a value."""
    fallible = [number for number, column in enumerate(columns) if column.cell.fast_check]
    checks = [f"        {_expression(number, columns[number], columns[number].cell.fast_check)}" for number in fallible]
    refused = ["    except NotExpressible as refusal:", "        return refusal.with_traceback(None)"]
    return ["def unexpressible(m):", "    try:", *checks, "        return None", *refused]


def _columns_checker(columns: tuple[BoundColumn, ...]) -> list[str]:
    """``all_expressible``: each distinct value once. Absent ones count as empty ones, which is never too kind."""
    checks: list[str] = []
    for number, column in enumerate(columns):
        if column.cell.fast_check:
            checks += _column_check(number, column)
    refused = ["    except NotExpressible:", "        return False"]
    return ["def all_expressible(columns):", "    try:", *checks, "        return True", *refused]


def _column_check(number: int, column: BoundColumn) -> list[str]:
    values = f"columns[{column.facts.name!r}]"
    if column.cell.needs:
        values, value = f"set(zip({values}, columns[{column.cell.needs!r}]))", "v, need"
    else:
        values, value = values if column.facts.subfields else f"set({values})", "v"
    names = _names(number, column) | {"v": "v", "need": "need"}
    check = column.cell.fast_check.format_map(names)
    if not column.facts.required:
        check = f"({check}) if v else ''"
    return [f"        for {value} in {values}:", f"            {check}"]


def _read_expression(number: int, columns: tuple[BoundColumn, ...]) -> str:
    """Read one cell: the fast way where the cell is usual, or says in a usual way that nothing is given."""
    column = columns[number]
    # list.append returns None, which is the value of a cell that says nothing.
    nothing = "" if column.facts.required else f"notes.append('missing_word') if c{number} in words else "
    if column.cell.remembers:
        known = f"(v := remembered_{number}(c{number}, unknown)) is not unknown"
        return f"v if {known} else {nothing}read_{number}(c{number}, notes)"
    needed = [other for other, candidate in enumerate(columns) if candidate.facts.name == column.cell.needs]
    names = _names(number, column) | {"need": f"v{needed[0]}" if needed else "''"}
    expression = column.cell.fast_read.format_map(names)
    return expression if column.facts.required else f"None if not c{number} else {nothing}{expression}"


def _expression(number: int, column: BoundColumn, template: str) -> str:
    """Write or check one field: the fast way where the value is usual, the empty cell where there is none."""
    names = _names(number, column) | {"need": f"m.{column.cell.needs}"}
    expression = template.format_map(names)
    if column.facts.required:
        return expression
    given = f"m.HasField({column.facts.name!r})" if column.facts.has_presence else names["v"]
    return f"({expression}) if {given} else ''"


def _names(number: int, column: BoundColumn) -> dict[str, str]:
    """What the placeholders of a cell type's expressions stand for, but for ``{need}``."""
    names = {helper: f"{helper}_{number}" for helper in column.cell.helpers()}
    names |= {"c": f"c{number}", "v": f"m.{column.facts.name}"}
    return names | {"read": f"read_{number}", "write": f"write_{number}"}


def _wrong_cells(expected: int) -> Callable[[list[str]], RowRejected]:
    """Make the refusal of a row with another number of cells."""

    def refuse(row: list[str]) -> RowRejected:
        return RowRejected("", "", "row.cells", reason_text("row.cells", expected=expected, found=len(row)))

    return refuse


def _mismatch(declared: SumDeclaration, fields: dict[str, str]) -> Callable[[], RowRejected]:
    """Make the refusal of a sum: it names the columns, never the amounts."""
    reason = reason_text("sum.mismatch", total=declared.total, parts=" + ".join(declared.parts))

    def refuse() -> RowRejected:
        return RowRejected(declared.total, fields[declared.total], "sum.mismatch", reason)

    return refuse
