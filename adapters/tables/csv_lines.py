"""The lines of a file, in bounded memory whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO, Final, NamedTuple

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
    """Reads a file line by line, counts its bytes and digests all of them, also those of lines that are too long.

    Args:
        file: Open for reading, at its start.
        line_bytes_max: Longest line that is handed over whole.

    Attributes:
        first: The first piece of the file, for a look at its kind.
        bytes_read: Bytes read so far.
        finished: The file's end was reached.
    """

    def __init__(self, file: BinaryIO, line_bytes_max: int) -> None:
        self._file = file
        self._line_bytes_max = line_bytes_max
        self._digest = sha256()
        self.bytes_read = 0
        self.finished = False
        self.first = self._piece()

    def sha256(self) -> str:
        """Digest of the whole file, hex.

        Raises:
            ValueError: The file was not read to its end.
        """
        if not self.finished:
            raise ValueError("the file was not read to its end")
        return self._digest.hexdigest()

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
        """Read a piece, count and digest it."""
        piece = self._file.read(PIECE_BYTES)
        self.bytes_read += len(piece)
        self._digest.update(piece)
        self.finished = not piece
        return piece
