"""Rows into an Excel workbook: text stays text, and what Excel cannot hold exactly is refused.

XlsxWriter writes rows to a file as they come, so memory does not grow with them. All cells have the format "text": what
a clerk types into one stays as it was typed, 18 digits as well as ``=1+1``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import xlsxwriter

from adapters.tables.errors import RowNotWritten
from adapters.tables.rows import Cell

_ROWS_MAX: Final = 1_048_576
_CHARACTERS_MAX: Final = 32_767
_DIGITS_MAX: Final = 15
_COLUMN_WIDTH: Final = 20
# Before it, Excel's calendar has a day that no other has.
_FIRST_DATE: Final = date(1900, 3, 1)
_CREATED: Final = datetime(1980, 1, 1, tzinfo=UTC)


class ExcelRows:
    """Writes header and rows to an open file.

    Args:
        file: Open for writing.
        columns: Names in the header.
        folder: Where temporary files may lie: they hold what the rows hold.
        sheet: Name of the sheet; empty for Excel's own.

    Attributes:
        number: Row that was written last, as people count; the header is row 1.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[str], folder: Path, sheet: str = "") -> None:
        self._columns = columns
        self._folder = TemporaryDirectory(dir=folder, prefix=".xlsx.", suffix=".tmp")
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": self._folder.name})
        self._book.use_zip64()
        self._book.set_properties({"created": _CREATED})
        self._text = self._book.add_format({"num_format": "@"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._sheet = self._book.add_worksheet(sheet or None)
        self._sheet.set_column(0, len(columns) - 1, _COLUMN_WIDTH, self._text)
        self._sheet.freeze_panes(1, 0)
        self.number = 0
        self.row(columns)

    def row(self, cells: Sequence[Cell]) -> None:
        """Write a row.

        Args:
            cells: As many as there are columns. Nothing is written for None and for the empty text.

        Raises:
            RowNotWritten: Excel cannot hold a cell as it is, or no more rows; nothing of the row was written.
            ValueError: There are more or fewer cells than columns (our mistake).
        """
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(self._columns)} cells expected, {len(cells)} found")
        if self.number >= _ROWS_MAX:
            raise RowNotWritten(self.number + 1, "", "sink.full", most=_ROWS_MAX)
        for column, cell in zip(self._columns, cells, strict=True):
            self._verify(column, cell)
        for place, cell in enumerate(cells):
            self._write(place, cell)
        self.number += 1

    def close(self) -> None:
        """Write what remains to the file."""
        with self._folder:
            self._book.close()

    def abandon(self) -> None:
        """Close the temporary files and write no more."""
        with self._folder:
            self._sheet._opt_close()  # its only way to close them; a test guards it

    def _verify(self, column: str, cell: Cell) -> None:
        """Refuse what Excel cannot hold."""
        rule_id = unfit(cell)
        if rule_id is not None:
            raise RowNotWritten(self.number + 1, column, rule_id, encoding="Excel", most=_CHARACTERS_MAX)

    def _write(self, place: int, cell: Cell) -> None:
        at = (self.number, place)
        match cell:
            case None | "":
                pass
            case str():
                self._sheet.write_string(*at, cell, self._text)
            case bool():
                self._sheet.write_boolean(*at, cell)
            case datetime():
                self._sheet.write_datetime(*at, cell, self._moment)
            case date():
                self._sheet.write_datetime(*at, cell, self._date)
            case _:
                self._sheet.write_number(*at, cell)


def unfit(cell: Cell) -> str | None:  # noqa: PLR0911 - one line for each reason
    """Return the rule that keeps a cell out of Excel; None where it fits."""
    match cell:
        case str():
            return _unfit_text(cell)
        case bool() | None:
            return None
        case int():
            return "sink.precision" if abs(cell) >= 10**_DIGITS_MAX else None
        case float():
            return None if math.isfinite(cell) and abs(cell) < 10**_DIGITS_MAX else "sink.precision"
        case Decimal():
            return (
                None
                if cell.is_finite() and len(cell.normalize().as_tuple().digits) <= _DIGITS_MAX
                else "sink.precision"
            )
        case datetime():
            return None if cell.date() >= _FIRST_DATE and cell.tzinfo is None else "sink.date"
        case date():
            return None if cell >= _FIRST_DATE else "sink.date"


def _unfit_text(text: str) -> str | None:
    if text.isascii() and len(text) <= _CHARACTERS_MAX:
        return "sink.nul" if "\0" in text else None
    try:
        if len(text.encode("utf-16-le")) // 2 > _CHARACTERS_MAX:
            return "sink.too_long"
    except UnicodeEncodeError:
        return "sink.encoding"
    # XML cannot hold the last two either.
    return "sink.nul" if "\0" in text else "sink.encoding" if "\ufffe" in text or "\uffff" in text else None
