"""Where an incremental read of a table stands: what a caller stores and hands back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Serial:
    """Rows are new when a whole number that only rises is above the last one. Changes of old rows are not seen.

    Attributes:
        column: Of whole numbers, one for each row.
        overlap: Numbers below the last one that are read again: numbers are given out before their transactions
            commit, so a lower one can appear later.
    """

    column: str
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class UpdateTime:
    """Rows are new or changed when their time of update is not below the last one.

    Rows without a time are read every time: nobody knows whether they changed.

    Attributes:
        column: Of dates, or of dates with times; text where it is ISO 8601 without a zone, as SQLite keeps it.
        overlap_s: Seconds below the last time that are read again: a time is taken before its transaction commits, and
            clocks differ.
    """

    column: str
    overlap_s: int = 300


Incremental: TypeAlias = Serial | UpdateTime
Mark: TypeAlias = int | date | datetime | str


class CursorWrong(Exception):
    """A cursor is none of this column, or the column's values can be no cursor."""


class Position:
    """How far a column was read.

    Args:
        by: The column and its kind.
        cursor: What an earlier ``to_json`` returned; None for the first time.

    Attributes:
        by: The column.
        mark: Highest value so far; None before the first.

    Raises:
        CursorWrong: The cursor is of another column or kind.
    """

    def __init__(self, by: Incremental, cursor: str | None) -> None:
        self.by = by
        self.mark: Mark | None = None if cursor is None else _parsed(by, cursor)

    def advance(self, value: object) -> None:
        """Take the value of a row.

        Raises:
            CursorWrong: It is of the wrong type.
        """
        if value is None:
            return
        mark = _whole(value) if isinstance(self.by, Serial) else _moment(value)
        if self.mark is None:
            self.mark = mark
        elif type(mark) is not type(self.mark):
            raise CursorWrong
        else:  # rows that are read again do not set it back
            self.mark = max(self.mark, mark)

    def bound(self) -> Mark | None:
        """Return the value from which rows are read again: above it for a serial, from it on for a time."""
        mark, by = self.mark, self.by
        if isinstance(by, Serial):
            return mark - by.overlap if isinstance(mark, int) else None
        overlap = timedelta(seconds=by.overlap_s)
        match mark:
            case datetime():
                return mark - overlap
            case date():
                return (datetime.combine(mark, time()) - overlap).date()
            case str():
                # As text it is compared, so it is written as the column writes it; without a fraction it comes before.
                earlier = datetime.fromisoformat(mark) - overlap
                return earlier.isoformat(mark[10:11], "seconds") if len(mark) > 10 else earlier.date().isoformat()
            case _:
                return None

    def to_json(self) -> str | None:
        """Return the cursor; None before the first value."""
        if self.mark is None:
            return None
        last = self.mark.isoformat() if isinstance(self.mark, date) else self.mark
        return json.dumps({"column": self.by.column, "kind": type(self.mark).__name__, "last": last})


def _parsed(by: Incremental, cursor: str) -> Mark:
    try:
        stored = json.loads(cursor)
        column, kind, last = stored["column"], stored["kind"], stored["last"]
        mark = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}.get(kind, lambda last: last)(last)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CursorWrong from error
    valid = _whole(mark) if isinstance(by, Serial) else _moment(mark)
    if column != by.column or type(valid).__name__ != kind:
        raise CursorWrong
    return valid


def _whole(value: object) -> int:
    """Take a whole number; Oracle's come as Decimal."""
    if type(value) is int:
        return value
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        return int(value)
    raise CursorWrong


def _moment(value: object) -> date | datetime | str:
    """Take a date, a date with time, or text that is one without a zone."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise CursorWrong
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except ValueError:
        # Not chained: the error quotes the cell.
        raise CursorWrong from None
    if zone is not None or value[4:5] != "-":
        raise CursorWrong
    return value
