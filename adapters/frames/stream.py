"""A stream of bytes, cut into frames: one after another, as they come from a capture or a file.

A mark inside a content is escaped, so that every mark ends something: after a broken frame the next one is whole again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adapters.frames.framing import Framing


class RawFrame(NamedTuple):
    """What stands between two marks, not looked at yet.

    Attributes:
        offset: Of its first byte from the stream's start.
        content: With the marks around it, as far as there are any; cut off where it is longer than a frame may be.
    """

    offset: int
    content: bytes


def frames_in(pieces: Iterable[bytes], framing: Framing) -> Iterator[RawFrame]:
    """Cut a stream into frames; bytes that are none are handed over as well. Memory is bounded by the longest frame.

    Args:
        pieces: The stream, cut anywhere.
        framing: The protocol's.
    """
    marks = re.compile(b"[" + re.escape(framing.first + framing.last) + b"]")
    boundaries = {(framing.last, framing.first), (b"", framing.first)}
    before, inside, offset, read = b"", b"", 0, 0
    for piece in pieces:
        done = 0
        for mark in marks.finditer(piece):
            inside = _bounded(inside, piece[done : mark.start()], framing)
            if inside or (before, mark[0]) not in boundaries:
                yield RawFrame(offset, before + inside + mark[0])
            before, inside, offset, done = mark[0], b"", read + mark.start(), mark.end()
        inside = _bounded(inside, piece[done:], framing)
        read += len(piece)
    if inside or before not in (framing.last, b""):
        yield RawFrame(offset, before + inside)


def records_in(pieces: Iterable[bytes], record_bytes: int) -> Iterator[RawFrame]:
    """Cut a stream into records of one length, which have no marks: after a byte too many or too few none is whole.

    Args:
        pieces: The stream, cut anywhere.
        record_bytes: Of every record; the last one may be shorter, and is handed over too.
    """
    rest, offset = b"", 0
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % record_bytes
        for start in range(0, whole, record_bytes):
            yield RawFrame(offset + start, rest[start : start + record_bytes])
        rest, offset = rest[whole:], offset + whole
    if rest:
        yield RawFrame(offset, rest)


def _bounded(inside: bytes, more: bytes, framing: Framing) -> bytes:
    """One byte more than allowed is enough to know that it is too long."""
    return inside + more[: max(0, framing.frame_bytes_max + 1 - len(inside))]
