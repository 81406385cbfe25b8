"""Lint: everything that is wrong with a mapping file, and what it leaves out or refuses on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from adapters.mapping import Mapping, MappingInvalid
from adapters.mapping.cells.codes import CodeCell
from adapters.mapping.checks import built_problems, declaration_problems
from adapters.mapping.column import BoundColumn
from adapters.mapping.declaration import Declaration
from adapters.mapping.declared_columns import CodeColumn, FixedColumn, UnusedColumn
from adapters.mapping.loading import bind, read_declaration, standard_of
from adapters.toolbox.code_columns import code_columns
from adapters.toolbox.findings import Finding, Level
from adapters.toolbox.places import MappingPlace, others

TO_BE_CONFIRMED: Final = "待确认 / to be confirmed"
"""Stands in a draft wherever a person has to say the reason."""


def lint(place: MappingPlace) -> list[Finding]:
    """Look through a mapping file, its code tables and its golden rows.

    Returns:
        Errors, then warnings, then notes. Where there are errors nothing further is looked for.
    """
    errors = [Finding(Level.ERROR, rule, place.name, where, problem) for rule, where, problem in _errors(place)]
    if errors:
        return errors
    mapping = place.load()
    warnings = [Finding(Level.WARNING, *found) for found in _warnings(place, mapping)]
    return warnings + [Finding(Level.NOTE, *found) for found in _notes(place, mapping)]


_Found = tuple[str, str, str, str]
"""Rule, file, place, problem."""


def _errors(place: MappingPlace) -> Iterator[tuple[str, str, str]]:
    """Yield rule, place and problem of all that keeps the mapping from being loaded, not of the first alone."""
    try:
        declaration = read_declaration(place.folder, place.dialect, place.dataset)
        standard = standard_of(place.name, declaration)
        problems = list(declaration_problems(declaration, standard))
        yield from (("mapping.invalid", where, problem) for where, problem in problems)
        if not problems:
            plan = bind(place.name, declaration, standard, place.folder)
            built = built_problems(declaration, plan.columns)
            yield from (("mapping.invalid", where, problem) for where, problem in built)
    except MappingInvalid as invalid:
        yield "mapping.invalid", invalid.place, invalid.problem


def _warnings(place: MappingPlace, mapping: Mapping) -> Iterator[_Found]:
    declaration = mapping.declaration
    for suffix in (".csv", ".jsonl"):
        if not place.samples(suffix).is_file():
            yield "golden.missing", place.name, "samples", f"没有样例 / no golden rows: {place.samples(suffix).name}"
    labels = Counter(column.label for column in declaration.columns)
    for column in declaration.columns:
        if labels[column.label] > 1:
            yield (
                "label.doubled",
                place.name,
                f"column {column.name}",
                "中文名不唯一 / its label is another column's too",
            )
        if column.label.isascii():
            yield "label.english", place.name, f"column {column.name}", "没有中文名 / its label is not Chinese"
    yield from ((*found[:1], place.name, *found[1:]) for found in _unexplained(declaration))
    yield from _tables(place, mapping)


def _unexplained(declaration: Declaration) -> Iterator[tuple[str, str, str]]:
    """Reasons that a draft left open."""
    problem = "原因待填写 / the reason is still to be written"
    for column in declaration.columns:
        reasons = [column.reason] if isinstance(column, FixedColumn | UnusedColumn) else [*column.missing.values()]
        if any(TO_BE_CONFIRMED in reason for reason in reasons):
            yield "reason.open", f"column {column.name}", problem
    sections = {
        "missing": declaration.missing,
        "normalisations": declaration.normalisations,
        "not_carried": declaration.not_carried,
        "default": {field: default.reason for field, default in declaration.defaults.items()},
    }
    for section, reasons_by_name in sections.items():
        for name, reason in reasons_by_name.items():
            if TO_BE_CONFIRMED in reason:
                yield "reason.open", f"{section} {name!r}", problem


def _tables(place: MappingPlace, mapping: Mapping) -> Iterator[_Found]:
    """Code tables without labels; and such as no mapping of the folder reads."""
    for column, cell in code_columns(mapping):
        empty = [code for code, label in cell.table.labels.items() if not label.strip()]
        if empty:
            problem = f"代码没有中文说明 / codes without a label: {' '.join(empty)}"
            yield "code.unlabelled", place.name, f"column {column.name}", problem


def unused_tables(places: list[MappingPlace]) -> list[Finding]:
    """Find code tables that no mapping of their folder reads.

    Args:
        places: All mapping files of one folder; those that cannot be read are left out.
    """
    used: set[str] = set()
    for place in places:
        try:
            declaration = read_declaration(place.folder, place.dialect, place.dataset)
        except MappingInvalid:
            return []  # it may be the one that reads them
        used |= {column.table for column in declaration.columns if isinstance(column, CodeColumn)}
    tables = sorted(places[0].folder.glob("*.csv")) if places else []
    present = [table.name for table in tables if len(table.read_bytes().splitlines()) > 1]  # a header alone waits
    problem = "没有映射使用该代码表 / no mapping here reads this code table"
    return [
        Finding(Level.WARNING, "table.unused", f"{places[0].dialect}/{table}", "file", problem)
        for table in present
        if table not in used
    ]


def _notes(place: MappingPlace, mapping: Mapping) -> Iterator[_Found]:
    declaration, name = mapping.declaration, place.name
    for column in declaration.columns:
        if isinstance(column, UnusedColumn):
            yield "column.unused", name, f"column {column.name}", f"不传送 / does not travel: {column.reason}"
    for path, reason in declaration.not_carried.items():
        yield "field.not_carried", name, f"field {path}", f"无对应列 / has no column: {reason}"
    for field, default in declaration.defaults.items():
        problem = f"其他值的记录拒收 / records with another value are refused: {default.value}: {default.reason}"
        yield "field.default", name, f"field {field}", problem
    for bound in mapping.plan.columns:
        if bound.cell.lossy:
            yield "converter.lossy", name, f"column {bound.name}", f"{bound.facts.path}: {bound.cell.lossy}"
    for bound, cell in code_columns(mapping):
        yield from ((rule, name, f"column {bound.name}", problem) for rule, problem in _no_partner(place, bound, cell))


def _no_partner(place: MappingPlace, column: BoundColumn, cell: CodeCell) -> Iterator[tuple[str, str]]:
    """Values that the standard has and this table has not; and codes here that another dialect cannot say."""
    lacking = [name for name, number in column.facts.enum_values.items() if number not in cell.table.codes]
    if lacking:
        yield "code.unsaid", f"没有代码，这样的记录拒收 / no code, such records are refused: {' '.join(lacking)}"
    for other in others(place):
        theirs = next((one.cell for one in other.plan.columns if one.facts.path == column.facts.path), None)
        if isinstance(theirs, CodeCell):
            codes = [code for value, code in cell.table.codes.items() if value not in theirs.table.codes]
            if codes:
                problem = f"{other.dialect} 没有对应的代码 / has no code for: {' '.join(codes)}"
                yield "code.no_partner", problem
