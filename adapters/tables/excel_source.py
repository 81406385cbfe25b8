"""Excel workbooks (.xlsx) as a row source: one sheet, streamed, every number exactly or not at all.

A reader of our own, over zipfile and expat: docs/decisions/0009. Row 1 is the header. Rows of empty cells are left out
but counted. What Excel shows and does not hold (merged cells, formulas never calculated, digits lost) is a bad row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.encoding import verify_kind
from adapters.tables.errors import FileRefused
from adapters.tables.excel_cells import CellReader
from adapters.tables.excel_merged import MergedRows
from adapters.tables.excel_package import ExcelLimits, Package, refusals
from adapters.tables.excel_sheet import RawCell, RawRow, Sheet, column_letters
from adapters.tables.excel_texts import SharedTexts
from adapters.tables.excel_workbook import read_workbook
from adapters.tables.files import open_file
from adapters.tables.header import column_places
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.reasons import REASONS
from adapters.tables.rows import BadRow, Cell, CellWrong, Progress, Row, cell_text

_ZIP: Final = b"PK\x03\x04"
_PIECE_BYTES: Final = 1 << 18
_NOTHING: Final[RawCell] = ({}, None, False)


class ExcelSource:
    """The rows of one sheet, once.

    Args:
        file: Open for reading.
        name: Its name in messages.
        layout: What it must look like. The columns may stand in any order in the sheet.
        ignored: Columns that may stand in the sheet and are not read.
        limits: How large it may be.

    Attributes:
        name: Its name in messages.
        typed: True: cells are str, int, float, bool, date or datetime, and None where nothing stands.

    Raises:
        FileRefused: The file as a whole is refused.
    """

    typed: Final = True

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        layout: TableLayout,
        *,
        ignored: Collection[str] = REASON_COLUMNS,
        limits: ExcelLimits | None = None,
    ) -> None:
        self.name = name
        self._columns = layout.columns
        start = file.read(4)
        verify_kind(start, name, "Excel (.xlsx)")
        if start != _ZIP:
            raise FileRefused(name, "file.kind", kind="其他 (other)", expected="Excel (.xlsx)")
        with refusals(name):
            package = Package(file, limits or ExcelLimits())
            workbook = read_workbook(package, layout.sheet)
            if workbook is None:
                raise FileRefused(name, "excel.sheet")
            self._merged = MergedRows(package, workbook.sheet)
            self._reader = CellReader(workbook, SharedTexts(package, workbook.texts))
            self._sheet = Sheet(package, workbook.sheet)
            self._bytes_total = package.size_bytes(workbook.sheet)
            self._ahead = self._sheet.rows()
            header = self._read_header()
        self._places = column_places(header, layout.columns, ignored, self._refusal)
        self._header = header
        self._digest = _sha256(file)

    @property
    def progress(self) -> Progress:
        """Bytes of the sheet that are read, inflated, of how many."""
        return Progress(self._sheet.bytes_done, self._bytes_total, "bytes")

    def sha256(self) -> str:
        """SHA-256 of the whole file, hex."""
        return self._digest

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        """Hand over every row, good or bad, in the order of the sheet.

        Raises:
            FileRefused: The workbook turns out damaged; nothing behind the row is known.
        """
        with refusals(self.name, lambda: self._sheet.row):
            for raw in self._ahead:
                row = self._read(raw)
                if row is not None:
                    yield row

    def _read(self, raw: RawRow) -> Row[Cell] | BadRow | None:
        """Read one row; None for an empty one."""
        cells: list[Cell] = []
        for column, place in zip(self._columns, self._places, strict=True):
            try:
                cells.append(self._reader.value(raw.cells.get(place, _NOTHING)))
            except CellWrong as wrong:
                return BadRow(raw.number, self._shown(raw), wrong.rule_id, wrong.reason, column)
        outside = self._outside(raw)
        if outside is not None:
            return self._bad(raw, "excel.cells", outside)
        if all(cell is None or cell == "" for cell in cells):
            return None
        merged = self._merged.column(raw.number)
        return Row(raw.number, cells) if merged is None else self._bad(raw, "excel.merged", merged)

    def _outside(self, raw: RawRow) -> int | None:
        """Return the first place behind the header's columns that holds something."""
        width = len(self._header)
        if max(raw.cells, default=0) < width:
            return None
        return next((place for place, (_, text, _) in raw.cells.items() if text and place >= width), None)

    def _bad(self, raw: RawRow, rule_id: str, place: int) -> BadRow:
        """Make a bad row; a place without a heading is named by its letters."""
        column = self._header[place] if place < len(self._header) else column_letters(place)
        return BadRow(raw.number, self._shown(raw), rule_id, REASONS[rule_id], column)

    def _shown(self, raw: RawRow) -> list[Cell]:
        """Read what can be read, and show the rest so that nobody takes it for a value."""
        cells: list[Cell] = []
        for place in self._places:
            cell = raw.cells.get(place, _NOTHING)
            try:
                cells.append(self._reader.value(cell))
            except CellWrong as wrong:
                text = cell[1] or ""
                cells.append(f"{float(text):E}" if wrong.rule_id == "excel.precision" else text)
        return cells

    def _read_header(self) -> list[str]:
        """Read the first row."""
        first = next(self._ahead, None)
        if first is None or first.number != 1:
            raise self._refusal("header.missing")
        if self._merged.column(1) is not None:
            raise self._refusal("excel.merged")
        try:
            cells = {place: cell_text(self._reader.value(cell)).strip() for place, cell in first.cells.items()}
        except CellWrong as wrong:
            raise self._refusal("header.syntax") from wrong
        width = max((place + 1 for place, text in cells.items() if text), default=0)
        return [cells.get(place, "") for place in range(width)]

    def _refusal(self, rule_id: str, column: str = "") -> FileRefused:
        return FileRefused(self.name, rule_id, row=1, column=column)


def _sha256(file: BinaryIO) -> str:
    """A zip is read out of order, so it is digested on its own."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def open_excel(
    path: Path,
    layout: TableLayout,
    *,
    ignored: Collection[str] = REASON_COLUMNS,
    limits: ExcelLimits | None = None,
) -> Iterator[ExcelSource]:
    """Open a workbook as a row source.

    Args:
        path: The file.
        layout: What it must look like, the name of the sheet among it.
        ignored: Columns that may stand in the sheet and are not read.
        limits: How large it may be.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    with open_file(path) as file:
        yield ExcelSource(file, path.name, layout, ignored=ignored, limits=limits)
