"""CSV files as a row source: streaming, in bounded memory, and a bad row never costs a good one.

What stops the file: it is no file, empty, of another kind or encoding, or its header is not the dialect's. Everything
else is a bad row, and reading goes on. A quoted cell may hold line breaks (RFC 4180 section 2); where a row that spans
lines turns out bad, only its first line is, and reading goes on with the next: a stray quote costs one row.
"""

from __future__ import annotations

import codecs
import csv
import re
import stat
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from adapters.tables.csv_encoding import verify_encoding
from adapters.tables.csv_layout import FORMULA_MARK, REASON_COLUMNS, CsvLayout, unmarked
from adapters.tables.csv_lines import Line, Lines
from adapters.tables.errors import REASONS, FileRefused

LINE_BYTES_MAX: Final = 1_048_576
"""Longest row; the rest of a longer one is skipped, not kept."""


class Row(NamedTuple):
    """A row as the file has it.

    Attributes:
        number: Row as people count: the header is row 1, empty rows count.
        cells: In the order of the layout's columns.
        normalisations: What reading changed: ``formula_mark`` or nothing.
    """

    number: int
    cells: list[str]
    normalisations: tuple[str, ...] = ()


class BadRow(NamedTuple):
    """A row that is no row.

    Attributes:
        number: Row as people count: the header is row 1, empty rows count.
        cells: As far as they can be told apart, so that a clerk finds the row; empty for one that is too long.
        rule_id: Stable name of the rule, "csv.cells".
        reason: The rule in words, Chinese with English beside; never what a cell says.
        column: Name of the column; empty where none is meant.
        byte_offset: Of the wrong byte, or of the row's start, from the file's start.
    """

    number: int
    cells: list[str]
    rule_id: str
    reason: str
    column: str
    byte_offset: int


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

    Raises:
        FileRefused: The file as a whole is refused.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        layout: CsvLayout,
        *,
        ignored: Collection[str] = REASON_COLUMNS,
        line_bytes_max: int = LINE_BYTES_MAX,
    ) -> None:
        self._name = name
        self._layout = layout
        self._line_bytes_max = line_bytes_max
        self._lines = Lines(file, line_bytes_max)
        verify_encoding(self._lines.first, name, layout)
        self._ahead = iter(self._lines)
        self._again: deque[Line] = deque()
        self._header = self._read_header(ignored)
        places = [self._header.index(column) for column in layout.columns]
        as_declared = places == list(range(len(self._header)))
        self._arrange = None if as_declared else itemgetter(*places, places[0])

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, for progress."""
        return self._lines.bytes_read

    def sha256(self) -> str:
        """SHA-256 of the whole file, hex; known when the last row was read.

        Raises:
            ValueError: It was not.
        """
        return self._lines.sha256()

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Hand over every row, good or bad, in the order of the file; empty rows are left out."""
        number, again, ahead = 1, self._again, self._ahead
        while (line := again.popleft() if again else next(ahead, None)) is not None:
            number += 1
            content = line.content
            if line.whole and b'"' in content and content.count(b'"') % 2:
                yield self._read_spanning(number, line)
            elif not line.whole or content.strip(b"\r"):
                yield self._read(number, line)

    def _read_spanning(self, number: int, first: Line) -> Row | BadRow:
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

    def _read(self, number: int, line: Line) -> Row | BadRow:
        """Read a complete row."""
        try:
            text = self._text(line)
            cells = self._split(text)
            if len(cells) != len(self._header):
                raise _Wrong("csv.cells" if line.ended else "csv.truncated", found=len(cells))
        except _Wrong as wrong:
            return self._bad(number, line, wrong)
        if self._arrange is not None:
            cells = list(self._arrange(cells)[:-1])
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
    def _unmarked(number: int, cells: list[str]) -> Row:
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
            cells = list(self._arrange(cells)[:-1])
        return BadRow(number, cells, wrong.rule_id, reason, column, offset)

    def _read_header(self, ignored: Collection[str]) -> list[str]:
        """Read the first row and compare it with the layout."""
        line = next(self._ahead, None)
        if line is None:
            raise FileRefused(self._name, "file.empty")
        content = line.content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")
        try:
            text = content.decode(self._layout.codec).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            offset = line.offset + error.start
            raise FileRefused(self._name, "header.syntax", row=1, byte_offset=offset) from error
        try:
            header = [cell.strip() for cell in self._split(text)]
        except _Wrong as wrong:
            raise FileRefused(self._name, "header.syntax", row=1) from wrong
        self._compare_header(header, ignored)
        return header

    def _compare_header(self, header: list[str], ignored: Collection[str]) -> None:
        """Refuse a header that is not the layout's.

        Cells are named only where most of them are columns: else the first row may hold people, not names of columns.
        """
        columns = self._layout.columns
        if 2 * len(set(columns) & set(header)) <= len(columns):
            raise FileRefused(self._name, "header.missing", row=1)
        for place, column in enumerate(header):
            if column in header[:place]:
                raise FileRefused(self._name, "header.doubled", row=1, column=column)
            if column not in columns and column not in ignored:
                raise FileRefused(self._name, "header.unknown", row=1, column=column)
        for column in columns:
            if column not in header:
                raise FileRefused(self._name, "header.lacking", row=1, column=column)


def _ends_inside_character(content: bytes, codec: str) -> bool:
    """Say whether nothing is wrong with undecodable bytes but that they break off."""
    try:
        codecs.getincrementaldecoder(codec)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def open_csv(
    path: Path, layout: CsvLayout, *, ignored: Collection[str] = REASON_COLUMNS, line_bytes_max: int = LINE_BYTES_MAX
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
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileRefused(path.name, "file.not_a_file")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise FileRefused(path.name, "file.missing") from error
    except OSError as error:
        raise FileRefused(path.name, "file.unreadable") from error
    with file:
        yield CsvSource(file, path.name, layout, ignored=ignored, line_bytes_max=line_bytes_max)
