"""What must hold of a mapping file beyond its shape: checked when it is loaded, named to whoever wrote it.

Not checked here: whether the facts are true (golden rows and the owner of the domain do that).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from adapters.mapping.cells import CELLS
from adapters.mapping.column import NORMALISATIONS, BoundColumn
from adapters.mapping.declaration import Declaration
from adapters.mapping.standard import Standard

Problem = tuple[str, str]
"""Place in the mapping file, and what is wrong there."""


def declaration_problems(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Check a mapping file against its standard, before anything is built from it."""
    yield from _columns(declaration, standard)
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
    fields: set[str] = set()
    for column in declaration.columns:
        place = f"column {column.name}"
        facts = standard.fields.get(column.field)
        if column.name in names:
            yield place, "stands twice"
        if facts is None:
            yield place, f"the standard has no field {column.field}{_nearest(column.field, standard.fields)}"
        elif facts.kind not in CELLS[column.type].kinds:
            yield place, f"a column of type {column.type} cannot carry {facts.name}, which is {facts.kind}"
        elif column.field in fields:
            yield place, f"the field {column.field} is carried by an earlier column"
        elif column.type == "serial" and column.month not in {other.field for other in declaration.columns}:
            yield place, f"month: no column carries the field {column.month}"
        names.add(column.name)
        fields.add(column.field)


def _fields(declaration: Declaration, standard: Standard) -> Iterator[Problem]:
    """Each field of the standard is carried, or declared as not carried with a reason; never both, never neither."""
    carried = {path for column in declaration.columns for path in _paths(column.field, CELLS[column.type].subfields)}
    known = {path for facts in standard.fields.values() for path in _paths(facts.name, facts.subfields)}
    for facts in standard.fields.values():
        if facts.required and facts.name not in {column.field for column in declaration.columns}:
            yield "column", f"no column carries {facts.name}, which the standard requires"
    for path in sorted(declaration.not_carried.keys() - known):
        yield "not_carried", f"the standard has no field {path}{_nearest(path, known)}"
    for path in sorted(declaration.not_carried.keys() & carried):
        yield "not_carried", f"{path} is carried by a column"
    for path in sorted(known - carried - declaration.not_carried.keys()):
        yield "not_carried", f"no column carries {path}: declare it here, with the reason"


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


def _paths(name: str, subfields: tuple[str, ...]) -> list[str]:
    """A field's path, or those of its parts."""
    return [f"{name}.{part}" for part in subfields] or [name]


def _nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a known name."""
    matches = get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]}?" if matches else ""
