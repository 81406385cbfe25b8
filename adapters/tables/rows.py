"""Rows as sources hand them over, whatever kind of table they come from."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from adapters.tables.reasons import REASONS

Cell: TypeAlias = str | int | float | Decimal | bool | date | datetime | None
"""What a cell can hold. CSV and fixed width know text alone; the other kinds have values with a type of their own."""

CellT = TypeVar("CellT", bound=Cell)


class Row(NamedTuple, Generic[CellT]):
    """A row as the table has it.

    Attributes:
        number: Row as people count: in CSV and Excel the header is row 1 and empty rows count, in fixed width the first
            line, in DBF the first record; elsewhere rows are counted from 1 as they come.
        cells: In the order of the layout's columns.
        normalisations: What reading changed: ``formula_mark`` or nothing.
        identity: 16 bytes that stay the same when the row's cells change; empty where a table has nothing of that kind.
    """

    number: int
    cells: list[CellT]
    normalisations: tuple[str, ...] = ()
    identity: bytes = b""


class BadRow(NamedTuple):
    """A row that is no row.

    Attributes:
        number: Row as people count, as in ``Row``.
        cells: As far as they can be told apart, so that a clerk finds the row; empty for one that is too long.
        rule_id: Stable name of the rule, "csv.cells".
        reason: The rule in words, Chinese with English beside; never what a cell says.
        column: Name of the column; empty where none is meant.
        byte_offset: Of the wrong byte, or of the row's start, from the file's start; None where a table has no bytes.
        identity: As in ``Row``.
    """

    number: int
    cells: list[Any]
    rule_id: str
    reason: str
    column: str = ""
    byte_offset: int | None = None
    identity: bytes = b""


class Progress(NamedTuple):
    """How far a source is read.

    Attributes:
        done: Units read so far.
        total: Units in all; None where nobody knows.
        unit: "bytes", "rows" or "pages".
    """

    done: int
    total: int | None
    unit: str


def cell_text(cell: Cell) -> str:
    """Return a cell as plain text, for people; how a dialect writes a value is its mapping's affair."""
    match cell:
        case str():
            return cell
        case None:
            return ""
        case datetime():
            return cell.isoformat(" ")
        case _:
            return str(cell)


class CellWrong(Exception):
    """A cell is no value; raised and caught within a reader.

    Args:
        rule_id: A key of ``REASONS``.
        facts: What the reason's text names; never what the cell says.
    """

    def __init__(self, rule_id: str, **facts: object) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id
        self.reason = REASONS[rule_id].format(**facts)


def verify_precise(value: float, kind: str) -> float:
    """Refuse a float of 16 digits or more before its point: a double keeps 15 for certain, so some may be lost.

    Args:
        value: As the table has it.
        kind: Of the table, as rules begin: "excel".

    Raises:
        CellWrong: It is one, or no number at all.
    """
    if not math.isfinite(value):
        raise CellWrong(f"{kind}.number")
    if abs(value) >= 1e15:
        raise CellWrong(f"{kind}.precision")
    return value
