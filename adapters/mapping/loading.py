"""Loading a mapping file: reading, checking, binding to its standard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from adapters.mapping.cells import CELLS, AnyCell, Context
from adapters.mapping.checks import Problem, built_problems, declaration_problems
from adapters.mapping.code_tables import field_value, utf8_text
from adapters.mapping.column import BoundColumn, Filler, JoinedColumns
from adapters.mapping.declaration import Declaration, DefaultDeclaration, parse_declaration
from adapters.mapping.declared_columns import CarryingColumn, FixedColumn, UnusedColumn
from adapters.mapping.divisions import load_divisions
from adapters.mapping.errors import MappingInvalid
from adapters.mapping.mapping import Mapping
from adapters.mapping.plan import Default, Plan
from adapters.mapping.standard import Standard, find_standard

_ADAPTERS: Final = resources.files("adapters")


@cache
def load_mapping(dialect: str, dataset: str) -> Mapping:
    """Load and compile a mapping from ``adapters/<dialect>``.

    Args:
        dialect: "local".
        dataset: "social.contribution".

    Raises:
        MappingInvalid: There is no such mapping file, or something in it or in a table beside it is wrong.
    """
    if (dialect, dataset) not in list(find_mappings()):
        known = ", ".join("/".join(pair) for pair in find_mappings())
        raise MappingInvalid(f"{dialect}/{file_name(dataset)}", "file", f"no such mapping; known are {known}")
    return build_mapping(_ADAPTERS / dialect, dialect, dataset)


def find_mappings() -> Iterator[tuple[str, str]]:
    """List every mapping file as (dialect, dataset), sorted: a folder under ``adapters`` that has one is a dialect."""
    folders = sorted((entry for entry in _ADAPTERS.iterdir() if entry.is_dir()), key=lambda folder: folder.name)
    for folder in folders:
        yield from ((folder.name, dataset) for dataset in find_datasets(folder))


def find_datasets(folder: Traversable) -> list[str]:
    """List the datasets that a folder has mapping files of, sorted."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [name.removesuffix(".toml").replace("_", ".", 1) for name in names]


def file_name(dataset: str) -> str:
    """Return the name of a dataset's mapping file: "social_contribution.toml"."""
    return f"{dataset.replace('.', '_')}.toml"


def build_mapping(folder: Traversable, dialect: str, dataset: str) -> Mapping:
    """Load and compile a mapping from any folder, for instance a draft that is not yet installed.

    Args:
        folder: Holds the mapping file and its code tables.
        dialect: "local".
        dataset: "social.contribution".

    Raises:
        MappingInvalid: Something in the file or in a table beside it is wrong.
    """
    name = f"{dialect}/{file_name(dataset)}"
    declaration = read_declaration(folder, dialect, dataset)
    standard = standard_of(name, declaration)
    _refuse(name, declaration_problems(declaration, standard))
    plan = bind(name, declaration, standard, folder)
    _refuse(name, built_problems(declaration, plan.columns))
    return Mapping(declaration, plan, _digest(folder, folder / file_name(dataset), declaration))


def read_declaration(folder: Traversable, dialect: str, dataset: str) -> Declaration:
    """Read a mapping file, which must say what its place says.

    Raises:
        MappingInvalid: There is none, it is not UTF-8, badly shaped, or says something else.
    """
    name = f"{dialect}/{file_name(dataset)}"
    source = folder / file_name(dataset)
    if not source.is_file():
        raise MappingInvalid(name, "file", "no such mapping file")
    declaration = parse_declaration(name, utf8_text(source, name))
    if (declaration.dialect, declaration.dataset) != (dialect, dataset):
        raise MappingInvalid(name, "dialect, dataset", f"the file lies where {dialect} and {dataset} belong")
    return declaration


def standard_of(name: str, declaration: Declaration) -> Standard:
    """Find the standard that a mapping file is about.

    Raises:
        MappingInvalid: There is none.
    """
    try:
        return find_standard(declaration.dataset, declaration.standard)
    except LookupError as error:
        raise MappingInvalid(name, "standard", str(error)) from error


def bind(name: str, declaration: Declaration, standard: Standard, folder: Traversable) -> Plan:
    """Give each column its cell type, its tables and its field.

    Args:
        name: Of the file, for messages.
        declaration: Checked against the standard.
        standard: The standard.
        folder: Holds the code tables.

    Raises:
        MappingInvalid: A table is wrong, or does not fit its field.
    """
    context = Context(folder, frozenset(declaration.missing), load_divisions(declaration.divisions))
    carrying: dict[str, list[tuple[int, CarryingColumn]]] = {}
    fillers = []
    for place, column in enumerate(declaration.columns):
        if isinstance(column, FixedColumn | UnusedColumn):
            fillers.append(Filler(column, place))
        else:
            carrying.setdefault(column.field, []).append((place, column))
    names = [column.name for column in declaration.columns]
    group = declaration.group
    return Plan(
        name=name,
        standard=standard,
        width=len(names),
        columns=tuple(_bound(name, standard, context, columns) for columns in carrying.values()),
        fillers=tuple(fillers),
        defaults=tuple(_default(standard, *pair) for pair in declaration.defaults.items()),
        sums=declaration.sums,
        lists=group.items if group else (),
        key=tuple(names.index(column) for column in group.key) if group else (),
    )


def _bound(name: str, standard: Standard, context: Context, columns: list[tuple[int, CarryingColumn]]) -> BoundColumn:
    """Bind the column that carries a field, or the columns that a converter joins."""
    places, declared = zip(*columns, strict=True)
    first, facts = declared[0], standard.find(declared[0].field)
    if facts is None:
        raise AssertionError(f"{first.field} was not checked")
    missing = context.missing | {word for column in declared for word in column.missing}
    try:
        cell: AnyCell = CELLS[first.type](first, facts, replace(context, missing=missing))
    except MappingInvalid as error:
        raise MappingInvalid(name, f"column {first.name}", str(error)) from error
    kind = JoinedColumns if len(columns) > 1 else BoundColumn
    return kind(first, places, facts, cell, missing)


def _default(standard: Standard, field: str, declared: DefaultDeclaration) -> Default:
    facts = standard.fields[field]
    value = field_value(declared.value, facts)
    if value is None:
        raise AssertionError(f"the default of {field} was not checked")
    return Default(facts, value)


def _refuse(name: str, problems: Iterable[Problem]) -> None:
    """Raise the first problem, if there is one."""
    for place, problem in problems:
        raise MappingInvalid(name, place, problem)


def _digest(folder: Traversable, source: Traversable, declaration: Declaration) -> str:
    """Digest the mapping file and its code tables; the division table is named by its edition."""
    tables = [column.table for column in declaration.columns if column.type == "code"]
    content = [source.read_bytes(), *((folder / table).read_bytes() for table in tables)]
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in content)).hexdigest()
