"""Turns bound columns into a few straight functions: generated source, compiled once, no loop over columns per row.

Nothing of a mapping file gets into the source but what was checked: field names are the .proto's own, columns appear
by number. Each cell type brings its fast expression; everything unusual goes to ``BoundColumn.read`` and ``write``.
A cell that was read before is known as the bytes of its field, and those are merged into the message: for most fields
that costs half of what handing over the value does, for a message within the message a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from google.protobuf.message import Message

from adapters.mapping.column import BoundColumn
from adapters.mapping.declaration import SumDeclaration
from adapters.mapping.errors import NotExpressible, RowRejected
from adapters.mapping.memory import REMEMBERED_MAX, Memory
from adapters.mapping.plan import Part, Plan, Standardised
from adapters.mapping.read_source import items_readers, record_reader
from adapters.mapping.reasons import reason_text
from adapters.mapping.write_source import checker, columns_checker, row_writer, rows_writer


@dataclass(frozen=True, slots=True)
class Compiled:
    """The functions of one mapping.

    Attributes:
        read_record: A row's cells → the message, without items. Raises ``RowRejected``.
        read_items: For each repeated field: a row's cells, the field, notes → one more item. Raises ``RowRejected``.
        write_rows: The message → its rows' cells. Raises ``NotExpressible``.
        unexpressible: The message → what ``write_rows`` would raise, or None.
        all_expressible: Columns of many messages → whether ``write_rows`` surely raises for none of them.
        write_row: The message → its one row's cells, where each row is a record.
    """

    read_record: Callable[[Sequence[str]], Standardised]
    read_items: tuple[Callable[[Sequence[str], Any, list[str]], None], ...]
    write_rows: Callable[[Any], list[list[str]]]
    unexpressible: Callable[[Any], NotExpressible | None]
    all_expressible: Callable[[Mapping[str, Sequence[Any]]], bool]
    write_row: Callable[[Any], list[str]]


def compile_plan(plan: Plan) -> Compiled:
    """Compile a mapping whose file was checked."""
    lines = [*record_reader(plan), *checker(plan), *columns_checker(plan)]
    lines += [*items_readers(plan), *rows_writer(plan)] if plan.lists else row_writer(plan)
    namespace = _namespace(plan)
    exec(compile("\n".join(lines), f"<compiled from {plan.name}>", "exec"), namespace)  # noqa: S102 - ours, see above
    functions: Any = namespace
    return Compiled(*(functions.get(name) for name in Compiled.__slots__))


def _namespace(plan: Plan) -> dict[str, object]:
    """Everything that the generated source names."""
    namespace: dict[str, object] = {
        "Message": plan.standard.message_type,
        "standardised": partial(tuple.__new__, Standardised),
        "NotExpressible": NotExpressible,
        "unknown": object(),
        "wrong_cells": _wrong_cells(plan.width),
    }
    for part in (plan.record, *plan.items):
        for number, column in part.columns:
            namespace |= _column_names(part, number, column)
    for filler in plan.fillers:
        namespace |= {f"check_{filler.place}": filler.check, f"fixed_{filler.place}": filler.text}
    for number, default in enumerate(plan.defaults):
        namespace |= {f"default_{number}": default.value, f"refuse_{number}": default.refuse}
    encoded = (_encode(plan.standard.message_type, default.facts.name)(default.value) for default in plan.defaults)
    namespace["defaults"] = b"".join(encoded)
    fields = {column.name: column.facts.path for column in plan.columns}
    return namespace | {f"sum_{number}": _mismatch(one, fields) for number, one in enumerate(plan.sums)}


def _column_names(part: Part, number: int, column: BoundColumn) -> dict[str, object]:
    """What the source names of one column."""
    in_bytes = part.in_bytes(column)
    memory = Memory(column.read, _encode(part.message_type, column.facts.name) if in_bytes else lambda value: value)
    # A message is no key, and those are written by tables of their cell types' own.
    hashable = column.cell.remembers and not column.facts.subfields
    write = lru_cache(REMEMBERED_MAX)(column.write) if hashable else column.write
    names: dict[str, object] = {"read": column.read, "write": write, "learn": memory.learn, "lost": column.lost}
    names |= {"known": memory.known.get, "words": frozenset(filter(None, column.missing)), **column.cell.helpers()}
    return {f"{name}_{number}": value for name, value in names.items()}


def _encode(message_type: type[Message], name: str) -> Callable[[Any], bytes]:
    """Return a function from a field's value to the field's bytes; nothing has none."""
    return lambda value: b"" if value is None else message_type(**{name: value}).SerializeToString()


def _wrong_cells(expected: int) -> Callable[[Sequence[str]], RowRejected]:
    """Make the refusal of a row with another number of cells."""

    def refuse(row: Sequence[str]) -> RowRejected:
        return RowRejected("", "", "row.cells", reason_text("row.cells", expected=expected, found=len(row)))

    return refuse


def _mismatch(declared: SumDeclaration, fields: dict[str, str]) -> Callable[[], RowRejected]:
    """Make the refusal of a sum: it names the columns, never the amounts."""
    reason = reason_text("sum.mismatch", total=declared.total, parts=" + ".join(declared.parts))

    def refuse() -> RowRejected:
        return RowRejected(declared.total, fields[declared.total], "sum.mismatch", reason)

    return refuse
