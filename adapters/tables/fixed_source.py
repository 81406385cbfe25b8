"""Fixed width files as a row source: each line a row, each column so many bytes, padded with blanks.

Such a file has no header: a column of one byte could not hold its name. The layout alone says what stands where, and
the first line is row 1. Widths count bytes, so a character can be cut in half: that is a bad row, never half a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.encoding import verify_encoding
from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.layout import TableLayout
from adapters.tables.lines import Line, Lines
from adapters.tables.reasons import REASONS
from adapters.tables.rows import BadRow, Progress, Row

_END_OF_FILE: Final = b"\x1a"
# How the codecs of GB 18030 and UTF-8 say that a character begins but does not end.
_INCOMPLETE: Final = ("incomplete multibyte sequence", "unexpected end of data")


class FixedSource:
    """The rows of one file, once.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        layout: What it must look like.

    Attributes:
        name: Its name in messages.
        typed: False: every cell is text.

    Raises:
        FileRefused: The file as a whole is refused.
    """

    typed: Final = False

    def __init__(self, file: BinaryIO, name: str, layout: TableLayout) -> None:
        if not layout.widths_bytes:
            raise FileRefused(name, "file.no_widths")
        if len(layout.widths_bytes) != len(layout.columns):
            raise ValueError(f"{len(layout.columns)} widths expected, {len(layout.widths_bytes)} found")
        self.name = name
        self._columns = layout.columns
        self._encoding = layout.fixed_encoding
        self._slices = [slice(*ends) for ends in pairwise(accumulate(layout.widths_bytes, initial=0))]
        self._width = sum(layout.widths_bytes)
        self._file = DigestedFile(file)
        # What is too long is kept so far that its surplus can be told and counted.
        self._lines = Lines(self._file, 2 * self._width + 2)
        verify_encoding(self._lines.first, name, self._encoding, "定长文本 fixed width")

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
        """Hand over every row, good or bad, in the order of the file; empty lines are left out but counted."""
        for number, line in enumerate(self._lines, 1):
            content = line.content.removesuffix(b"\r")
            if (content or not line.whole) and (line.ended or content != _END_OF_FILE):
                yield self._read(number, content, line)

    def _read(self, number: int, content: bytes, line: Line) -> Row[str] | BadRow:
        """Cut a line into its cells."""
        if not line.whole:
            return self._bad(number, [], "fixed.too_long", line.offset, most=2 * self._width)
        if len(content) != self._width:
            rule_id = "fixed.length" if line.ended or len(content) > self._width else "fixed.truncated"
            cells = [self._shown(content[place]) for place in self._slices]
            cells[-1] += self._shown(content[self._width :])
            return self._bad(number, cells, rule_id, line.offset, found=len(content))
        if b"\0" in content:
            return self._bad_byte(number, content, line.offset, content.index(b"\0"), "fixed.nul")
        return self._decode(number, content, line.offset)

    def _decode(self, number: int, content: bytes, offset: int) -> Row[str] | BadRow:
        """Decode each cell by itself: a character that two columns share is nobody's."""
        cells = []
        for place in self._slices:
            try:
                cells.append(content[place].decode(self._encoding).strip(" "))
            except UnicodeDecodeError as error:
                at = place.start + error.start
                cut = error.end == place.stop - place.start and error.reason in _INCOMPLETE
                return self._bad_byte(number, content, offset, at, "fixed.cut" if cut else "fixed.encoding")
        return Row(number, cells)

    def _bad_byte(self, number: int, content: bytes, offset: int, at: int, rule_id: str) -> BadRow:
        """Make a bad row of one with a wrong byte."""
        column = next(index for index, place in enumerate(self._slices) if at < place.stop)
        cells = [self._shown(content[place]) for place in self._slices]
        facts = {"byte": content[at], "encoding": self._encoding}
        return self._bad(number, cells, rule_id, offset + at, self._columns[column], **facts)

    def _bad(
        self, number: int, cells: list[str], rule_id: str, offset: int, column: str = "", **facts: object
    ) -> BadRow:
        reason = REASONS[rule_id].format(expected=self._width, offset=offset, **facts)
        return BadRow(number, cells, rule_id, reason, column, offset)

    def _shown(self, cell: bytes) -> str:
        return cell.decode(self._encoding, "backslashreplace").replace("\0", "\\x00").strip(" ")


@contextmanager
def open_fixed(path: Path, layout: TableLayout, *, ignored: Collection[str] = ()) -> Iterator[FixedSource]:
    """Open a fixed width file as a row source.

    Args:
        path: The file.
        layout: What it must look like, ``widths_bytes`` among it.
        ignored: For the sake of the other kinds: without a header nothing can stand beside.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    with open_file(path) as file:
        yield FixedSource(file, path.name, layout)
