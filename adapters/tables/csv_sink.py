"""CSV files as a row sink: the whole file or none of it, readable by its owner alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from adapters.tables.csv_marks import marked
from adapters.tables.errors import RowNotWritten
from adapters.tables.layout import TableLayout
from adapters.tables.whole_file import WholeFile


class CsvRows:
    """Writes header and rows to an open file, formula-like cells marked.

    Args:
        file: Open for writing, at its start.
        layout: What the file shall look like.

    Attributes:
        number: Row that was written last, as people count; the header is row 1.
    """

    def __init__(self, file: BinaryIO, layout: TableLayout) -> None:
        self._file = file
        self._layout = layout
        self._end = "\r\n" if layout.line_end == "CRLF" else "\n"
        # Always CRLF: the writer quotes a cell with a bare CR or LF only where its own line end holds them.
        self._writer = csv.writer(self, delimiter=layout.delimiter, lineterminator="\r\n", strict=True)
        if layout.encoding == "utf-8-sig":
            file.write(b"\xef\xbb\xbf")
        self._writer.writerow(layout.columns)
        self.number = 1

    def row(self, cells: Sequence[str]) -> None:
        """Write a row.

        Args:
            cells: As many as the layout has columns.

        Raises:
            RowNotWritten: The file's encoding cannot hold a character; nothing of the row was written.
            ValueError: There are more or fewer cells than columns (our mistake).
        """
        if len(cells) != len(self._layout.columns):
            raise ValueError(f"{len(self._layout.columns)} cells expected, {len(cells)} found")
        try:
            self._writer.writerow([marked(cell) for cell in cells])
        except UnicodeEncodeError:
            # Not chained: the error holds the row.
            raise self._refusal(cells) from None
        self.number += 1

    def write(self, line: str) -> int:
        """Take a line from the csv writer; for the csv writer alone."""
        if "\0" in line:
            raise UnicodeEncodeError(self._layout.codec, line, line.index("\0"), line.index("\0") + 1, "NUL")
        return self._file.write((line[:-2] + self._end).encode(self._layout.codec))

    def _refusal(self, cells: Sequence[str]) -> RowNotWritten:
        """Find the cell that cannot be written."""
        number, codec = self.number + 1, self._layout.codec
        for column, cell in zip(self._layout.columns, cells, strict=True):
            if "\0" in cell:
                return RowNotWritten(number, column, "sink.nul")
            if cell.encode(codec, "ignore").decode(codec) != cell:
                return RowNotWritten(number, column, "sink.encoding", encoding=self._layout.encoding)
        raise AssertionError("a row was refused, but each of its cells can be written")


class CsvSink:
    """A CSV file that appears under its name when it is complete, mode 0600.

    Use it as a context manager: leaving it by an exception leaves no file.

    Args:
        path: Where the file shall stand; a former one is replaced.
        layout: What it shall look like.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._path = path
        self._layout = layout

    def __enter__(self) -> Self:
        self._whole = WholeFile(self._path)
        try:
            self._rows = CsvRows(self._whole.file, self._layout)
        except BaseException:
            self._whole.discard()
            raise
        return self

    def row(self, cells: Sequence[str]) -> None:
        """Write a row; see ``CsvRows.row``."""
        self._rows.row(cells)

    @property
    def rows(self) -> int:
        """Rows written, without the header."""
        return self._rows.number - 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._whole.commit()
        else:
            self._whole.discard()
