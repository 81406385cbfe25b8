"""The mapping file: what may stand in it. README.md beside tells it to those who write one.

Each kind of column is a model of its own, so that a parameter of the wrong kind is an error and not ignored.
"""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.mapping.errors import MappingInvalid

DateFormat = Literal[
    "YYYYMMDD", "YYYYMM", "YYYYMMDD or YYYYMM", "YYYY-MM-DD", "YYYY-MM", "YYYY-MM-DD or YYYY-MM"
]  # fmt: skip


class _Strict(BaseModel):
    """Nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileFormat(_Strict):
    """How the dialect's CSV files are written.

    Attributes:
        encoding: "gb18030", or "utf-8-sig" for UTF-8 with a byte order mark.
        delimiter: Between the cells.
        line_end: After each row.
    """

    encoding: Literal["gb18030", "utf-8-sig", "utf-8"]
    delimiter: Literal[",", ";", "\t", "|"]
    line_end: Literal["CRLF", "LF"]


class Column(_Strict):
    """What every column says.

    Attributes:
        name: The dialect's name, as in the header.
        label: What it means, in Chinese.
        field: The standard's field that it carries.
        note: What a reviewer should know.
    """

    name: str = Field(min_length=1)
    label: str = Field(min_length=1)
    field: str
    note: str = ""


class PlainColumn(Column):
    """A column whose type says it all."""

    type: Literal[
        "text", "name", "citizen_number", "social_credit_code", "yuan2", "fen", "division", "division_name"
    ]  # fmt: skip


class DigitsColumn(Column):
    """A number that is a name, not a quantity: leading zeros count."""

    type: Literal["digits"]
    digits_min: int = Field(ge=1)
    digits_max: int = Field(ge=1)


class DateColumn(Column):
    """A day or a month; a missing day is never invented."""

    type: Literal["date"]
    format: DateFormat


class CodeColumn(Column):
    """A code of a named code system, by a table beside the mapping file."""

    type: Literal["code"]
    table: str = Field(pattern=r"^[a-z0-9_]+\.csv$")
    system: str = Field(min_length=1)


class SerialColumn(Column):
    """A person's number that is a source serial only together with a month."""

    type: Literal["serial"]
    digits: int = Field(ge=1, le=20)
    month: str


AnyColumn = Annotated[
    PlainColumn | DigitsColumn | DateColumn | CodeColumn | SerialColumn, Field(discriminator="type")
]  # fmt: skip


class SumDeclaration(_Strict):
    """A column that must be the sum of others."""

    total: str
    parts: tuple[str, ...] = Field(min_length=1)


class Declaration(_Strict):
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
    not_carried: dict[str, str] = {}
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
