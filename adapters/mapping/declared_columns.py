"""The columns that a mapping file may declare.

Each kind of column is a model of its own, so that a parameter of the wrong kind is an error and not ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DateFormat = Literal[
    "YYYYMMDD", "YYYYMM", "YYYYMMDD or YYYYMM", "YYYY-MM-DD", "YYYY-MM", "YYYY-MM-DD or YYYY-MM", "YYYY",
    "YYYY年M月D日", "YYYY年M月", "YYYY年M月D日 or YYYY年M月",
]  # fmt: skip
TimeFormat = Literal["YYYYMMDDHHMMSS", "YYYYMMDDHHMMSSmmm", "YYYY-MM-DD HH:MM:SS", "YYYY/M/D HH:MM:SS"]


class Strict(BaseModel):
    """Nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Strict):
    """What every column says.

    Attributes:
        name: The dialect's name, as in the header.
        label: What it means, in Chinese.
        field: The standard's field that it carries.
        missing: Words that say "nothing is given" in this column alone, with the reason.
        note: What a reviewer should know.
    """

    name: str = Field(min_length=1)
    label: str = Field(min_length=1)
    field: str
    missing: dict[str, str] = Field(default={})
    note: str = ""


class PlainColumn(Column):
    """A column whose type says it all."""

    type: Literal[
        "text", "name", "citizen_number", "social_credit_code", "yuan2", "fen", "count", "decimal", "percent",
        "division", "division_name",
    ]  # fmt: skip


class DigitsColumn(Column):
    """A number that is a name, not a quantity: leading zeros count."""

    type: Literal["digits"]
    digits_min: int = Field(ge=1)
    digits_max: int = Field(ge=1)


class DateColumn(Column):
    """A day, a month or a year; what is not known is never invented."""

    type: Literal["date"]
    format: DateFormat


class TimeColumn(Column):
    """An instant, said in local time (UTC+8)."""

    type: Literal["time"]
    format: TimeFormat


class CodeColumn(Column):
    """A code of a named code system, by a table beside the mapping file."""

    type: Literal["code"]
    table: str = Field(pattern=r"^[a-z0-9_]+\.csv$")
    system: str = Field(min_length=1)


class SerialColumn(Column):
    """A person's number that is a source serial, by itself or only together with a month."""

    type: Literal["serial"]
    digits: int = Field(ge=1, le=20)
    month: str = ""


class ConvertedColumn(Column):
    """One of the columns from which a named converter makes a field; they share field and converter."""

    type: Literal["converted"]
    converter: str


class FixedColumn(Strict):
    """A column that holds the same word in every row that is sent, and carries no field.

    Attributes:
        name: The dialect's name, as in the header.
        label: What it means, in Chinese.
        type: "fixed".
        value: The word. A row with another one is rejected.
        reason: Why a row with another word is no record.
        note: What a reviewer should know.
    """

    name: str = Field(min_length=1)
    label: str = Field(min_length=1)
    type: Literal["fixed"]
    value: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    note: str = ""

    @property
    def field(self) -> str:
        """It carries none."""
        return ""


class UnusedColumn(Strict):
    """A column of the dialect's tables that does not travel: whatever it holds stays in the city.

    Attributes:
        name: The dialect's name, as in the header.
        label: What it means, in Chinese.
        type: "unused".
        reason: Why it does not travel.
        note: What a reviewer should know.
    """

    name: str = Field(min_length=1)
    label: str = Field(min_length=1)
    type: Literal["unused"]
    reason: str = Field(min_length=1)
    note: str = ""

    @property
    def field(self) -> str:
        """It carries none."""
        return ""


CarryingColumn = PlainColumn | DigitsColumn | DateColumn | TimeColumn | CodeColumn | SerialColumn | ConvertedColumn
"""Columns that carry a field of the standard."""
SilentColumn = FixedColumn | UnusedColumn
"""Columns that carry none."""
AnyColumn = Annotated[CarryingColumn | SilentColumn, Field(discriminator="type")]
