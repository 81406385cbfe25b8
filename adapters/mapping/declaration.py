"""The mapping file: what may stand in it. README.md beside tells it to those who write one."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from adapters.mapping.declared_columns import AnyColumn, Strict
from adapters.mapping.errors import MappingInvalid


class FileFormat(Strict):
    """How the dialect's CSV files are written.

    Attributes:
        encoding: "gb18030", or "utf-8-sig" for UTF-8 with a byte order mark.
        delimiter: Between the cells.
        line_end: After each row.
    """

    encoding: Literal["gb18030", "utf-8-sig", "utf-8"]
    delimiter: Literal[",", ";", "\t", "|"]
    line_end: Literal["CRLF", "LF"]


class SumDeclaration(Strict):
    """A column that must be the sum of others."""

    total: str
    parts: tuple[str, ...] = Field(min_length=1)


class GroupDeclaration(Strict):
    """Several consecutive rows are one record: columns of the form repeat, the others are one item of each list.

    Attributes:
        items: The standard's repeated field, or several of them; their columns' fields are written "years.year".
        key: Columns that say which rows belong together.
    """

    items: Annotated[tuple[str, ...], BeforeValidator(lambda items: (items,) if isinstance(items, str) else items)] = (
        Field(min_length=1)
    )
    key: tuple[str, ...] = Field(min_length=1)


class DefaultDeclaration(Strict):
    """A value of the standard that holds for every row, because the dialect's table is about nothing else.

    Attributes:
        value: An enum value's name, "true" or "false", or the field's text.
        reason: Why it holds for every row.
    """

    value: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class Declaration(Strict):
    """One mapping file.

    Attributes:
        dialect: Name of the dialect, the same as its folder.
        dataset: The regional standard's dataset.
        standard: Version of the standard.
        version: Version of this mapping, raised by its owner with every change of meaning.
        divisions: Edition of the division table.
        file: How the dialect's CSV files are written.
        missing: Words that say "nothing is given", with the reason.
        normalisations: What reading may change in a cell, with the reason; each is named in a row's lineage.
        not_carried: Fields of the standard that the dialect has no column for, with the reason.
        defaults: Fields of the standard that have one value in every row (``[default.<field>]``).
        group: Which rows are one record (``[group]``); None where each row is one.
        columns: In the order of the file (``[[column]]``).
        sums: Columns that must add up (``[[sum]]``).
    """

    dialect: str
    dataset: str
    standard: str
    version: int = Field(ge=1)
    divisions: str
    file: FileFormat
    missing: dict[str, str]
    normalisations: dict[str, str]
    not_carried: dict[str, str] = Field(default={})
    defaults: dict[str, DefaultDeclaration] = Field(alias="default", default={})
    group: GroupDeclaration | None = None
    columns: tuple[AnyColumn, ...] = Field(alias="column", min_length=1)
    sums: tuple[SumDeclaration, ...] = Field(alias="sum", default=())


def parse_declaration(file: str, text: str) -> Declaration:
    """Read a mapping file; only its shape is checked here, its sense in ``checks``.

    Args:
        file: Its name for messages, "local/social_contribution.toml".
        text: Its content.

    Raises:
        MappingInvalid: It is no TOML, or something is missing, unknown or of the wrong kind.
    """
    try:
        content = tomllib.loads(text)
        return Declaration.model_validate(content)
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(file, "file", f"no valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise MappingInvalid(file, _place(first["loc"], content), first["msg"]) from error


def _place(location: tuple[int | str, ...], content: dict[str, object]) -> str:
    """Name the place of a problem as a reader finds it: a column by its name."""
    columns = content.get("column")
    match location:
        case ("column", int(index), *rest) if isinstance(columns, list) and isinstance(columns[index], dict):
            inner = f", {rest[-1]}" if rest and rest[-1] != columns[index].get("type") else ""
            return f"column {columns[index].get('name', index + 1)}{inner}"
        case _:
            return ".".join(str(part) for part in location) or "file"
