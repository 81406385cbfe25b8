"""What must hold of a mapping file beyond its shape: checked when it is loaded, named to whoever wrote it.

Not checked here: whether the facts are true (golden rows and the owner of the domain do that).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from adapters.mapping.cells import CELLS
from adapters.mapping.code_tables import field_value
from adapters.mapping.column import NORMALISATIONS, BoundColumn
from adapters.mapping.converters import CONVERTERS
from adapters.mapping.declaration import Declaration
from adapters.mapping.declared_columns import AnyColumn, CarryingColumn, ConvertedColumn, SerialColumn
from adapters.mapping.standard import FieldFacts, Standard

Problem = tuple[str, str]
"""Place in the mapping file, and what is wrong there."""


def declaration_problems(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Check a mapping file against its standard, before anything is built from it."""
    yield from _columns(declaration, standard)
    yield from _defaults(declaration, standard)
    yield from _group(declaration, standard)
    yield from _fields(declaration, standard)
    yield from _sums(declaration, standard)
    if "" not in declaration.missing:
        yield "missing", 'the empty cell, "" = "reason", must be a missing word: it is what is written'


def built_problems(declaration: Declaration, columns: Iterable[BoundColumn]) -> Iterator[Problem]:
    """Check what only the built columns know."""
    used = set(NORMALISATIONS)
    for column in columns:
        used |= column.cell.normalisations
        problem = column.cell.problem()
        if problem:
            yield f"column {column.name}", problem
    declared = declaration.normalisations.keys()
    for name in sorted(used - declared):
        yield "normalisations", f"{name} is applied by a column here: declare it, with the reason"
    for name in sorted(declared - used):
        yield "normalisations", f"{name} is applied by no column here{_nearest(name, used)}"


def _columns(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Names once, known fields once, kinds that fit."""
    names: set[str] = set()
    for place, column in enumerate(declaration.columns):
        if column.name in names:
            yield f"column {column.name}", "stands twice"
        names.add(column.name)
        if isinstance(column, CarryingColumn):
            problem = _carrying(column, declaration.columns[:place], declaration, standard)
            if problem:
                yield f"column {column.name}", problem


def _carrying(
    column: CarryingColumn, earlier: Iterable[AnyColumn], declaration: Declaration, standard: Standard
) -> str:
    """Say why a column cannot carry its field, or nothing."""
    facts = standard.find(column.field)
    if facts is None or facts.repeated:
        return f"the standard has no field {column.field}{_nearest(column.field, standard.paths())}"
    if isinstance(column, ConvertedColumn):
        return _converted(column, facts, declaration)
    if facts.kind not in CELLS[column.type].kinds:
        return f"a column of type {column.type} cannot carry {facts.path}, which is {facts.kind}"
    if column.field in {other.field for other in earlier}:
        return f"the field {column.field} is carried by an earlier column"
    if isinstance(column, SerialColumn) and column.month and column.month not in _carried(declaration):
        return f"month: no column carries the field {column.month}"
    return ""


def _converted(column: ConvertedColumn, facts: FieldFacts, declaration: Declaration) -> str:
    """Say why columns of a converter cannot carry their field together, or nothing."""
    converter = CONVERTERS.get(column.converter)
    if converter is None:
        return f"there is no converter {column.converter}{_nearest(column.converter, CONVERTERS)}"
    if facts.kind not in converter.kinds:
        return f"the converter {column.converter} cannot carry {facts.path}, which is {facts.kind}"
    together = [other for other in declaration.columns if other.field == column.field]
    if any(not isinstance(one, ConvertedColumn) or one.converter != column.converter for one in together):
        return f"the field {column.field} is carried by a column that the converter does not read"
    if len(together) != converter.columns:
        return f"the converter {column.converter} reads {converter.columns} columns, not {len(together)}"
    return ""


def _carried(declaration: Declaration) -> set[str]:
    """Paths of the fields that columns carry."""
    return {column.field for column in declaration.columns if column.field}


def _defaults(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """A default has a value of its field, and no column beside it."""
    for field, default in declaration.defaults.items():
        facts = standard.fields.get(field)
        if facts is None:
            yield f"default.{field}", f"the standard has no field {field}{_nearest(field, standard.fields)}"
        elif field in _carried(declaration):
            yield f"default.{field}", "is carried by a column"
        elif field_value(default.value, facts) is None:
            yield f"default.{field}", f"the standard's field {field} has no value {default.value!r}"


def _group(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Rows are one record where a repeated field has columns, and the key says whose they are."""
    items = {path.partition(".")[0] for path in _carried(declaration) if "." in path}
    group = declaration.group
    if group is None:
        if items:
            yield "group", f"columns carry {sorted(items)[0]}.…: declare which rows are one record"
        return
    for name in group.items:
        yield from _list(name, items, standard)
    for name in sorted(items - set(group.items)):
        yield "group.items", f"columns carry {name}.…, which is not named here"
    fields = {column.name: column.field for column in declaration.columns}
    for name in group.key:
        if "." in fields.get(name, ".") or not fields[name]:
            yield "group.key", f"{name} is no column of the record itself{_nearest(name, fields)}"
    for field in standard.key:
        if field not in {fields.get(name) for name in group.key}:
            yield "group.key", f"rows of two records could not be told apart: no column of the key carries {field}"


def _list(name: str, carried: set[str], standard: Standard) -> Iterator[Problem]:
    """A repeated field that rows add to."""
    facts = standard.fields.get(name)
    if facts is None or not facts.repeated:
        yield "group.items", f"the standard has no repeated field {name}{_nearest(name, standard.fields)}"
    elif name not in carried:
        yield "group.items", f"no column carries {name}.…"
    elif not any(inner.required for inner in facts.items.values()):
        yield "group.items", f"an item of {name} may be empty: no row could say so"


def _fields(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Each field of the standard is carried, or declared as not carried with a reason; never both, never neither."""
    carried = {path for column in declaration.columns for path in _leaves(column, standard)} | set(declaration.defaults)
    leaves = {leaf for facts in standard.fields.values() for leaf in facts.leaves()}
    left_out = {
        path: {leaf for leaf in leaves if f"{leaf}.".startswith(f"{path}.")} for path in declaration.not_carried
    }
    for path in _required(standard, carried):
        yield "column", f"no column carries {path}, which the standard requires"
    for path, covered in sorted(left_out.items()):
        if not covered:
            yield "not_carried", f"the standard has no field {path}{_nearest(path, leaves | set(standard.fields))}"
        for leaf in sorted(covered & carried):
            yield "not_carried", f"{leaf} is carried by a column"
    for path in sorted(leaves - carried - set().union(*left_out.values())):
        yield "not_carried", f"no column carries {path}: declare it here, with the reason"


def _leaves(column: AnyColumn, standard: Standard) -> Iterator[str]:
    """Yield what a column carries of its field."""
    facts = standard.find(column.field)
    if facts is not None and isinstance(column, CarryingColumn):
        subfields = CELLS[column.type].subfields
        yield from (f"{facts.path}.{part}" for part in subfields) if facts.subfields else (facts.path,)


def _required(standard: Standard, carried: set[str]) -> Iterator[str]:
    """Yield required fields without a column; of items only where any of them is carried."""
    for facts in standard.fields.values():
        inner = facts.items.values() if any(path.startswith(f"{facts.path}.") for path in carried) else ()
        for one in inner if facts.repeated else (facts,):
            if one.required and not any(f"{path}.".startswith(f"{one.path}.") for path in carried):
                yield one.path


def _sums(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """The standard's sums over carried fields, and no others, in the dialect's own column names."""
    fields = {column.name: column.field for column in declaration.columns}
    declared = set()
    for total in declaration.sums:
        for name in (total.total, *total.parts):
            if name not in fields:
                yield "sum", f"there is no column {name}{_nearest(name, fields)}"
        declared.add((fields.get(total.total, ""), frozenset(fields.get(part, "") for part in total.parts)))
    expected = {(total, frozenset(parts)) for total, parts in standard.sums if {total, *parts} <= set(fields.values())}
    for total_field, parts in sorted(expected - declared, key=str):
        yield "sum", f"the standard wants {total_field} = {' + '.join(sorted(parts))}: declare it"
    for total_field, _ in sorted(declared - expected, key=str):
        yield "sum", f"the standard has no such sum for {total_field or 'an unknown column'}"


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a known name."""
    matches = get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]}?" if matches else ""
