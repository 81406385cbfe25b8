"""JT/T 808: frames between a vehicle's terminal and its platform, and the position report 0x0200.

Source: JT/T 808-2011/2013 and -2019, section 4.4 (frames) and 8.18 (0x0200), as public decoders read them; checked with
the frames of ``tests/vectors/jt808-frames.json``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from adapters.frames.errors import FrameRefused
from adapters.frames.framing import JTT808, bcd_bytes, bcd_digits, xor_sum

POSITION_REPORT: Final = 0x0200
MILEAGE: Final = 0x01
"""Additional item: mileage by the odometer, u32, 0.1 km."""
_LOCAL_TIME: Final = timezone(timedelta(hours=8))
_BODY_BYTES_MAX: Final = 0x3FF
_LENGTH, _ENCRYPTION, _PARTS, _VERSIONED, _RESERVED = 0x03FF, 0x1C00, 0x2000, 0x4000, 0x8000
_PHONE_BYTES_2013, _PHONE_BYTES_2019 = 6, 10
_FIXED: Final = struct.Struct(">IIIIHHH")


class Part(NamedTuple):
    """Which of several frames that are one message.

    Attributes:
        total: How many there are.
        number: Which one this is, from 1.
    """

    total: int
    number: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        message_id: 0x0200.
        phone: The terminal's number with leading zeros: 12 digits, or 20 since 2019.
        serial: The sender's count of messages, u16.
        body: What the message says, at most 1023 bytes; ciphertext where ``encryption`` is not 0.
        version: Protocol version since 2019, u8; None before.
        encryption: Bits 10 to 12 of the attributes: 0 none, 1 RSA.
        part: Where the message takes several frames; None where it takes one.
    """

    message_id: int
    phone: str
    serial: int
    body: bytes
    version: int | None = None
    encryption: int = 0
    part: Part | None = None

    def encode(self) -> bytes:
        """Write the frame, with marks, escapes and checksum.

        Raises:
            FrameRefused: The phone number, the body or a number does not fit.
        """
        content = self._header() + self.body
        return JTT808.wrap(content + bytes([xor_sum(content)]))

    def _header(self) -> bytes:
        if len(self.body) > _BODY_BYTES_MAX:
            raise FrameRefused("frame.too_long")
        if not 0 <= self.encryption <= _ENCRYPTION >> 10:
            raise FrameRefused("frame.range")
        versioned, part = self.version is not None, self.part or ()
        attributes = len(self.body) | self.encryption << 10 | _PARTS * bool(part) | _VERSIONED * versioned
        phone = bcd_bytes(self.phone, _PHONE_BYTES_2019 if versioned else _PHONE_BYTES_2013)
        try:
            head = struct.pack(">HH", self.message_id, attributes)
            version = struct.pack(">B", self.version) if versioned else b""
            return head + version + phone + struct.pack(f">H{len(part)}H", self.serial, *part)
        except struct.error:
            raise FrameRefused("frame.range") from None


def decode_frame(frame: bytes) -> Frame:
    """Read one frame.

    Args:
        frame: From mark to mark.

    Raises:
        FrameRefused: It is none.
    """
    content = JTT808.unwrap(frame)
    if len(content) < 13:
        raise FrameRefused("frame.length")
    if xor_sum(content[:-1]) != content[-1]:
        raise FrameRefused("frame.checksum")
    message_id, attributes = struct.unpack_from(">HH", content)
    if attributes & _RESERVED:
        raise FrameRefused("frame.reserved")
    versioned, parted = bool(attributes & _VERSIONED), bool(attributes & _PARTS)
    phone_at = 5 if versioned else 4
    serial_at = phone_at + (_PHONE_BYTES_2019 if versioned else _PHONE_BYTES_2013)
    body_at = serial_at + (6 if parted else 2)
    body = content[body_at:-1]
    if len(content) <= body_at or len(body) != attributes & _LENGTH:
        raise FrameRefused("frame.length")
    return Frame(
        message_id=message_id,
        phone=bcd_digits(content[phone_at:serial_at]),
        serial=struct.unpack_from(">H", content, serial_at)[0],
        body=body,
        version=content[4] if versioned else None,
        encryption=(attributes & _ENCRYPTION) >> 10,
        part=Part(*struct.unpack_from(">HH", content, serial_at + 2)) if parted else None,
    )


@dataclass(frozen=True, slots=True)
class Location:
    """The body of 0x0200. Latitude comes before longitude here, the other way round in JT/T 809.

    Attributes:
        alarm_bits: Alarms, u32.
        status_bits: State, u32: bit 1 positioned, bit 2 south, bit 3 west.
        latitude_e6: Degrees × 10⁶, without sign.
        longitude_e6: Degrees × 10⁶, without sign.
        altitude_m: Metres.
        speed_deci_kmh: 0.1 km/h.
        direction_deg: Degrees from north, clockwise.
        time: When, with its zone; whole seconds from 2000 to 2099. On the wire it is local time, UTC+8, in BCD.
        extras: Additional items: their id and their bytes, in the order of the wire.
    """

    alarm_bits: int
    status_bits: int
    latitude_e6: int
    longitude_e6: int
    altitude_m: int
    speed_deci_kmh: int
    direction_deg: int
    time: datetime
    extras: tuple[tuple[int, bytes], ...] = ()

    @property
    def mileage_hm(self) -> int | None:
        """Mileage in 0.1 km, None where it is not reported."""
        given = next((value for number, value in self.extras if number == MILEAGE and len(value) == 4), None)
        return None if given is None else int.from_bytes(given, "big")

    def encode(self) -> bytes:
        """Write the body.

        Raises:
            FrameRefused: A number does not fit its field, or the time is none of this century.
        """
        try:
            fixed = _FIXED.pack(
                self.alarm_bits, self.status_bits, self.latitude_e6, self.longitude_e6,
                self.altitude_m, self.speed_deci_kmh, self.direction_deg,
            )  # fmt: skip
            extras = b"".join(struct.pack(">BB", number, len(value)) + value for number, value in self.extras)
        except struct.error:
            raise FrameRefused("frame.range") from None
        return fixed + _time_bytes(self.time) + extras


def decode_location(body: bytes) -> Location:
    """Read the body of 0x0200.

    Raises:
        FrameRefused: It is too short, its time does not exist, or an additional item is longer than what is left.
    """
    if len(body) < _FIXED.size + 6:
        raise FrameRefused("frame.length")
    alarm, status, latitude, longitude, altitude, speed, direction = _FIXED.unpack_from(body)
    time, extras = _time(body[_FIXED.size : _FIXED.size + 6]), tuple(_extras(body[_FIXED.size + 6 :]))
    return Location(alarm, status, latitude, longitude, altitude, speed, direction, time, extras)


def _extras(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        if at + 2 > len(content) or at + 2 + content[at + 1] > len(content):
            raise FrameRefused("frame.length")
        end = at + 2 + content[at + 1]
        yield content[at], content[at + 2 : end]
        at = end


def _time(content: bytes) -> datetime:
    digits = bcd_digits(content)
    parts = [int(digits[at : at + 2]) for at in range(0, 12, 2)]
    try:
        year, month, day, hour, minute, second = parts
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=_LOCAL_TIME)
    except ValueError:
        raise FrameRefused("frame.date") from None


def _time_bytes(time: datetime) -> bytes:
    local = time.astimezone(_LOCAL_TIME)
    if not 2000 <= local.year <= 2099 or local.microsecond:
        raise FrameRefused("frame.date")
    return bytes.fromhex(f"{local:%y%m%d%H%M%S}")
