"""The lines of a file, in bounded memory whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from adapters.tables.files import DigestedFile

PIECE_BYTES: Final = 262_144
"""What is read at once."""


class Line(NamedTuple):
    """One physical line.

    Attributes:
        offset: Of its first byte from the file's start.
        content: Without the line feed; cut off where the line is too long.
        ended: A line feed followed; False only for the last line.
        whole: False for a line over the limit.
    """

    offset: int
    content: bytes
    ended: bool
    whole: bool


class Lines:
    """Reads a file line by line; digests all of it, also the lines that are too long.

    Args:
        file: At its start.
        line_bytes_max: Longest line that is handed over whole.

    Attributes:
        first: The first piece of the file, for a look at its kind.
    """

    def __init__(self, file: DigestedFile, line_bytes_max: int) -> None:
        self._file = file
        self._line_bytes_max = line_bytes_max
        self.first = self._piece()

    def __iter__(self) -> Iterator[Line]:
        """Hand over the lines, once."""
        piece, rest, offset = self.first, b"", 0
        while piece:
            contents = (rest + piece).split(b"\n")
            rest = contents.pop()
            for content in contents:
                yield Line(offset, content, True, len(content) <= self._line_bytes_max)
                offset += len(content) + 1
            behind = b""
            if len(rest) > self._line_bytes_max:
                length, behind, ended = self._skip(len(rest))
                yield Line(offset, b"", ended, False)
                rest, offset = b"", offset + length
            piece = behind or self._piece()
        if rest:
            yield Line(offset, rest, False, len(rest) <= self._line_bytes_max)

    def _skip(self, length: int) -> tuple[int, bytes, bool]:
        """Read to the end of a line without keeping it.

        Returns:
            Length with the line feed, what was read behind it, and whether there was a line feed.
        """
        while piece := self._piece():
            head, feed, rest = piece.partition(b"\n")
            length += len(head) + len(feed)
            if feed:
                return length, rest, True
        return length, b"", False

    def _piece(self) -> bytes:
        return self._file.read(PIECE_BYTES)
