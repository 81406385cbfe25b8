"""CSV files as a row source: streaming, in bounded memory, and a bad row never costs a good one.

What stops the file: it is no file, empty, of another kind or encoding, or its header is not the dialect's. Everything
else is a bad row, and reading goes on. A quoted cell may hold line breaks (RFC 4180 section 2); where a row that spans
lines turns out bad, only its first line is, and reading goes on with the next: a stray quote costs one row.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.csv_marks import FORMULA_MARK, unmarked
from adapters.tables.encoding import verify_encoding
from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.header import arrangement, column_places
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.lines import Line, Lines
from adapters.tables.reasons import REASONS
from adapters.tables.rows import BadRow, Progress, Row

LINE_BYTES_MAX: Final = 1_048_576
"""Longest row; the rest of a longer one is skipped, not kept."""


class _Wrong(Exception):
    """What is wrong with a row; ``at`` is the wrong byte within it."""

    def __init__(self, rule_id: str, *, at: int | None = None, **facts: object) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id
        self.at = at
        self.facts = facts


class CsvSource:
    """The rows of one file, once.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        layout: What it must look like. The columns may stand in any order in the file.
        ignored: Columns that may stand in the file and are not read.
        line_bytes_max: Longest row.

    Attributes:
        name: Its name in messages.
        typed: False: every cell is text.

    Raises:
        FileRefused: The file as a whole is refused.
    """

    typed: Final = False

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        layout: TableLayout,
        *,
        ignored: Collection[str] = REASON_COLUMNS,
        line_bytes_max: int = LINE_BYTES_MAX,
    ) -> None:
        self.name = name
        self._layout = layout
        self._line_bytes_max = line_bytes_max
        self._file = DigestedFile(file)
        lines = Lines(self._file, line_bytes_max)
        verify_encoding(lines.first, name, layout.encoding, "CSV")
        self._ahead = iter(lines)
        self._again: deque[Line] = deque()
        self._header = self._read_header()
        places = column_places(self._header, layout.columns, ignored, partial(FileRefused, name, row=1))
        self._arrange = arrangement(places, len(self._header))

    @property
    def bytes_read(self) -> int:
        """Bytes read so far."""
        return self._file.bytes_read

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

    def __iter__(self) -> Iterator[Row[str] | BadRow]:
        """Hand over every row, good or bad, in the order of the file; empty rows are left out."""
        number, again, ahead = 1, self._again, self._ahead
        while (line := again.popleft() if again else next(ahead, None)) is not None:
            number += 1
            content = line.content
            if line.whole and b'"' in content and content.count(b'"') % 2:
                yield self._read_spanning(number, line)
            elif not line.whole or content.strip(b"\r"):
                yield self._read(number, line)

    def _read_spanning(self, number: int, first: Line) -> Row[str] | BadRow:
        """Read a row whose quotes are still open at the end of its first line.

        Quotes stand in pairs in a complete row, so counting finds its end. That also bounds the work: a line is
        gathered at most twice, once by an opening quote before it and once by its own.
        """
        lines = [first]
        size, quotes = len(first.content), 1
        again, ahead = self._again, self._ahead
        while quotes % 2 and size <= self._line_bytes_max:
            line = again.popleft() if again else next(ahead, None)
            if line is None:
                break
            lines.append(line)
            size += len(line.content) + 1
            quotes += line.content.count(b'"')
        whole = quotes % 2 == 0 and size <= self._line_bytes_max and all(line.whole for line in lines)
        if whole:
            content = b"\n".join(line.content for line in lines)
            row = self._read(number, Line(first.offset, content, lines[-1].ended, True))
            if isinstance(row, Row):
                return row
        self._again.extendleft(reversed(lines[1:]))
        return self._bad(number, first, _Wrong("csv.quotes"))

    def _read(self, number: int, line: Line) -> Row[str] | BadRow:
        """Read a complete row."""
        try:
            text = self._text(line)
            cells = self._split(text)
            if len(cells) != len(self._header):
                raise _Wrong("csv.cells" if line.ended else "csv.truncated", found=len(cells))
        except _Wrong as wrong:
            return self._bad(number, line, wrong)
        if self._arrange is not None:
            cells = self._arrange(cells)
        return self._unmarked(number, cells) if "'" in text else Row(number, cells)

    def _text(self, line: Line) -> str:
        """Decode a row."""
        if not line.whole:
            raise _Wrong("csv.too_long", most=self._line_bytes_max)
        if b"\0" in line.content:
            raise _Wrong("csv.nul", at=line.content.index(b"\0"))
        try:
            text = line.content.decode(self._layout.codec)
        except UnicodeDecodeError as error:
            if not line.ended and _ends_inside_character(line.content, self._layout.codec):
                raise _Wrong("csv.truncated") from error
            raise _Wrong("csv.encoding", at=error.start) from error
        return text[:-1] if text[-1:] == "\r" else text

    @staticmethod
    def _unmarked(number: int, cells: list[str]) -> Row[str]:
        """Drop the marks that an export put before formulas."""
        plain = [unmarked(cell) for cell in cells]
        return Row(number, plain, () if plain == cells else (FORMULA_MARK,))

    def _split(self, text: str) -> list[str]:
        """Split a row into cells."""
        if '"' not in text:
            if "\r" in text:
                raise _Wrong("csv.line_break")
            return text.split(self._layout.delimiter)
        try:
            rows = list(csv.reader([text], delimiter=self._layout.delimiter, strict=True))
        except csv.Error as error:
            bare = "\r" in re.sub('"[^"]*"', "", text)
            raise _Wrong("csv.line_break" if bare else "csv.quotes") from error
        return rows[0]

    def _bad(self, number: int, line: Line, wrong: _Wrong) -> BadRow:
        """Make a bad row."""
        layout, facts, offset, column = self._layout, wrong.facts, line.offset, ""
        text = line.content.removesuffix(b"\r").decode(layout.codec, "backslashreplace").replace("\0", "\\x00")
        if wrong.at is not None:
            before = line.content[: wrong.at].decode(layout.codec, "replace").count(layout.delimiter)
            column = self._header[before] if before < len(self._header) else ""
            offset += wrong.at
            facts |= {"byte": line.content[wrong.at], "offset": offset, "encoding": layout.encoding}
        reason = REASONS[wrong.rule_id].format(expected=len(self._header), **facts)
        cells = text.split(layout.delimiter) if line.whole else []
        if self._arrange is not None and len(cells) == len(self._header):
            cells = self._arrange(cells)
        return BadRow(number, cells, wrong.rule_id, reason, column, offset)

    def _read_header(self) -> list[str]:
        """Read the first row."""
        line = next(self._ahead, None)
        if line is None:
            raise FileRefused(self.name, "file.empty")
        content = line.content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")
        try:
            text = content.decode(self._layout.codec).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            offset = line.offset + error.start
            raise FileRefused(self.name, "header.syntax", row=1, byte_offset=offset) from error
        try:
            return [cell.strip() for cell in self._split(text)]
        except _Wrong as wrong:
            raise FileRefused(self.name, "header.syntax", row=1) from wrong


def _ends_inside_character(content: bytes, codec: str) -> bool:
    """Say whether nothing is wrong with undecodable bytes but that they break off."""
    try:
        codecs.getincrementaldecoder(codec)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def open_csv(
    path: Path, layout: TableLayout, *, ignored: Collection[str] = REASON_COLUMNS, line_bytes_max: int = LINE_BYTES_MAX
) -> Iterator[CsvSource]:
    """Open a file as a row source.

    Args:
        path: The file.
        layout: What it must look like.
        ignored: Columns that may stand in the file and are not read.
        line_bytes_max: Longest row.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    with open_file(path) as file:
        yield CsvSource(file, path.name, layout, ignored=ignored, line_bytes_max=line_bytes_max)
