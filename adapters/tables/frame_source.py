"""Files of frames as a row source: JT/T 808 of terminals, JT/T 809 of platforms, as bytes or as lines of hexadecimal.

A frame is one row, or up to five; whole frames about something else (heartbeats, logins) are left out. What is no frame
is a bad row, and reading goes on with the next mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from adapters.frames import FrameRefused
from adapters.frames.rows import FrameContext
from adapters.frames.stream import frames_in
from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.frame_protocols import Protocol, protocol_of
from adapters.tables.layout import TableLayout
from adapters.tables.lines import PIECE_BYTES, Line, Lines
from adapters.tables.rows import BadRow, Progress, Row


class FrameSource:
    """The rows of one file, once; rows are counted from 1 as they come, and a bad frame is one.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        columns: The layout's.
        protocol: The frames'.
        context: What they do not say.

    Attributes:
        name: Its name in messages.
        typed: False: every cell is text.

    Raises:
        FileRefused: The file is empty.
    """

    typed: Final = False

    def __init__(
        self, file: BinaryIO, name: str, columns: tuple[str, ...], protocol: Protocol, context: FrameContext
    ) -> None:
        self.name = name
        self._columns = columns
        self._protocol = protocol
        self._context = context
        self._file = DigestedFile(file)
        # Two digits a byte, perhaps with a blank between, and a carriage return.
        self._lines = Lines(self._file, 3 * protocol.framing.frame_bytes_max + 1)
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

    def __iter__(self) -> Iterator[Row[str] | BadRow]:
        """Hand over every row, good or bad, in the order of the file."""
        row = 0
        for number, (offset, frame) in enumerate(self._frames(), 1):
            try:
                read = self._protocol.read(_verified(frame), self._context)
            except FrameRefused as refused:
                row += 1
                yield _bad(row, number, offset, refused)
                continue
            for cells in read:
                row += 1
                yield Row(row, [cells[column] for column in self._columns])

    def _frames(self) -> Iterator[tuple[int, bytes | FrameRefused]]:
        """Hand over what may be a frame, each with its offset; no mark is a digit of hexadecimal."""
        if self._protocol.framing.first not in self._lines.first:
            yield from (
                (line.offset, _from_hex(line)) for line in self._lines if line.content.strip() or not line.whole
            )
            return
        pieces = chain([self._lines.first], iter(lambda: self._file.read(PIECE_BYTES), b""))
        yield from frames_in(pieces, self._protocol.framing)


def _from_hex(line: Line) -> bytes | FrameRefused:
    if not line.whole:
        return FrameRefused("frame.too_long")
    try:
        return bytes.fromhex(line.content.removeprefix(b"\xef\xbb\xbf").decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        return FrameRefused("frame.hex")


def _verified(frame: bytes | FrameRefused) -> bytes:
    if isinstance(frame, FrameRefused):
        raise frame
    return frame


def _bad(row: int, frame: int, offset: int, refused: FrameRefused) -> BadRow:
    chinese, _, english = refused.reason.partition(" / ")
    reason = f"第 {frame} 帧（第 {offset} 字节起）：{chinese} / frame {frame}, from byte {offset}: {english}"
    return BadRow(row, [], refused.rule_id, reason, "", offset)


@contextmanager
def open_frames(path: Path, layout: TableLayout, *, ignored: Collection[str] = ()) -> Iterator[FrameSource]:
    """Open a file of frames as a row source.

    Args:
        path: The file, .jtt808 or .jtt809.
        layout: The dialect's, with what frames do not say.
        ignored: For the sake of the other kinds: without a header nothing can stand beside.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    protocol, context = protocol_of(path, layout)
    with open_file(path) as file:
        yield FrameSource(file, path.name, layout.columns, protocol, context)
