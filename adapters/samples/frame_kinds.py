"""What is planted in files of frames: bytes that are no frame, and frames that say what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from adapters.frames import jtt808, jtt809
from adapters.frames.framing import JTT808, JTT809, Framing, crc16, xor_sum
from adapters.samples.contributions import NANTONG, City
from adapters.samples.planted import Kind, SpoilLine, put

_TIME_AT: Final = 22
"""Of a terminal's report: after alarms, state, latitude, longitude, altitude, speed and direction."""
_MONTH_BEFORE_END: Final = 34
"""Of a platform's message: a position has 36 bytes, the month is its third one."""
_TOO_MANY_BYTES: Final = 70_000

Change = Callable[[bytearray], object]
"""Changes bytes in place."""


def frame_kinds(city: City) -> list[Kind]:
    """Return what is planted in a city's file of frames.

    Args:
        city: Nantong has terminals' frames (JT/T 808), Shanghai platforms' (JT/T 809).
    """
    lines, cells = (_TERMINAL, _TERMINAL_CELLS) if city is NANTONG else (_PLATFORM, _PLATFORM_CELLS)
    spoilt = [Kind(name, "", rule, spoil_line=spoil) for name, rule, spoil in lines]
    end = Kind(
        "file_breaks_off", "", "frame.marks", spoil_line=lambda frame, _: frame[: len(frame) // 2], breaks_off=True
    )
    return [*cells, *spoilt, end]


def _inside(frame: bytes, more: bytes) -> bytes:
    """Put bytes before a frame's last mark."""
    return frame[:-1] + more + frame[-1:]


def _wrong_checksum(framing: Framing) -> SpoilLine:
    def spoil(frame: bytes, _: bytes) -> bytes:
        content = framing.unwrap(frame)
        return framing.wrap(content[:-1] + bytes([content[-1] ^ 1]))

    return spoil


def _of_terminal(change: Change) -> SpoilLine:
    """Change a terminal's frame, and make its checksum right again."""

    def spoil(frame: bytes, _: bytes) -> bytes:
        content = bytearray(JTT808.unwrap(frame)[:-1])
        change(content)
        return JTT808.wrap(bytes(content) + bytes([xor_sum(bytes(content))]))

    return spoil


def _of_platform(change: Change) -> SpoilLine:
    """Change a platform's frame, and make its checksum right again."""

    def spoil(frame: bytes, _: bytes) -> bytes:
        content = bytearray(JTT809.unwrap(frame)[:-2])
        change(content)
        return JTT809.wrap(bytes(content) + crc16(bytes(content)).to_bytes(2, "big"))

    return spoil


def _body(decode: Callable[[bytes], Any], change: Change) -> SpoilLine:
    """Change the body of a frame."""

    def spoil(frame: bytes, _: bytes) -> bytes:
        decoded = decode(frame)
        body = bytearray(decoded.body)
        change(body)
        encoded: bytes = replace(decoded, body=bytes(body)).encode()
        return encoded

    return spoil


def _month_13(body: bytearray) -> None:
    body[-_MONTH_BEFORE_END] = 13


def _part_of_several(frame: bytes, _: bytes) -> bytes:
    return replace(jtt808.decode_frame(frame), part=jtt808.Part(2, 1)).encode()


def _set(place: int, value: int) -> Change:
    return lambda content: content.__setitem__(place, value)


_TERMINAL: Final[tuple[tuple[str, str, SpoilLine], ...]] = (
    ("checksum_wrong", "frame.checksum", _wrong_checksum(JTT808)),
    ("escape_unknown", "frame.escape", lambda frame, _: _inside(frame, b"\x7d\x05")),
    ("byte_surplus", "frame.length", _of_terminal(lambda content: content.append(0))),
    ("reserved_bit", "frame.reserved", _of_terminal(lambda content: content.__setitem__(2, content[2] | 0x80))),
    ("digit_above_nine", "frame.bcd", _body(jtt808.decode_frame, _set(_TIME_AT, 0x2A))),
    ("month_13", "frame.date", _body(jtt808.decode_frame, _set(_TIME_AT + 1, 0x13))),
    ("in_the_south", "frame.position", _body(jtt808.decode_frame, _set(7, 0b111))),
    ("without_a_fix", "frame.position", _body(jtt808.decode_frame, _set(7, 0b001))),
    ("encrypted", "frame.encrypted", lambda frame, _: replace(jtt808.decode_frame(frame), encryption=1).encode()),
    ("part_of_several", "frame.sub_message", _part_of_several),
    ("frame_too_long", "frame.too_long", lambda frame, _: _inside(frame, bytes(_TOO_MANY_BYTES))),
)
_PLATFORM: Final[tuple[tuple[str, str, SpoilLine], ...]] = (
    ("checksum_wrong", "frame.checksum", _wrong_checksum(JTT809)),
    ("escape_unknown", "frame.escape", lambda frame, _: _inside(frame, b"\x5a\x05")),
    ("end_mark_lost", "frame.marks", lambda frame, _: frame[:-1]),
    ("byte_surplus", "frame.length", _of_platform(lambda content: content.append(0))),
    ("encryption_mark", "frame.reserved", _of_platform(_set(17, 2))),
    ("plate_not_gbk", "frame.text", _body(jtt809.decode_frame, _set(0, 0xFF))),
    ("month_13", "frame.date", _body(jtt809.decode_frame, _month_13)),
    ("encrypted", "frame.encrypted", lambda frame, _: replace(jtt809.decode_frame(frame), encrypted=True).encode()),
    ("frame_too_long", "frame.too_long", lambda frame, _: _inside(frame, bytes(_TOO_MANY_BYTES))),
)


_TERMINAL_CELLS: Final = (
    Kind("latitude_absurd", "latitude", "count.range", spoil=put("90000001")),
    Kind("longitude_absurd", "longitude", "count.range", spoil=put("180000001")),
    Kind("direction_absurd", "direction", "count.range", spoil=put("360")),
    Kind("terminal_unknown", "", "frame.vehicle", spoil_line=_of_terminal(_set(4, 0x99))),
)
_PLATFORM_CELLS: Final = (
    Kind("latitude_absurd", "LAT", "count.range", spoil=put("90000001")),
    Kind("longitude_absurd", "LON", "count.range", spoil=put("180000001")),
    Kind("direction_absurd", "DIRECTION", "count.range", spoil=put("360")),
    Kind("colour_unknown", "VEHICLE_COLOR", "code.unknown", spoil=put("7")),
    Kind("plate_missing", "VEHICLE_NO", "cell.missing", spoil=put("")),
    Kind("plate_pattern", "VEHICLE_NO", "text.pattern", spoil=put("?")),
    Kind("coordinates_encrypted", "ENCRYPT", "fixed.other", spoil=put("1")),
)
