"""JT/T 809: the published position, and any bytes at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.frames import FrameRefused
from adapters.frames.framing import JTT809, crc16
from adapters.frames.jtt809 import (
    VEHICLE_MESSAGE,
    Frame,
    Position,
    VehiclePositions,
    decode_frame,
    decode_position,
    decode_positions,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "jt809-vectors.json"
VECTOR: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"][0]
LOCAL_TIME = timezone(timedelta(hours=8))

U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda time: time.replace(microsecond=0, tzinfo=LOCAL_TIME)
)
POSITIONS = st.builds(Position, st.booleans(), TIMES, U32, U32, U16, U16, U32, U16, U16, U32, U32)
PLATES = st.sampled_from(["沪A00001", "苏FD00001", "沪A0001挂", ""])
ONE = st.builds(VehiclePositions, PLATES, U8, st.tuples(POSITIONS))
SEVERAL = st.builds(
    VehiclePositions, PLATES, U8, st.lists(POSITIONS, min_size=1, max_size=5).map(tuple), st.just(value=True)
)
FRAMES = st.builds(Frame, U16, U32, U32, st.tuples(U8, U8, U8), st.binary(max_size=300), st.booleans(), U32)
NOW = Position(False, datetime(2026, 3, 14, 8, 0, tzinfo=LOCAL_TIME), 121_500_000, 31_200_000, 50, 51, 150, 45, 4, 3, 0)


def test_the_published_position() -> None:
    """Longitude first, whole km/h, binary time at +8."""
    content, said = bytes.fromhex(VECTOR["hex"]), VECTOR["decoded"]
    position = decode_position(content)
    assert position == Position(
        encrypted=bool(said["encrypt"]),
        time=datetime.fromisoformat(f"{said['date']}T{said['time']}+08:00"),
        longitude_e6=said["lon_e6"],
        latitude_e6=said["lat_e6"],
        speed_kmh=said["speed_kmh"],
        recorder_speed_kmh=said["recorder_speed_kmh"],
        mileage_km=said["mileage_km"],
        direction_deg=said["direction_deg"],
        altitude_m=said["altitude_m"],
        state_bits=said["state"],
        alarm_bits=said["alarm"],
    )
    assert position.encode() == content


@given(frame=FRAMES)
def test_frames_round_trip(frame: Frame) -> None:
    """Whatever can be said is read as it was said."""
    assert decode_frame(frame.encode()) == frame


@given(report=ONE | SEVERAL)
def test_positions_round_trip(report: VehiclePositions) -> None:
    """As they happen and afterwards, through whole frames."""
    frame = Frame(VEHICLE_MESSAGE, 1, 310_000, (1, 0, 0), report.encode())
    assert decode_positions(decode_frame(frame.encode())) == report


@given(content=st.binary(max_size=80) | FRAMES.map(lambda frame: JTT809.unwrap(frame.encode())[:-2]), data=st.data())
def test_any_content_is_read_in_one_way_or_refused(content: bytes, data: st.DataObject) -> None:
    """Behind the checksum as well: bytes are changed, and the checksum is made right again."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 3))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(U8)
    frame = JTT809.wrap(bytes(changed) + crc16(bytes(changed)).to_bytes(2, "big"))
    try:
        decoded = decode_frame(frame)
    except FrameRefused:
        return
    assert decoded.encode() == frame


@given(body=st.binary(max_size=300) | (ONE | SEVERAL).map(VehiclePositions.encode), data=st.data())
def test_any_body_is_read_in_one_way_or_refused(body: bytes, data: st.DataObject) -> None:
    """Counts and lengths that lie make nobody read, or keep, more than there is."""
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(0, 3))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(U8)
    try:
        report = decode_positions(Frame(VEHICLE_MESSAGE, 0, 0, (1, 0, 0), bytes(changed)))
    except FrameRefused:
        return
    assert report.encode() == bytes(changed)


@given(frame=st.binary(max_size=200), position=st.binary(min_size=36, max_size=36) | st.binary(max_size=80))
def test_no_bytes_crash_a_decoder(frame: bytes, position: bytes) -> None:
    """They are a frame and a position that encode to the same bytes, or they are refused."""
    for decode, content in ((decode_frame, frame), (decode_position, position)):
        try:
            read = decode(content)
        except FrameRefused:
            continue
        assert read.encode() == content


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (Frame(VEHICLE_MESSAGE, 1, 1, (1, 0, 0), b"", encrypted=True), "frame.encrypted"),
        (Frame(0x1001, 1, 1, (1, 0, 0), bytes(64)), "frame.sub_message"),
        (Frame(VEHICLE_MESSAGE, 1, 1, (1, 0, 0), bytes(64)), "frame.sub_message"),
        (Frame(VEHICLE_MESSAGE, 1, 1, (1, 0, 0), b""), "frame.sub_message"),
        (
            Frame(VEHICLE_MESSAGE, 1, 1, (1, 0, 0), VehiclePositions("沪A00001", 2, (NOW,)).encode()[:-1]),
            "frame.length",
        ),
    ],
)
def test_frames_without_positions(frame: Frame, rule: str) -> None:
    """Encrypted, another message, another sub-message, cut off."""
    with pytest.raises(FrameRefused) as refused:
        decode_positions(frame)
    assert refused.value.rule_id == rule


@pytest.mark.parametrize(
    ("report", "rule"),
    [
        (VehiclePositions("沪A00001", 2, ()), "frame.range"),
        (VehiclePositions("沪A00001", 2, (NOW,) * 6, later=True), "frame.range"),
        (VehiclePositions("沪A00001", 256, (NOW,)), "frame.range"),
        (VehiclePositions("沪" * 11, 2, (NOW,)), "frame.text"),
        (VehiclePositions("𠮷A00001", 2, (NOW,)), "frame.text"),
        (VehiclePositions("沪A00001", 2, (replace(NOW, speed_kmh=65_536),)), "frame.range"),
        (VehiclePositions("沪A00001", 2, (replace(NOW, time=NOW.time.replace(year=1999)),)), "frame.date"),
    ],
)
def test_what_no_frame_can_say(report: VehiclePositions, rule: str) -> None:
    """Is refused and never cut."""
    with pytest.raises(FrameRefused) as refused:
        report.encode()
    assert refused.value.rule_id == rule
