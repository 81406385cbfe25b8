"""What both protocols are made of: marks, escapes, checksums, BCD."""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from adapters.frames.errors import FrameRefused


@dataclass(frozen=True, slots=True)
class Framing:
    """How one protocol marks a frame's ends, and what it writes for the marks inside.

    Attributes:
        first: The mark before a frame.
        last: The mark after it.
        escapes: Byte inside → the two bytes that are written for it.
        frame_bytes_max: Longest frame that is looked at, marks and escapes included.
    """

    first: bytes
    last: bytes
    escapes: dict[bytes, bytes]
    frame_bytes_max: int

    def wrap(self, content: bytes) -> bytes:
        """Escape a content and put the marks around it."""
        return self.first + re.sub(self._plain, lambda match: self.escapes[match[0]], content) + self.last

    def unwrap(self, frame: bytes) -> bytes:
        """Take the marks off and the escapes back.

        Raises:
            FrameRefused: A mark is lacking or stands inside, or an escape is none.
        """
        if len(frame) > self.frame_bytes_max:
            raise FrameRefused("frame.too_long")
        if len(frame) < 2 or frame[:1] != self.first or frame[-1:] != self.last:
            raise FrameRefused("frame.marks")
        written = {pair: byte for byte, pair in self.escapes.items()}
        inside = frame[1:-1]
        content = re.sub(self._escaped, lambda match: written[match[0]], inside)
        # Whatever does not come back as it was had a bare mark, or an escape of something else.
        if self.wrap(content)[1:-1] != inside:
            raise FrameRefused("frame.escape")
        return content

    @property
    def _plain(self) -> bytes:
        return b"|".join(map(re.escape, self.escapes))

    @property
    def _escaped(self) -> bytes:
        return b"|".join(map(re.escape, self.escapes.values()))


JTT808: Final = Framing(b"\x7e", b"\x7e", {b"\x7e": b"\x7d\x02", b"\x7d": b"\x7d\x01"}, 2_100)
"""JT/T 808, 4.4.2. A body has at most 1023 bytes, each of which may be escaped."""
JTT809: Final = Framing(
    b"\x5b", b"\x5d", {b"\x5b": b"\x5a\x01", b"\x5a": b"\x5a\x02", b"\x5d": b"\x5e\x01", b"\x5e": b"\x5e\x02"}, 65_536
)
"""JT/T 809, 4.3."""


def xor_sum(content: bytes) -> int:
    """Compute the checksum of JT/T 808: all bytes, by exclusive or."""
    return reduce(xor, content, 0)


def crc16(content: bytes) -> int:
    """Compute the checksum of JT/T 809: CRC-16/CCITT from 0xFFFF."""
    return crc_hqx(content, 0xFFFF)


def bcd_digits(content: bytes) -> str:
    """Read packed decimal digits.

    Raises:
        FrameRefused: A half byte is no digit.
    """
    digits = content.hex()
    if not digits.isdigit():
        raise FrameRefused("frame.bcd")
    return digits


def bcd_bytes(digits: str, length: int) -> bytes:
    """Pack decimal digits.

    Args:
        digits: As many as the bytes hold, two each.
        length: Bytes.

    Raises:
        FrameRefused: They are others, or more or fewer.
    """
    if not (digits.isascii() and digits.isdigit() and len(digits) == 2 * length):
        raise FrameRefused("frame.bcd")
    return bytes.fromhex(digits)
