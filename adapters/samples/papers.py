"""What sample rows are written on: a CSV file, a workbook, or a list for whoever fills a table of a database."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import BinaryIO, Final, Protocol

from adapters.mapping import Mapping, Value
from adapters.samples.planted import SpoilLine
from adapters.tables.excel_sink import ExcelSink


class Paper(Protocol):
    """Takes rows in their order."""

    @property
    def header_rows(self) -> int:
        """Rows before the first one, as people count."""
        ...

    @property
    def has_lines(self) -> bool:
        """A row is a line of bytes, which can be spoilt as such."""
        ...

    @property
    def has_types(self) -> bool:
        """Cells can be other than texts."""
        ...

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Write a row.

        Args:
            cells: As many as the mapping has columns; texts, but for a planted value where ``has_types``.
            planted: Something in it is wrong: all else stands as text, as people typed it.
            spoil_line: Spoils the encoded line; only where ``has_lines``.
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
    has_lines: Final = True
    has_types: Final = False

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
    has_lines: Final = False
    has_types: Final = True

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
    has_lines: Final = False
    has_types: Final = False

    def __init__(self) -> None:
        self.rows: Final[list[tuple[str, ...]]] = []

    def put(
        self, cells: Sequence[Value], *, planted: bool, spoil_line: SpoilLine | None = None, ended: bool = True
    ) -> None:
        """Keep a row; see ``Paper.put``."""
        self.rows.append(tuple(map(str, cells)))
