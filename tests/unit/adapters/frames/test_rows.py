"""From a terminal's frame in Nantong to a platform's frame in Shanghai, through both mappings and the standard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.frames import FrameRefused, jtt808, jtt809
from adapters.frames.rows import Vehicle, platform_cells, platform_frame, terminal_cells, terminal_frame
from adapters.mapping import Mapping, load_mapping
from tests.unit.adapters.mapping.rows import golden

LOCAL, SHANGHAI = (load_mapping(dialect, "transport.position") for dialect in ("local", "shanghai"))
VECTORS = Path(__file__).parents[3] / "vectors"
PUBLISHED = next(
    jtt808.decode_frame(bytes.fromhex(one["frame_hex"]))
    for one in json.loads((VECTORS / "jt808-frames.json").read_text(encoding="utf-8"))["frames"]
    if one["message_id"] == "0x0200"
)
# The published frame lies in the south (bit 2 of its state), where no vehicle of the delta is.
LOCATION = replace(jtt808.decode_location(PUBLISHED.body), status_bits=22 ^ 4)
LOCATION = replace(LOCATION, extras=(*LOCATION.extras, (3, (651).to_bytes(2, "big"))))
NORTHERN = replace(PUBLISHED, body=LOCATION.encode())
LORRY = Vehicle("苏F00002", 2)


def message(mapping: Mapping, cells: dict[str, str]) -> Any:
    """The standard's record of a row."""
    assert set(cells) == set(mapping.columns)
    read, notes = mapping.to_standard([cells[name] for name in mapping.columns])
    assert notes == ()
    return read


def cells_of(mapping: Mapping, record: Any) -> dict[str, str]:
    """The row of the standard's record."""
    return dict(zip(mapping.columns, mapping.from_standard(record), strict=True))


def test_a_terminals_frame_is_a_record() -> None:
    """Latitude and longitude in their places, 0.1 km/h, 0.1 km, an instant in UTC, and the datum that was said."""
    record = message(LOCAL, terminal_cells(NORTHERN, LORRY, "GCJ02"))
    assert (record.latitude_e6, record.longitude_e6) == (31_234_567, 121_987_654)
    assert (record.speed_deci_kmh, record.recorder_speed_deci_kmh, record.mileage_hm) == (66, 651, 12)
    assert record.located_time.ToJsonString() == "2025-01-29T14:33:44Z"
    assert record.terminal_number == "00000000013912344329"
    assert cells_of(LOCAL, record)["datum"] == "GCJ02"


def test_a_terminals_frame_comes_back() -> None:
    """All but the additional item that no column carries (02, fuel)."""
    frame = terminal_frame(terminal_cells(NORTHERN, LORRY, "WGS84"), NORTHERN.serial, NORTHERN.version)
    extras = tuple(item for item in LOCATION.extras if item[0] != 2)
    assert jtt808.decode_frame(frame.encode()) == replace(NORTHERN, body=replace(LOCATION, extras=extras).encode())


def test_from_city_to_city() -> None:
    """What Shanghai's platform gets says the same in its own units: whole km/h and km, longitude first."""
    record = message(LOCAL, terminal_cells(NORTHERN, LORRY, "WGS84"))
    frame = platform_frame([cells_of(SHANGHAI, record)], serial=7, platform=320_600)
    report = jtt809.decode_positions(jtt809.decode_frame(frame.encode()))
    (position,) = report.positions
    assert (report.plate_number, report.plate_colour, report.later) == ("苏F00002", 2, False)
    assert (position.longitude_e6, position.latitude_e6) == (121_987_654, 31_234_567)
    assert (position.speed_kmh, position.recorder_speed_kmh, position.mileage_km) == (6, 65, 1)
    assert position.time == LOCATION.time
    assert position.encode()[5:8] == bytes([22, 33, 44])


def test_a_platforms_frame_is_records_and_comes_back() -> None:
    """Positions that are sent afterwards, up to five in a frame."""
    vector = json.loads((VECTORS / "jt809-vectors.json").read_text(encoding="utf-8"))["vectors"][0]
    position = jtt809.decode_position(bytes.fromhex(vector["hex"]))
    body = jtt809.VehiclePositions("沪A00001", 93, (position, replace(position, speed_kmh=0)), later=True).encode()
    frame = jtt809.Frame(jtt809.VEHICLE_MESSAGE, 5, 310_000, (1, 0, 0), body)
    rows = platform_cells(frame, "WGS84")
    records = [message(SHANGHAI, row) for row in rows]
    assert [record.speed_deci_kmh for record in records] == [500, 0]
    assert [record.reported_later for record in records] == [True, True]
    assert len({record.source_serial for record in records}) == 2
    assert platform_frame([cells_of(SHANGHAI, record) for record in records], 5, 310_000) == frame


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (PUBLISHED, "frame.position"),
        (replace(NORTHERN, body=replace(LOCATION, status_bits=0).encode()), "frame.position"),
        (replace(NORTHERN, body=replace(LOCATION, status_bits=0b1010).encode()), "frame.position"),
        (replace(NORTHERN, encryption=1), "frame.encrypted"),
        (replace(NORTHERN, message_id=0x0002), "frame.sub_message"),
        (replace(NORTHERN, part=jtt808.Part(2, 1)), "frame.sub_message"),
    ],
)
def test_terminals_frames_that_are_no_position(frame: jtt808.Frame, rule: str) -> None:
    """In the south or west, without a fix, encrypted, another message, a part of one."""
    with pytest.raises(FrameRefused) as refused:
        terminal_cells(frame, LORRY, "WGS84")
    assert refused.value.rule_id == rule


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"altitude": ""}, "frame.lacking"),
        ({"simNo": ""}, "frame.lacking"),
        ({"recorderSpeed": "65536"}, "frame.range"),
        ({"time": "20261301000000"}, "frame.date"),
        ({"supplement": "1"}, "frame.sub_message"),
    ],
)
def test_rows_that_no_terminal_says(cells: dict[str, str], rule: str) -> None:
    """What a row does not give is not made up."""
    with pytest.raises(FrameRefused) as refused:
        terminal_frame(golden("local", "transport.position")[0] | cells, 1).encode()
    assert refused.value.rule_id == rule


def test_rows_that_no_platform_says() -> None:
    """Two vehicles in one frame, two positions as they happen, none at all, a speed that is not known."""
    first, second = golden("shanghai", "transport.position")[:2]
    for rows, rule in (
        ([first, second], "frame.sub_message"),
        ([first, first], "frame.range"),
        ([], "frame.sub_message"),
        ([first | {"VEC2": ""}], "frame.lacking"),
    ):
        with pytest.raises(FrameRefused) as refused:
            platform_frame(rows, 1, 310_000)
        assert refused.value.rule_id == rule
