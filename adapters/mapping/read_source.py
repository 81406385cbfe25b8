"""The source of the functions that read: one line for each column, straight down."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.mapping.column import BoundColumn
from adapters.mapping.plan import Part, Plan


def record_reader(plan: Plan) -> list[str]:
    """``read_record``: one line for each column, those that need another's value last."""
    part = plan.record
    return [
        "def read_record(row):",
        "    try:",
        f"        {', '.join(f'c{place}' for place in range(plan.width))}, = row",
        "    except ValueError:",
        "        raise wrong_cells(row) from None",
        "    notes = []",
        *(
            f"    if c{filler.place} != fixed_{filler.place}: check_{filler.place}(c{filler.place}, notes)"
            for filler in plan.fillers
            if filler.text
        ),
        *_reading(part),
        *_summing(plan),
        f"    m = Message({_given(part)})",
        *_merging(part, "defaults" if plan.defaults else ""),
        "    return standardised((m, tuple(dict.fromkeys(notes)) if notes else ()))",
    ]


def items_readers(plan: Plan) -> list[str]:
    """``read_items``: a function for each repeated field."""
    lines = [line for turn, part in enumerate(plan.items) for line in _item_reader(turn, part)]
    return [*lines, f"read_items = ({''.join(f'read_item_{turn}, ' for turn in range(len(plan.items)))})"]


def _item_reader(turn: int, part: Part) -> list[str]:
    """The same for the cells of one item; the row's width was checked."""
    return [
        f"def read_item_{turn}(row, items, notes):",
        *(f"    c{place} = row[{place}]" for place in part.places()),
        *_reading(part),
        f"    i = items.add({_given(part)})",
        *_merging(part, ""),
    ]


def _reading(part: Part) -> Iterator[str]:
    for number, column in sorted(part.columns, key=lambda numbered: numbered[1].cell.needs != ""):
        yield f"    v{number} = {_read_expression(part, number, column)}"


def _given(part: Part) -> str:
    """The fields that are handed over as values."""
    return ", ".join(f"{column.facts.name}=v{n}" for n, column in part.columns if not part.in_bytes(column))


def _merging(part: Part, constant: str) -> Iterator[str]:
    """The fields that are handed over as bytes."""
    encoded = [f"v{n}" for n, column in part.columns if part.in_bytes(column)] + [constant] * bool(constant)
    if encoded:
        yield f"    {part.variable}.MergeFromString(b''.join(({', '.join(encoded)},)))"


def _summing(plan: Plan) -> Iterator[str]:
    value = {column.name: f"(v{number} or 0)" for number, column in plan.record.columns}
    for number, total in enumerate(plan.sums):
        parts = " + ".join(value[name] for name in total.parts)
        yield f"    if {value[total.total]} != {parts}: raise sum_{number}()"


def _read_expression(part: Part, number: int, column: BoundColumn) -> str:
    """Read one cell: the fast way where the cell is usual, or says in a usual way that nothing is given."""
    cells = ", ".join(f"c{place}" for place in column.places)
    joined = len(column.places) > 1
    cell = f"({cells})" if joined else cells
    # list.append returns None, which is the value of a cell that says nothing; its bytes are none.
    noted = "notes.append('missing_word')" + (" or b''" if part.in_bytes(column) else "")
    nothing = "" if column.facts.required or joined else f"{noted} if {cell} in words_{number} else "
    if column.learns:
        known = f"(x := known_{number}({cell}, unknown)) is not unknown"
        return f"x if {known} else {nothing}learn_{number}({cell}, notes)"
    need = f"v{part.needed(column)}" if column.cell.needs else "''"
    names = part.placeholders(number, column) | {"c": cell, "need": need}
    expression = column.cell.fast_read.format_map(names)
    if not column.facts.required:
        return f"None if not {cell} else {nothing}{expression}"
    # Words for what is missing may look like values, which no required column has: the complete way refuses them.
    return f"read_{number}({cell}, notes) if {cell} in words_{number} else {expression}" if column.lost else expression
