"""Loading a mapping, and what others see of it."""

from __future__ import annotations

import collections.abc
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from google.protobuf.message import Message

from adapters.mapping.cells import CELLS, Context
from adapters.mapping.checks import Problem, built_problems, declaration_problems
from adapters.mapping.column import BoundColumn
from adapters.mapping.compiler import Standardised, compile_mapping
from adapters.mapping.declaration import Declaration, FileFormat, parse_declaration
from adapters.mapping.divisions import load_divisions
from adapters.mapping.errors import MappingInvalid, NotExpressible
from adapters.mapping.standard import Standard, find_standard

__all__ = ["Mapping", "Standardised", "build_mapping", "find_mappings", "load_mapping"]

Columns = collections.abc.Mapping[str, Sequence[Any]]


class Mapping:
    """One dataset between one dialect and the regional standard, in both directions.

    Attributes:
        declaration: The mapping file.
        standard: The regional standard.
        dialect: "local".
        dataset: "social.contribution".
        columns: The dialect's columns, in the order of the file.
        file: How the dialect's CSV files are written.
        version: "1-5f3a09bc": the owner's version, and a digest over the file and its tables, for the lineage.

    Args:
        name: Name of the file for messages, "local/social_contribution.toml".
        declaration: The mapping file, read and checked.
        standard: Its standard.
        columns: Its columns, bound.
        digest: Digest over the file and its tables, hex.
    """

    def __init__(
        self, name: str, declaration: Declaration, standard: Standard, columns: tuple[BoundColumn, ...], digest: str
    ) -> None:
        self.declaration: Final = declaration
        self.standard: Final = standard
        self.dialect: Final = declaration.dialect
        self.dataset: Final = declaration.dataset
        self.columns: Final = tuple(column.name for column in columns)
        self.file: Final[FileFormat] = declaration.file
        self.version: Final = f"{declaration.version}-{digest[:8]}"
        self._compiled = compile_mapping(name, columns, declaration.sums, standard)

    @property
    def message_type(self) -> type[Message]:
        """The standard's message class."""
        return self.standard.message_type

    def to_standard(self, row: list[str]) -> Standardised:
        """Turn a row of the dialect into a record of the standard.

        Everything that the standard asks of a carried field is checked: what passes here passes the gate.

        Args:
            row: Cells in the order of ``columns``, decoded.

        Raises:
            RowRejected: A cell or a sum breaks a rule.
        """
        return self._compiled.to_standard(row)

    def from_standard(self, message: Any) -> list[str]:  # noqa: ANN401 - the dataset's message
        """Turn a record of the standard into a row of the dialect.

        Args:
            message: The standard's message; it passed the gate.

        Returns:
            Cells in the order of ``columns``. Reading them back gives every carried field as it is; fields in
            ``declaration.not_carried`` are left out.

        Raises:
            NotExpressible: The dialect has no way to say it.
        """
        return self._compiled.from_standard(message)

    def unexpressible(self, message: Any) -> NotExpressible | None:  # noqa: ANN401 - the dataset's message
        """Say what ``from_standard`` would refuse, or nothing; about a third of its cost.

        A receiving node asks this at its gate, so that what it accepts can be written to the city's own tables.

        Args:
            message: The standard's message; it passed the gate.
        """
        return self._compiled.unexpressible(message)

    def all_expressible(self, columns: Columns) -> bool:
        """Say of many messages whether ``unexpressible`` surely finds nothing; where in doubt, no.

        Args:
            columns: By field, the values of all messages; they passed the gate.
        """
        return self._compiled.all_expressible(columns)


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
        raise MappingInvalid(f"{dialect}/{_file_name(dataset)}", "file", f"no such mapping; known are {known}")
    return build_mapping(resources.files("adapters") / dialect, dialect, dataset)


def find_mappings() -> Iterator[tuple[str, str]]:
    """List every mapping file as (dialect, dataset), sorted."""
    folders = sorted((entry for entry in resources.files("adapters").iterdir() if entry.is_dir()), key=lambda f: f.name)
    for folder in folders:
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
        yield from ((folder.name, name.removesuffix(".toml").replace("_", ".", 1)) for name in names)


def build_mapping(folder: Traversable, dialect: str, dataset: str) -> Mapping:
    """Load and compile a mapping from any folder, for instance a draft that is not yet installed.

    Args:
        folder: Holds the mapping file and its code tables.
        dialect: "local".
        dataset: "social.contribution".

    Raises:
        MappingInvalid: Something in the file or in a table beside it is wrong.
    """
    name = f"{dialect}/{_file_name(dataset)}"
    source = folder / _file_name(dataset)
    if not source.is_file():
        raise MappingInvalid(name, "file", "no such mapping file")
    declaration = parse_declaration(name, source.read_text(encoding="utf-8"))
    _expect(name, declaration, dialect, dataset)
    standard = _standard(name, declaration)
    _refuse(name, declaration_problems(declaration, standard))
    columns = _bind(name, declaration, standard, folder)
    _refuse(name, built_problems(declaration, columns))
    return Mapping(name, declaration, standard, columns, _digest(folder, source, declaration))


def _file_name(dataset: str) -> str:
    return f"{dataset.replace('.', '_')}.toml"


def _expect(name: str, declaration: Declaration, dialect: str, dataset: str) -> None:
    """A file says what its place says."""
    if (declaration.dialect, declaration.dataset) != (dialect, dataset):
        raise MappingInvalid(name, "dialect, dataset", f"the file lies where {dialect} and {dataset} belong")


def _standard(name: str, declaration: Declaration) -> Standard:
    try:
        return find_standard(declaration.dataset, declaration.standard)
    except LookupError as error:
        raise MappingInvalid(name, "standard", str(error)) from error


def _bind(name: str, declaration: Declaration, standard: Standard, folder: Traversable) -> tuple[BoundColumn, ...]:
    """Give each column its cell type, its tables and its field."""
    missing = frozenset(declaration.missing)
    context = Context(folder, missing, load_divisions(declaration.divisions))
    columns = []
    for column in declaration.columns:
        facts = standard.fields[column.field]
        try:
            cell = CELLS[column.type](column, facts, context)
        except MappingInvalid as error:
            raise MappingInvalid(name, f"column {column.name}", str(error)) from error
        columns.append(BoundColumn(column, facts, cell, missing))
    return tuple(columns)


def _refuse(name: str, problems: Iterator[Problem]) -> None:
    """Raise the first problem, if there is one."""
    for place, problem in problems:
        raise MappingInvalid(name, place, problem)


def _digest(folder: Traversable, source: Traversable, declaration: Declaration) -> str:
    """Digest the mapping file and its code tables; the division table is named by its edition."""
    tables = [column.table for column in declaration.columns if column.type == "code"]
    content = [source.read_bytes(), *((folder / table).read_bytes() for table in tables)]
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in content)).hexdigest()
