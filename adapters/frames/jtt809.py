"""JT/T 809-2011: frames between platforms, and the position messages 0x1202 (as it happens) and 0x1203 (afterwards).

Source: JT/T 809-2011, sections 4.3, 4.4 and 4.5.8, as public decoders read them; the position is checked with
``tests/vectors/jt809-vectors.json``.
Unconfirmed: that the length counts both marks, and the layout around the position; no whole frame was found.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from adapters.frames.errors import FrameRefused
from adapters.frames.framing import JTT809, crc16

VEHICLE_MESSAGE: Final = 0x1200
"""UP_EXG_MSG: something about one vehicle, said by a sub-message."""
POSITION_NOW: Final = 0x1202
POSITIONS_LATER: Final = 0x1203
_LOCAL_TIME: Final = timezone(timedelta(hours=8))
_HEADER: Final = struct.Struct(">IIHI3sBI")
_VEHICLE: Final = struct.Struct(">21sBHI")
_POSITION: Final = struct.Struct(">BBBHBBBIIHHIHHII")
_MARKS_AND_CHECKSUM: Final = 4
_POSITIONS_MAX: Final = 5
"""JT/T 809-2011, 4.5.8.1.4: of 0x1203, at least 1 and at most 5."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        message_id: 0x1200.
        serial: The sender's count of messages, u32.
        platform: The lower platform's number, u32.
        version: Protocol version, three numbers.
        body: What the message says; ciphertext where ``encrypted``.
        encrypted: The body is.
        key: With which it is, u32.
    """

    message_id: int
    serial: int
    platform: int
    version: tuple[int, int, int]
    body: bytes
    encrypted: bool = False
    key: int = 0

    def encode(self) -> bytes:
        """Write the frame, with marks, escapes and checksum.

        Raises:
            FrameRefused: It is too long, or a number does not fit.
        """
        length = _HEADER.size + len(self.body) + _MARKS_AND_CHECKSUM
        try:
            numbers = (length, self.serial, self.message_id, self.platform)
            content = _HEADER.pack(*numbers, bytes(self.version), self.encrypted, self.key) + self.body
        except (struct.error, ValueError):
            raise FrameRefused("frame.range") from None
        frame = JTT809.wrap(content + struct.pack(">H", crc16(content)))
        if len(frame) > JTT809.frame_bytes_max:
            raise FrameRefused("frame.too_long")
        return frame


def decode_frame(frame: bytes) -> Frame:
    """Read one frame.

    Args:
        frame: From mark to mark.

    Raises:
        FrameRefused: It is none.
    """
    content = JTT809.unwrap(frame)
    if len(content) < _HEADER.size + 2:
        raise FrameRefused("frame.length")
    if crc16(content[:-2]) != int.from_bytes(content[-2:], "big"):
        raise FrameRefused("frame.checksum")
    length, serial, message_id, platform, version, encrypted, key = _HEADER.unpack_from(content)
    if length != len(content) + 2:
        raise FrameRefused("frame.length")
    if encrypted > 1:
        raise FrameRefused("frame.reserved")
    major, minor, patch = version
    return Frame(message_id, serial, platform, (major, minor, patch), content[_HEADER.size : -2], bool(encrypted), key)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a vehicle was, 36 bytes. Longitude comes before latitude here, the other way round in JT/T 808.

    Attributes:
        encrypted: The coordinates are.
        time: When, with its zone; whole seconds from 2000 to 2099. On the wire it is local time, UTC+8, in binary.
        longitude_e6: Degrees × 10⁶.
        latitude_e6: Degrees × 10⁶.
        speed_kmh: By satellite, whole km/h.
        recorder_speed_kmh: By the vehicle's recorder, whole km/h.
        mileage_km: Whole kilometres.
        direction_deg: Degrees from north, clockwise.
        altitude_m: Metres.
        state_bits: State, u32, as in JT/T 808.
        alarm_bits: Alarms, u32, as in JT/T 808.
    """

    encrypted: bool
    time: datetime
    longitude_e6: int
    latitude_e6: int
    speed_kmh: int
    recorder_speed_kmh: int
    mileage_km: int
    direction_deg: int
    altitude_m: int
    state_bits: int
    alarm_bits: int

    def encode(self) -> bytes:
        """Write the position.

        Raises:
            FrameRefused: A number does not fit its field, or the time is none of this century.
        """
        local = self.time.astimezone(_LOCAL_TIME)
        if not 2000 <= local.year <= 2099 or local.microsecond:
            raise FrameRefused("frame.date")
        try:
            return _POSITION.pack(
                self.encrypted, local.day, local.month, local.year, local.hour, local.minute, local.second,
                self.longitude_e6, self.latitude_e6, self.speed_kmh, self.recorder_speed_kmh, self.mileage_km,
                self.direction_deg, self.altitude_m, self.state_bits, self.alarm_bits,
            )  # fmt: skip
        except struct.error:
            raise FrameRefused("frame.range") from None


def decode_position(content: bytes) -> Position:
    """Read a position.

    Raises:
        FrameRefused: It has not 36 bytes, or its time does not exist.
    """
    if len(content) != _POSITION.size:
        raise FrameRefused("frame.length")
    encrypted, day, month, year, hour, minute, second, *numbers = _POSITION.unpack(content)
    if encrypted > 1:
        raise FrameRefused("frame.reserved")
    if not 2000 <= year <= 2099:
        raise FrameRefused("frame.date")
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=_LOCAL_TIME)
    except ValueError:
        raise FrameRefused("frame.date") from None
    return Position(bool(encrypted), time, *numbers)


@dataclass(frozen=True, slots=True)
class VehiclePositions:
    """The body of 0x1200 that reports positions.

    Attributes:
        plate_number: At most 21 bytes in GBK.
        plate_colour: By JT/T 415, u8.
        positions: One as it happens; one to five afterwards.
        later: They are sent afterwards (0x1203).
    """

    plate_number: str
    plate_colour: int
    positions: tuple[Position, ...]
    later: bool = False

    def encode(self) -> bytes:
        """Write the body.

        Raises:
            FrameRefused: There are too few or too many positions, or something does not fit its field.
        """
        if not 1 <= len(self.positions) <= (_POSITIONS_MAX if self.later else 1):
            raise FrameRefused("frame.range")
        data = bytes([len(self.positions)] * self.later) + b"".join(one.encode() for one in self.positions)
        kind = POSITIONS_LATER if self.later else POSITION_NOW
        try:
            return _VEHICLE.pack(_plate_bytes(self.plate_number), self.plate_colour, kind, len(data)) + data
        except struct.error:
            raise FrameRefused("frame.range") from None


def is_about_something_else(frame: Frame) -> bool:
    """Say of a whole frame that it reports no positions and does not try to: a login, a heartbeat, a registration."""
    if frame.message_id != VEHICLE_MESSAGE:
        return True
    if frame.encrypted or len(frame.body) < _VEHICLE.size:
        return False
    return _VEHICLE.unpack_from(frame.body)[2] not in (POSITION_NOW, POSITIONS_LATER)


def decode_positions(frame: Frame) -> VehiclePositions:
    """Read the positions that a frame reports.

    Raises:
        FrameRefused: The frame is encrypted or about something else, or its body is not what it says.
    """
    if frame.encrypted:
        raise FrameRefused("frame.encrypted")
    if frame.message_id != VEHICLE_MESSAGE or len(frame.body) < _VEHICLE.size:
        raise FrameRefused("frame.sub_message")
    plate, colour, kind, length = _VEHICLE.unpack_from(frame.body)
    data = frame.body[_VEHICLE.size :]
    if kind not in (POSITION_NOW, POSITIONS_LATER):
        raise FrameRefused("frame.sub_message")
    later = kind == POSITIONS_LATER
    count = data[0] if later and data else 1
    if len(data) != length or len(data) != later + count * _POSITION.size or not 1 <= count <= _POSITIONS_MAX:
        raise FrameRefused("frame.length")
    starts = range(later, len(data), _POSITION.size)
    positions = tuple(decode_position(data[at : at + _POSITION.size]) for at in starts)
    return VehiclePositions(_plate(plate), colour, positions, later)


def _plate_bytes(plate: str) -> bytes:
    try:
        written = plate.encode("gbk")
    except UnicodeEncodeError:
        raise FrameRefused("frame.text") from None
    if len(written) > 21 or b"\x00" in written:
        raise FrameRefused("frame.text")
    return written.ljust(21, b"\x00")


def _plate(content: bytes) -> str:
    bare = content.rstrip(b"\x00")
    try:
        plate = bare.decode("gbk")
    except UnicodeDecodeError:
        raise FrameRefused("frame.text") from None
    if b"\x00" in bare or plate.encode("gbk") != bare:
        raise FrameRefused("frame.text")
    return plate
