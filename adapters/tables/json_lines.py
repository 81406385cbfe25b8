"""Files of JSON lines as a row source: an object a line, flat or with lists inside, UTF-8."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.json_rows import JsonRows, parsed
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.lines import Line, Lines
from adapters.tables.rows import BadRow, Cell, Progress, Row

LINE_BYTES_MAX: Final = 4 << 20
"""Longest line: a record with all its items."""


class JsonLinesSource:
    """The rows of one file, once; rows are counted from 1 as they come.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        layout: Its columns alone matter.
        ignored: Names that may stand in objects and are not read.

    Attributes:
        name: Its name in messages.
        typed: True: cells are str, int, bool, Decimal, and None.

    Raises:
        FileRefused: The file is empty.
    """

    typed: Final = True

    def __init__(self, file: BinaryIO, name: str, layout: TableLayout, ignored: Collection[str]) -> None:
        self.name = name
        self._file = DigestedFile(file)
        self._lines = Lines(self._file, LINE_BYTES_MAX)
        self._rows = JsonRows(name, layout.columns, ignored)
        if not self._lines.first:
            raise FileRefused(name, "file.empty")

    @property
    def progress(self) -> Progress:
        """Bytes read, of how many."""
        return self._file.progress

    def sha256(self) -> str:
        """SHA-256 of the whole file, hex; known when the last row was read.

        Raises:
            ValueError: It was not.
        """
        return self._file.sha256()

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        """Hand over every row, good or bad, in the order of the file; empty lines are left out.

        Raises:
            SourceRefused: The first object's names are not the columns.
        """
        for line in self._lines:
            if line.content.strip() or not line.whole:
                yield from self._read(line)

    def _read(self, line: Line) -> Iterator[Row[Cell] | BadRow]:
        if not line.whole:
            yield self._rows.bad([], "json.line_too_long", byte_offset=line.offset)
            return
        try:
            found = parsed(line.content)
        except ValueError:
            yield self._rows.bad([], "json.line", byte_offset=line.offset)
            return
        yield from self._rows.read(found)


@contextmanager
def open_json_lines(
    path: Path, layout: TableLayout, *, ignored: Collection[str] = REASON_COLUMNS
) -> Iterator[JsonLinesSource]:
    """Open a file of JSON lines as a row source.

    Args:
        path: The file.
        layout: What the dialect's tables look like.
        ignored: Names that may stand in objects and are not read.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    with open_file(path) as file:
        yield JsonLinesSource(file, path.name, layout, ignored)
