"""Files of frames as a row source: JT/T 808 of terminals, JT/T 809 of platforms, records of cards by JT/T 978.

They come as bytes or as lines of hexadecimal. A frame is one row, or up to five; whole frames about something else
(heartbeats, logins) are left out. What is no frame is a bad row, and reading goes on with the next mark or record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from adapters.frames import FrameRefused
from adapters.frames.card_rows import tap_rows
from adapters.frames.jtt978 import RIDE_BYTES
from adapters.frames.stream import RawFrame, frames_in, records_in
from adapters.tables.card_file import card_of
from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.frame_protocols import protocol_of
from adapters.tables.layout import TableLayout
from adapters.tables.lines import PIECE_BYTES, Line, Lines
from adapters.tables.rows import BadRow, Progress, Row

_CONTROL: Final = frozenset(range(0x20)) - frozenset(b"\t\r\n")
"""Bytes that no text has. Every good record of a card has one: the mode of transport, 1 or 2."""


class Reading(NamedTuple):
    """How files of one kind are read.

    Attributes:
        unit: What people call a frame, Chinese and English.
        frame_bytes_max: Longest frame.
        is_bytes: Whether the file holds bytes, not hexadecimal, by its first piece.
        cut: Its pieces → what may be a frame, each with its offset.
        read: Bytes of a frame → rows. Raises ``FrameRefused``.
    """

    unit: tuple[str, str]
    frame_bytes_max: int
    is_bytes: Callable[[bytes], bool]
    cut: Callable[[Iterable[bytes]], Iterator[RawFrame]]
    read: Callable[[bytes], list[dict[str, str]]]


class FrameSource:
    """The rows of one file, once; rows are counted from 1 as they come, and a bad frame is one.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        columns: The layout's; a frame says nothing of those that it does not name.
        reading: How the file is read.

    Attributes:
        name: Its name in messages.
        typed: False: every cell is text.

    Raises:
        FileRefused: The file is empty.
    """

    typed: Final = False

    def __init__(self, file: BinaryIO, name: str, columns: tuple[str, ...], reading: Reading) -> None:
        self.name = name
        self._columns = columns
        self._reading = reading
        self._file = DigestedFile(file)
        # Two digits a byte, perhaps with a blank between, and a carriage return.
        self._lines = Lines(self._file, 3 * reading.frame_bytes_max + 1)
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
                read = self._reading.read(_verified(frame))
            except FrameRefused as refused:
                row += 1
                yield self._bad(row, number, offset, refused)
                continue
            for cells in read:
                row += 1
                yield Row(row, [cells.get(column, "") for column in self._columns])

    def _frames(self) -> Iterator[tuple[int, bytes | FrameRefused]]:
        """Hand over what may be a frame, each with its offset."""
        if not self._reading.is_bytes(self._lines.first):
            yield from (
                (line.offset, _from_hex(line)) for line in self._lines if line.content.strip() or not line.whole
            )
            return
        pieces = chain([self._lines.first], iter(lambda: self._file.read(PIECE_BYTES), b""))
        yield from self._reading.cut(pieces)

    def _bad(self, row: int, frame: int, offset: int, refused: FrameRefused) -> BadRow:
        chinese, _, english = refused.reason.partition(" / ")
        counter, noun = self._reading.unit
        reason = (
            f"第 {frame} {counter}（第 {offset} 字节起）：{chinese} / {noun} {frame}, from byte {offset}: {english}"
        )
        return BadRow(row, [], refused.rule_id, reason, "", offset)


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
    framing = protocol.framing
    reading = Reading(
        unit=("帧", "frame"),
        frame_bytes_max=framing.frame_bytes_max,
        is_bytes=lambda first: framing.first in first,  # no mark is a digit of hexadecimal
        cut=lambda pieces: frames_in(pieces, framing),
        read=lambda frame: protocol.read(frame, context),
    )
    with open_file(path) as file:
        yield FrameSource(file, path.name, layout.columns, reading)


@contextmanager
def open_card_records(path: Path, layout: TableLayout, *, ignored: Collection[str] = ()) -> Iterator[FrameSource]:
    """Open a file of one card's records as a row source: every transaction with its trip behind it.

    Args:
        path: The file, .jtt978.
        layout: The dialect's, with what the records do not say.
        ignored: As of ``open_frames``.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    table, card = card_of(path, layout)
    reading = Reading(
        unit=("条记录", "record"),
        frame_bytes_max=RIDE_BYTES,
        is_bytes=lambda first: not _CONTROL.isdisjoint(first),
        cut=lambda pieces: records_in(pieces, RIDE_BYTES),
        read=lambda record: tap_rows(record, table, card),
    )
    with open_file(path) as file:
        yield FrameSource(file, path.name, layout.columns, reading)
