"""JT/T 808: every frame of the vectors, positions with known values, and any bytes at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.frames import FrameRefused
from adapters.frames.framing import JTT808, xor_sum
from adapters.frames.jtt808 import POSITION_REPORT, Frame, Location, Part, decode_frame, decode_location

VECTORS = Path(__file__).parents[3] / "vectors" / "jt808-frames.json"
FRAMES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["frames"]
LOCAL_TIME = timezone(timedelta(hours=8))
REPORT = next(one for one in FRAMES if one["message_id"] == "0x0200")

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda time: time.replace(microsecond=0, tzinfo=LOCAL_TIME)
)
EXTRAS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=255)), max_size=5).map(tuple)
LOCATIONS = st.builds(Location, U32, U32, U32, U32, U16, U16, U16, TIMES, EXTRAS)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Frames of both generations."""
    version = draw(st.none() | st.integers(0, 255))
    digits = 12 if version is None else 20
    return Frame(
        message_id=draw(U16),
        phone=draw(st.text("0123456789", min_size=digits, max_size=digits)),
        serial=draw(U16),
        body=draw(st.binary(max_size=1023)),
        version=version,
        encryption=draw(st.integers(0, 7)),
        part=draw(st.none() | st.builds(Part, U16, U16)),
    )


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: f"{vector['message_id']}-{vector['name']}")
def test_every_frame_of_the_vectors(vector: dict[str, Any]) -> None:
    """Marks, escapes, length and checksum are right, the message is what it says, and it is written as it was."""
    frame = bytes.fromhex(vector["frame_hex"])
    decoded = decode_frame(frame)
    assert decoded.message_id == int(vector["message_id"], 16)
    assert decoded.phone.lstrip("0") in {"13912344329", "13912344323"}
    assert decoded.encode() == frame


def expected(location: dict[str, Any]) -> Location:
    """A position with known values; the time is local time, UTC+8."""
    return Location(
        alarm_bits=location["alarmFlag"],
        status_bits=location["status"],
        latitude_e6=location["latitude"],
        longitude_e6=location["longitude"],
        altitude_m=location["altitude"],
        speed_deci_kmh=location["speed"],
        direction_deg=location["direction"],
        time=datetime.fromisoformat(location["time"]).replace(tzinfo=LOCAL_TIME),
    )


def test_a_position_with_known_values() -> None:
    """Latitude first, 0.1 km/h, BCD time at +8; mileage in 0.1 km."""
    body = decode_frame(bytes.fromhex(REPORT["frame_hex"])).body
    location = decode_location(body)
    assert replace(location, extras=()) == expected(REPORT["body"])
    assert location.time.astimezone(UTC).isoformat() == "2025-01-29T14:33:44+00:00"
    items = {str(number): int.from_bytes(value, "big") for number, value in location.extras}
    assert items == REPORT["body"]["extraItems"]
    assert location.mileage_hm == 12
    assert location.encode() == body


@pytest.mark.parametrize(
    "vector", [one for one in FRAMES if "location" in (one["body"] or {})], ids=lambda one: one["name"]
)
def test_a_position_within_another_message(vector: dict[str, Any]) -> None:
    """0x0801 has the 28 bytes of a position behind its first eight."""
    body = decode_frame(bytes.fromhex(vector["frame_hex"])).body
    assert decode_location(body[8:36]) == expected(vector["body"]["location"])


@given(frame=frames())
def test_frames_round_trip(frame: Frame) -> None:
    """Whatever can be said is read as it was said."""
    assert decode_frame(frame.encode()) == frame


@given(location=LOCATIONS)
def test_positions_round_trip(location: Location) -> None:
    """In any zone, since an instant is an instant."""
    assert decode_location(location.encode()) == location
    elsewhere = replace(location, time=location.time.astimezone(UTC))
    assert elsewhere.encode() == location.encode()


@given(content=st.binary(max_size=80) | frames().map(lambda frame: JTT808.unwrap(frame.encode())[:-1]), data=st.data())
def test_any_content_is_read_in_one_way_or_refused(content: bytes, data: st.DataObject) -> None:
    """Behind the checksum as well: bytes are changed, and the checksum is made right again."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 3))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    frame = JTT808.wrap(bytes(changed) + bytes([xor_sum(bytes(changed))]))
    try:
        decoded = decode_frame(frame)
    except FrameRefused:
        return
    assert decoded.encode() == frame


@given(frame=st.binary(max_size=200), body=st.binary(max_size=200))
def test_no_bytes_crash_a_decoder(frame: bytes, body: bytes) -> None:
    """They are a frame and a position that encode to the same bytes, or they are refused."""
    for decode, content in ((decode_frame, frame), (decode_location, body)):
        try:
            read = decode(content)
        except FrameRefused:
            continue
        assert read.encode() == content


@pytest.mark.parametrize("place", range(2, 12))
def test_a_flipped_bit_is_found(place: int) -> None:
    """By the checksum."""
    content = bytearray(JTT808.unwrap(bytes.fromhex(REPORT["frame_hex"])))
    content[place] ^= 1
    with pytest.raises(FrameRefused, match=r"frame\.checksum"):
        decode_frame(JTT808.wrap(bytes(content)))


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("", "frame.length"),
        ("00" * 27, "frame.length"),
        ("00" * 22 + "250230000000", "frame.date"),
        ("00" * 22 + "25013a000000", "frame.bcd"),
        ("00" * 22 + "250129223344" + "01", "frame.length"),
        ("00" * 22 + "250129223344" + "0104000000", "frame.length"),
    ],
)
def test_wrong_positions(body: str, rule: str) -> None:
    """Too short, a day that is none, no digits, additional items that break off."""
    with pytest.raises(FrameRefused) as refused:
        decode_location(bytes.fromhex(body))
    assert refused.value.rule_id == rule


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (Frame(POSITION_REPORT, "013912344329", 0, bytes(1024)), "frame.too_long"),
        (Frame(POSITION_REPORT, "13912344329", 0, b""), "frame.bcd"),
        (Frame(POSITION_REPORT, "013912344329", 0, b"", version=1), "frame.bcd"),
        (Frame(POSITION_REPORT, "013912344329", 65_536, b""), "frame.range"),
        (Frame(POSITION_REPORT, "013912344329", 0, b"", encryption=8), "frame.range"),
    ],
)
def test_what_no_frame_can_say(frame: Frame, rule: str) -> None:
    """Is refused and never cut."""
    with pytest.raises(FrameRefused) as refused:
        frame.encode()
    assert refused.value.rule_id == rule
