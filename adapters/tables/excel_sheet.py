"""The rows of a sheet as its XML writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from adapters.tables.excel_package import Damaged, Package
from adapters.tables.excel_xml import Attributes, PartReader

ROWS_MAX: Final = 1_048_576
COLUMNS_MAX: Final = 16_384
# What may lie between the ends of two rows: it bounds all that is kept of a row, and how deep its elements are.
_ROW_BYTES_MAX: Final = 1 << 20

RawCell: TypeAlias = tuple[Attributes, str | None, bool]
"""A cell as the sheet writes it: its attributes (t: kind, s: style), its text or None, and whether it has a formula."""


class RawRow(NamedTuple):
    """A row as the sheet writes it.

    Attributes:
        number: As people count.
        cells: By column, zero-based.
    """

    number: int
    cells: dict[int, RawCell]


class Sheet(PartReader):
    """The rows of one sheet, once.

    Args:
        package: The workbook.
        part: Path of the sheet's part.

    Attributes:
        bytes_done: Bytes of the part read so far.
        row: Row that was read last.
    """

    def __init__(self, package: Package, part: str) -> None:
        super().__init__()
        self._package = package
        self._part = part
        self._columns: dict[str, int] = {}
        self._rows: list[RawRow] = []
        self._cells: dict[int, RawCell] = {}
        self._attributes: Attributes = {}
        self._column = -1
        self._text: str | None = None
        self._formula = self._phonetic = self._finished = False
        self.bytes_done = 0
        self.row = 0

    def rows(self) -> Iterator[RawRow]:
        """Hand over the rows that the part writes, by rising number.

        Raises:
            Damaged: The part is.
        """
        row_end = 0
        with self._package.opened(self._part) as stream:
            for self.bytes_done in self.pieces(stream):  # noqa: B020 - the attribute is what it counts in
                if self._rows:
                    row_end = self.bytes_done
                yield from self._rows
                self._rows.clear()
                if self._finished:
                    return
                if self.bytes_done - row_end > _ROW_BYTES_MAX:
                    raise Damaged

    def start(self, name: str, attributes: Attributes) -> None:
        """Take the start of an element. One function for all of them: millions of calls are what reading costs."""
        local = self.local[name]
        if local in ("v", "t"):
            self.texts.clear()
        elif local == "c":
            self._attributes, self._text, self._formula = attributes, None, False
        elif local == "f":
            self._formula = True
        elif local == "row":
            self._start_row(attributes.get("r"))
        elif local == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        """Take the end of an element."""
        local = self.local[name]
        if local == "v":
            self._text = "".join(self.texts)
        elif local == "c":
            self._end_cell()
        elif local == "t":
            if not self._phonetic:
                self._text = (self._text or "") + "".join(self.texts)
        elif local == "row":
            self._rows.append(RawRow(self.row, self._cells))
            self._cells = {}
        elif local == "rPh":
            self._phonetic = False
        elif local == "sheetData":
            self._finished = True

    def _start_row(self, written: str | None) -> None:
        number = self.row + 1 if written is None else _whole(written)
        if not self.row < number <= ROWS_MAX:
            raise Damaged
        self.row, self._column, self._cells = number, -1, {}

    def _end_cell(self) -> None:
        reference = self._attributes.get("r")
        if reference is None:
            column = self._column + 1
        else:  # its row is where it stands, whatever it says
            letters = reference.rstrip("0123456789")
            column = self._columns.get(letters, -1)
            if column < 0:
                column = self._columns[letters] = column_number(letters)
        if not self._column < column < COLUMNS_MAX:
            raise Damaged
        self._column = column
        if self._text is not None or self._formula:
            self._cells[column] = (self._attributes, self._text, self._formula)


def column_number(letters: str) -> int:
    """Return a column's number, zero-based: "A" is 0, "AB" is 27.

    Raises:
        Damaged: There is no such column.
    """
    if not re.fullmatch("[A-Z]{1,3}", letters):
        raise Damaged
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def column_letters(number: int) -> str:
    """Return a column's letters: 0 is "A", 27 is "AB"."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise Damaged
    return int(text)
