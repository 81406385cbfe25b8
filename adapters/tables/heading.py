"""What a table looks like that nobody has declared yet: its columns, and for CSV its encoding and delimiter."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.dbf_fields import header_sizes, read_header
from adapters.tables.encoding import verify_kind
from adapters.tables.errors import FileRefused
from adapters.tables.excel_cells import CellReader
from adapters.tables.excel_package import ExcelLimits, Package, refusals
from adapters.tables.excel_sheet import Sheet
from adapters.tables.excel_texts import SharedTexts
from adapters.tables.excel_workbook import read_workbook
from adapters.tables.files import open_file
from adapters.tables.layout import TableLayout
from adapters.tables.rows import CellWrong, cell_text

_PIECE_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = (",", ";", "\t", "|")
_ZIP: Final = b"PK\x03\x04"
_DBF_START_BYTES: Final = 32


def guess_layout(path: Path) -> TableLayout:
    """Guess what a file looks like from its beginning.

    Args:
        path: .csv, .xlsx or .dbf.

    Returns:
        A layout with which ``open_table`` reads the file; names of columns as the header has them, without blanks
        around.

    Raises:
        FileRefused: It is no such file, or has no header.
    """
    with open_file(path) as file:
        match path.suffix.lower():
            case ".csv":
                return _csv(file, path.name)
            case ".xlsx":
                return _excel(file, path.name)
            case ".dbf":
                return _dbf(file, path.name)
            case _:
                raise FileRefused(path.name, "file.suffix", known=".csv .xlsx .dbf")


def _csv(file: BinaryIO, name: str) -> TableLayout:
    """Whole lines alone are judged: a piece may end within a character."""
    piece = file.read(_PIECE_BYTES)
    verify_kind(piece[:8], name, "CSV")
    whole = piece if len(piece) < _PIECE_BYTES else piece[: piece.rfind(b"\n") + 1]
    encoding = "utf-8-sig" if piece.startswith(_BOM) else "utf-8" if _decodes(whole, "utf-8") else "gb18030"
    first = whole.partition(b"\n")[0]
    line = first.decode(encoding, "replace").rstrip("\r")
    delimiter = max(_DELIMITERS, key=line.count)
    try:
        columns = tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error as error:
        raise FileRefused(name, "header.syntax", row=1) from error
    if not any(columns):
        raise FileRefused(name, "header.missing", row=1)
    return TableLayout(columns, encoding, delimiter, "CRLF" if first.endswith(b"\r") else "LF")


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _excel(file: BinaryIO, name: str) -> TableLayout:
    """Read the first row of the first sheet that is shown."""
    verify_kind(file.read(len(_ZIP)), name, "Excel (.xlsx)")
    with refusals(name):
        package = Package(file, ExcelLimits())
        workbook = read_workbook(package, "")
        if workbook is None:
            raise FileRefused(name, "excel.sheet")
        reader = CellReader(workbook, SharedTexts(package, workbook.texts))
        first = next(Sheet(package, workbook.sheet).rows(), None)
    if first is None or first.number != 1:
        raise FileRefused(name, "header.missing", row=1)
    try:
        cells = {place: cell_text(reader.value(cell)).strip() for place, cell in first.cells.items()}
    except CellWrong as wrong:
        raise FileRefused(name, "header.syntax", row=1) from wrong
    width = max((place + 1 for place, text in cells.items() if text), default=0)
    return TableLayout(tuple(cells.get(place, "") for place in range(width)))


def _dbf(file: BinaryIO, name: str) -> TableLayout:
    layout = TableLayout(())
    start = file.read(_DBF_START_BYTES)
    _, size, _ = header_sizes(start, name)
    header = read_header(start + file.read(size - len(start)), name, layout.dbf_encoding)
    return TableLayout(tuple(field.name for field in header.fields))
