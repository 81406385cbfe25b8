"""What sample rows are written on: CSV, a workbook, frames of vehicles, or a list for whoever fills a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from enum import Enum
from io import StringIO
from typing import BinaryIO, Final, Protocol

from adapters.frames.rows import FrameContext
from adapters.mapping import Mapping, Value
from adapters.samples.planted import SpoilLine
from adapters.tables.excel_sink import ExcelSink
from adapters.tables.frame_protocols import PROTOCOLS

_PLATFORM: Final = 310_000
"""Number of the platform that writes frames."""
_SERIAL_PLACE: Final = {".jtt808": 2, ".jtt809": 1}
"""Which part of a position's serial is the count of messages: the same position is the same frame."""


class Form(Enum):
    """What samples are written on."""

    CSV = "csv"
    EXCEL = "excel"
    TABLE = "table"
    FRAMES = "frames"


class Paper(Protocol):
    """Takes rows in their order."""

    @property
    def header_rows(self) -> int:
        """Rows before the first one, as people count."""
        ...

    @property
    def form(self) -> Form:
        """What it is, which decides what may be wrong on it."""
        ...

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Write a row.

        Args:
            cells: As many as the mapping has columns; texts, but for a planted value in a workbook.
            planted: Something in it is wrong: all else stands as text, as people typed it.
            spoil_line: Spoils the encoded line, or frame; only in CSV and frames.
            ended: A line end follows.
        """
        ...


class CsvPaper:
    """A CSV file as a dialect's own systems write it: without marks before formula-like cells.

    Args:
        file: Open for writing, at its start.
        mapping: The dialect's.
    """

    header_rows: Final = 1
    form: Final = Form.CSV

    def __init__(self, file: BinaryIO, mapping: Mapping) -> None:
        self._file = file
        self._codec = "utf-8" if mapping.file.encoding == "utf-8-sig" else mapping.file.encoding
        self._delimiter = mapping.file.delimiter
        file.write("".encode(mapping.file.encoding) + self._line(mapping.columns) + b"\r\n")

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Write a row; see ``Paper.put``."""
        line = self._line(cells)
        if spoil_line is not None:
            line = spoil_line(line, self._delimiter.encode())
        self._file.write(line + b"\r\n" * ended)

    def _line(self, cells: Sequence[Value]) -> bytes:
        """Encode a row, without its line end."""
        text = StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return text.getvalue().encode(self._codec)


class ExcelPaper:
    """A workbook as systems export it: amounts are numbers and days are dates, codes and numbers of people texts.

    Args:
        sink: Open for writing.
        mapping: The dialect's.
    """

    header_rows: Final = 1
    form: Final = Form.EXCEL

    def __init__(self, sink: ExcelSink, mapping: Mapping) -> None:
        self._sink = sink
        self._mapping = mapping
        words = [
            {*mapping.declaration.missing, *getattr(column, "missing", {})} for column in mapping.declaration.columns
        ]
        self._words: Final = words

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Write a row; see ``Paper.put``."""
        self._sink.row(list(cells) if planted else self._typed(list(map(str, cells))))

    def _typed(self, cells: Sequence[str]) -> list[Value]:
        """Give what is given its type; a word for nothing stays the text that it is."""
        nothing = [cell.strip() in words for cell, words in zip(cells, self._words, strict=True)]
        values = self._mapping.values(["" if none else cell for cell, none in zip(cells, nothing, strict=True)])
        return [cell if none else value for cell, value, none in zip(cells, values, nothing, strict=True)]


class ListPaper:
    """Rows of texts in memory.

    Attributes:
        rows: What was written, without a header.
    """

    header_rows: Final = 0
    form: Final = Form.TABLE

    def __init__(self) -> None:
        self.rows: Final[list[tuple[str, ...]]] = []

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Keep a row; see ``Paper.put``."""
        self.rows.append(tuple(map(str, cells)))


class FramePaper:
    """A file of frames; what a frame cannot say is not invented, and not planted.

    Args:
        file: Open for writing, at its start.
        mapping: The dialect's, of positions.
        suffix: Of the file: which protocol.
    """

    header_rows: Final = 0
    form: Final = Form.FRAMES

    def __init__(self, file: BinaryIO, mapping: Mapping, suffix: str) -> None:
        self._file = file
        self._columns = mapping.columns
        self._serial = mapping.column_of("source_serial")
        self._serial_place = _SERIAL_PLACE[suffix]
        self._write = PROTOCOLS[suffix].write

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Write a row; see ``Paper.put``."""
        named = dict(zip(self._columns, map(str, cells), strict=True))
        serial = int(named[self._serial].split("-")[self._serial_place])
        frame = self._write(named, serial, FrameContext("", platform=_PLATFORM))
        self._file.write(spoil_line(frame, b"") if spoil_line else frame)
