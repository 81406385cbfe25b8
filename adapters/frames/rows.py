"""Frames ↔ the cells of transport.position: terminals' frames in the local dialect, platforms' frames in Shanghai's.

Cells are texts by column, as ``transport_position.toml`` of either dialect names them. Coordinates stay in the datum
that the city says its frames have: nothing is converted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from adapters.frames import jtt808, jtt809
from adapters.frames.errors import FrameRefused

Cells = Mapping[str, str]
_LOCAL_TIME: Final = timezone(timedelta(hours=8))
_TERMINAL_TIME, _PLATFORM_TIME = "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S"
_POSITIONED, _SOUTH, _WEST = 1 << 1, 1 << 2, 1 << 3
"""Bits of the state, JT/T 808-2013, table 17."""
_RECORDER_SPEED: Final = 0x03
"""Additional item: speed by the recorder, u16, 0.1 km/h."""
_VERSION_2019, _PHONE_DIGITS_2019 = 1, 20
TERMINAL_COLUMNS: Final = (
    *("positionNo", "vehicleNo", "plateColorCode", "simNo", "alarmFlag", "status", "latitude", "longitude", "altitude"),
    *("speed", "direction", "time", "mileage", "recorderSpeed", "datum", "supplement"),
)
"""What a row of a terminal's frame has."""
PLATFORM_COLUMNS: Final = (
    *("MSG_NO", "DATA_TYPE", "VEHICLE_NO", "VEHICLE_COLOR", "ENCRYPT", "DATE_TIME", "LON", "LAT", "VEC1", "VEC2"),
    *("VEC3", "DIRECTION", "ALTITUDE", "STATE", "ALARM", "DATUM"),
)
"""What a row of a platform's frame has."""


class Vehicle(NamedTuple):
    """Whose a terminal is; frames of JT/T 808 do not say it.

    Attributes:
        plate_number: "苏F00001".
        plate_colour: By JT/T 415.
    """

    plate_number: str
    plate_colour: int


@dataclass(frozen=True, slots=True)
class FrameContext:
    """What frames do not say.

    Attributes:
        datum: Of their coordinates, a code of the dialect, "WGS84".
        vehicles: Whose a terminal is, by its number; frames of JT/T 808 alone need it.
        platform: Number of the platform that writes frames of JT/T 809.
    """

    datum: str
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict, repr=False)
    platform: int = 0


def terminal_rows(frame: bytes, context: FrameContext) -> list[dict[str, str]]:
    """Turn the bytes of a terminal's frame into rows of the local dialect: one, or none of another message.

    Raises:
        FrameRefused: As ``terminal_cells``; or the bytes are no frame, or nobody knows whose the terminal is.
    """
    decoded = jtt808.decode_frame(frame)
    if decoded.message_id != jtt808.POSITION_REPORT:
        return []
    vehicle = context.vehicles.get(decoded.phone)
    if vehicle is None:
        raise FrameRefused("frame.vehicle")
    return [terminal_cells(decoded, vehicle, context.datum)]


def platform_rows(frame: bytes, context: FrameContext) -> list[dict[str, str]]:
    """Turn the bytes of a platform's frame into rows of Shanghai's dialect: one to five, or none of another message.

    Raises:
        FrameRefused: As ``platform_cells``; or the bytes are no frame.
    """
    decoded = jtt809.decode_frame(frame)
    return [] if jtt809.is_about_something_else(decoded) else platform_cells(decoded, context.datum)


def terminal_bytes(cells: Cells, serial: int, context: FrameContext) -> bytes:
    """Turn a row of the local dialect into the bytes of a terminal's frame; since 2019 its number has 20 digits.

    Raises:
        FrameRefused: As ``terminal_frame``.
    """
    version = _VERSION_2019 if len(cells["simNo"]) == _PHONE_DIGITS_2019 else None
    return terminal_frame(cells, serial % (1 << 16), version).encode()


def platform_bytes(cells: Cells, serial: int, context: FrameContext) -> bytes:
    """Turn a row of Shanghai's dialect into the bytes of a platform's frame.

    Raises:
        FrameRefused: As ``platform_frame``.
    """
    return platform_frame([cells], serial % (1 << 32), context.platform).encode()


def terminal_cells(frame: jtt808.Frame, vehicle: Vehicle, datum: str) -> dict[str, str]:
    """Turn a position report of a terminal into a row of the local dialect.

    Args:
        frame: Message 0x0200.
        vehicle: Whose the terminal is, from the city's register.
        datum: Of the terminal's coordinates, a code of the dialect, "WGS84".

    Raises:
        FrameRefused: It is another message, encrypted, broken, one of several parts, or it has no position in the
            north and east.
    """
    if frame.encryption:
        raise FrameRefused("frame.encrypted")
    if frame.message_id != jtt808.POSITION_REPORT or frame.part is not None:
        raise FrameRefused("frame.sub_message")
    location = jtt808.decode_location(frame.body)
    if not location.status_bits & _POSITIONED or location.status_bits & (_SOUTH | _WEST):
        raise FrameRefused("frame.position")
    time = f"{location.time.astimezone(_LOCAL_TIME):{_TERMINAL_TIME}}"
    recorder = next((value for number, value in location.extras if number == _RECORDER_SPEED and len(value) == 2), b"")
    return {
        "positionNo": f"{frame.phone}-{time}-{frame.serial}",
        "vehicleNo": vehicle.plate_number,
        "plateColorCode": str(vehicle.plate_colour),
        "simNo": frame.phone,
        "alarmFlag": str(location.alarm_bits),
        "status": str(location.status_bits),
        "latitude": str(location.latitude_e6),
        "longitude": str(location.longitude_e6),
        "altitude": str(location.altitude_m),
        "speed": str(location.speed_deci_kmh),
        "direction": str(location.direction_deg),
        "time": time,
        "mileage": "" if location.mileage_hm is None else str(location.mileage_hm),
        "recorderSpeed": str(int.from_bytes(recorder, "big")) if recorder else "",
        "datum": datum,
        "supplement": "0",
    }


def terminal_frame(cells: Cells, serial: int, version: int | None = None) -> jtt808.Frame:
    """Turn a row of the local dialect into a position report.

    Args:
        cells: The row.
        serial: The sender's count of messages.
        version: Protocol version since 2019; None before.

    Raises:
        FrameRefused: The row lacks what every report has, or was reported afterwards, which 0x0200 cannot say.
    """
    if cells["supplement"] != "0":
        raise FrameRefused("frame.sub_message")
    if not cells["simNo"]:
        raise FrameRefused("frame.lacking")
    items = ((jtt808.MILEAGE, "mileage", 4), (_RECORDER_SPEED, "recorderSpeed", 2))
    location = jtt808.Location(
        alarm_bits=_number(cells, "alarmFlag"),
        status_bits=_number(cells, "status"),
        latitude_e6=_number(cells, "latitude"),
        longitude_e6=_number(cells, "longitude"),
        altitude_m=_number(cells, "altitude"),
        speed_deci_kmh=_number(cells, "speed"),
        direction_deg=_number(cells, "direction"),
        time=_time(cells["time"], _TERMINAL_TIME),
        extras=tuple((item, _bytes(cells, name, length)) for item, name, length in items if cells[name]),
    )
    return jtt808.Frame(jtt808.POSITION_REPORT, cells["simNo"], serial, location.encode(), version)


def platform_cells(frame: jtt809.Frame, datum: str) -> list[dict[str, str]]:
    """Turn a platform's frame into rows of Shanghai's dialect, one for each position.

    Args:
        frame: Message 0x1200 with the sub-message 0x1202 or 0x1203.
        datum: Of the platform's coordinates, a code of the dialect, "WGS84".

    Raises:
        FrameRefused: It is another message, encrypted or broken.
    """
    report = jtt809.decode_positions(frame)
    kind = jtt809.POSITIONS_LATER if report.later else jtt809.POSITION_NOW
    return [
        {
            "MSG_NO": f"{frame.platform}-{frame.serial}-{turn}",
            "DATA_TYPE": f"{kind:x}",
            "VEHICLE_NO": report.plate_number,
            "VEHICLE_COLOR": str(report.plate_colour),
            "ENCRYPT": str(int(position.encrypted)),
            "DATE_TIME": f"{position.time.astimezone(_LOCAL_TIME):{_PLATFORM_TIME}}",
            "LON": str(position.longitude_e6),
            "LAT": str(position.latitude_e6),
            "VEC1": str(position.speed_kmh),
            "VEC2": str(position.recorder_speed_kmh),
            "VEC3": str(position.mileage_km),
            "DIRECTION": str(position.direction_deg),
            "ALTITUDE": str(position.altitude_m),
            "STATE": str(position.state_bits),
            "ALARM": str(position.alarm_bits),
            "DATUM": datum,
        }
        for turn, position in enumerate(report.positions)
    ]


def platform_frame(
    rows: Sequence[Cells], serial: int, platform: int, version: tuple[int, int, int] = (1, 0, 0)
) -> jtt809.Frame:
    """Turn rows of Shanghai's dialect, of one vehicle and one kind of message, into a platform's frame.

    Args:
        rows: One position as it happened, or one to five afterwards.
        serial: The sender's count of messages.
        platform: The lower platform's number.
        version: Protocol version.

    Raises:
        FrameRefused: They are of several vehicles or kinds, or lack what every position has.
    """
    heads = {(row["VEHICLE_NO"], row["VEHICLE_COLOR"], row["DATA_TYPE"]) for row in rows}
    if len(heads) != 1:
        raise FrameRefused("frame.sub_message")
    ((plate, _, kind),) = heads
    positions = tuple(map(_position, rows))
    later = kind == f"{jtt809.POSITIONS_LATER:x}"
    body = jtt809.VehiclePositions(plate, _number(rows[0], "VEHICLE_COLOR"), positions, later).encode()
    return jtt809.Frame(jtt809.VEHICLE_MESSAGE, serial, platform, version, body)


def _position(cells: Cells) -> jtt809.Position:
    return jtt809.Position(
        encrypted=cells["ENCRYPT"] != "0",
        time=_time(cells["DATE_TIME"], _PLATFORM_TIME),
        longitude_e6=_number(cells, "LON"),
        latitude_e6=_number(cells, "LAT"),
        speed_kmh=_number(cells, "VEC1"),
        recorder_speed_kmh=_number(cells, "VEC2"),
        mileage_km=_number(cells, "VEC3"),
        direction_deg=_number(cells, "DIRECTION"),
        altitude_m=_number(cells, "ALTITUDE"),
        state_bits=_number(cells, "STATE"),
        alarm_bits=_number(cells, "ALARM"),
    )


def _number(cells: Cells, name: str) -> int:
    """A number that every frame has; what a row does not say is not made up."""
    text = cells[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise FrameRefused("frame.lacking")
    return int(text)


def _bytes(cells: Cells, name: str, length: int) -> bytes:
    try:
        return _number(cells, name).to_bytes(length, "big")
    except OverflowError:
        raise FrameRefused("frame.range") from None


def _time(text: str, written: str) -> datetime:
    try:
        return datetime.strptime(text, written).replace(tzinfo=_LOCAL_TIME)
    except ValueError:
        raise FrameRefused("frame.date") from None
