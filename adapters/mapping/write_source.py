"""The source of the functions that write, and of those that say beforehand whether writing would fail."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.mapping.column import BoundColumn
from adapters.mapping.plan import Part, Plan


def row_writer(plan: Plan) -> list[str]:
    """``write_row``, and ``write_rows`` for those who treat all datasets alike."""
    cells = _cells(plan, plan.record)
    row = ", ".join(cells.get(place, "''") for place in range(plan.width))
    return [
        "def write_row(m):",
        *(f"    {line}" for line in [*_refusing(plan), *_joined(plan.record)]),
        f"    return [{row}]",
        "def write_rows(m):",
        "    return [write_row(m)]",
    ]


def rows_writer(plan: Plan) -> list[str]:
    """``write_rows``: the record's cells on every row, and with them those of one item of each list."""
    cells = _cells(plan, plan.record)
    written = {place: f"w{place}" for place in [*cells, *(place for part in plan.items for place in part.places())]}
    row = ", ".join(written.get(place, "''") for place in range(plan.width))
    turns = range(len(plan.items))
    return [
        "def write_rows(m):",
        *(f"    {line}" for line in [*_refusing(plan), *_joined(plan.record)]),
        *(f"    w{place} = {cell}" for place, cell in cells.items()),
        *(f"    {line}" for turn, part in enumerate(plan.items) for line in _list_writer(plan, turn, part)),
        f"    most = max(1, {', '.join(f'len(list{turn})' for turn in turns)})",
        *(f"    list{turn} += [nothing{turn}] * (most - len(list{turn}))" for turn in turns),
        f"    return [[{row}] for {_unpacked(plan)} in zip({', '.join(f'list{turn}' for turn in turns)})]",
    ]


def _list_writer(plan: Plan, turn: int, part: Part) -> Iterator[str]:
    """Write the cells of every item of one list."""
    cells = _cells(plan, part)
    yield f"nothing{turn} = {('',) * len(cells)!r}"
    yield f"list{turn} = []"
    yield f"for i in m.{part.items}:"
    yield "    try:"
    yield from (f"        {line}" for line in _joined(part))
    yield f"        list{turn}.append(({', '.join(cells.values())},))"
    yield "    except NotExpressible as refusal:"
    yield f"        raise refusal.in_item(len(list{turn})) from None"


def _unpacked(plan: Plan) -> str:
    """Name the cells of an item of each list, by place."""
    names = (", ".join(f"w{place}" for place in _cells(plan, part)) for part in plan.items)
    return "".join(f"({its},), " for its in names)


def _cells(plan: Plan, part: Part) -> dict[int, str]:
    """An expression for each cell of a part, by its place."""
    cells = {filler.place: f"fixed_{filler.place}" for filler in plan.fillers} if part is plan.record else {}
    for number, column in part.columns:
        if len(column.places) > 1:
            cells |= {place: f"j{number}[{turn}]" for turn, place in enumerate(column.places)}
        else:
            cells[column.places[0]] = _expression(part, number, column, column.fast_write)
    return dict(sorted(cells.items()))


def _refusing(plan: Plan) -> Iterator[str]:
    """Refuse what the table is not about."""
    for number, default in enumerate(plan.defaults):
        yield f"if m.{default.facts.name} != default_{number}: refuse_{number}()"


def _joined(part: Part) -> Iterator[str]:
    """Cells of joined columns are written, and checked, first and together."""
    for number, column in part.columns:
        if len(column.places) > 1:
            nothing = repr(("",) * len(column.places))
            yield f"j{number} = {_expression(part, number, column, column.fast_write, nothing)}"


def checker(plan: Plan) -> list[str]:
    """``unexpressible``: only the columns that may refuse a value, in the order of writing; the refusal as a value."""
    lines = [
        "def unexpressible(m):",
        "    try:",
        *(f"        {line}" for line in _checks(plan.record, _refusing(plan))),
    ]
    for part in plan.items:
        checks = list(_checks(part, iter(())))
        lines += [f"        for n, i in enumerate(m.{part.items}):", "            try:"]
        lines += [f"                {line}" for line in checks or ["pass"]]
        lines += ["            except NotExpressible as refusal:", "                raise refusal.in_item(n) from None"]
    refused = ["    except NotExpressible as refusal:", "        return refusal.with_traceback(None)"]
    return [*lines, "        return None", *refused]


def _checks(part: Part, first: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from _joined(part)
    for number, column in part.columns:
        if column.fast_check and len(column.places) == 1:
            yield _expression(part, number, column, column.fast_check)


def columns_checker(plan: Plan) -> list[str]:
    """``all_expressible``: each distinct value once. Absent ones count as empty ones, which is never too kind."""
    checks = [
        f"if set(columns[{default.facts.name!r}]) != {{default_{number}}}: return False"
        for number, default in enumerate(plan.defaults)
    ]
    checks += _column_checks(plan.record, "columns[{!r}]")
    for part in plan.items:
        checks += [f"items = [i for some in columns[{part.items!r}] for i in some]"]
        checks += _column_checks(part, "[i.{} for i in items]")
    refused = ["    except NotExpressible:", "        return False"]
    lines = [f"        {line}" for line in checks]
    return ["def all_expressible(columns):", "    try:", *lines, "        return True", *refused]


def _column_checks(part: Part, source: str) -> Iterator[str]:
    for number, column in part.columns:
        if not column.fast_check:
            continue
        values, value, is_message = source.format(column.facts.name), "v", column.facts.subfields
        if column.cell.needs:
            values, value = f"set(zip({values}, {source.format(column.cell.needs)}))", "v, need"
        elif not is_message:
            values = f"set({values})"
        names = part.placeholders(number, column) | {"v": "v", "need": "need" if column.cell.needs else "''"}
        check = column.fast_check.format_map(names)
        if is_message and not column.facts.required:
            # One that passed the gate has bytes, unless it is absent.
            check = f"({check}) if v.ByteSize() else ''"
        elif not column.facts.has_presence and not column.facts.required:
            check = f"({check}) if v else ''"
        yield f"for {value} in {values}: {check}"


def _expression(part: Part, number: int, column: BoundColumn, template: str, nothing: str = "''") -> str:
    """Write or check one field: the fast way where the value is usual, the empty cell where there is none."""
    names = part.placeholders(number, column)
    if column.facts.required:
        return template.format_map(names)
    if column.facts.has_presence:
        given = f"{part.variable}.HasField({column.facts.name!r})"
    else:
        given, names = f"(x := {names['v']})", names | {"v": "x"}
    return f"({template.format_map(names)}) if {given} else {nothing}"
