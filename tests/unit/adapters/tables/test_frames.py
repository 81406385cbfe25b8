"""Files of frames as sources and sinks: what is no frame is a bad row, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.frames import jtt808, jtt809
from adapters.frames.rows import FrameContext, Vehicle, platform_frame, terminal_frame
from adapters.mapping import load_mapping
from adapters.tables import BadRow, FileRefused, Row, RowNotWritten, TableLayout, open_sink, open_table, rejects_suffix
from adapters.tables.vehicle_register import REGISTER_COLUMNS, read_vehicles
from tests.unit.adapters.mapping.rows import golden

DATASET = "transport.position"
SUFFIXES = {"local": ".jtt808", "shanghai": ".jtt809"}
# As every frame has them: positions that were reported as they happened, with everything that a frame asks for.
TERMINAL = golden("local", DATASET)[0] | {"supplement": "0"}
PLATFORM = golden("shanghai", DATASET)[0]
CONTEXT = FrameContext("WGS84", {TERMINAL["simNo"]: Vehicle("苏F00002", 2)}, platform=310_000)
HEARTBEATS = {
    ".jtt808": jtt808.Frame(2, TERMINAL["simNo"], 1, b"").encode(),
    ".jtt809": jtt809.Frame(0x1005, 1, 310_000, (1, 0, 0), b"").encode(),
}


def layout(dialect: str, context: FrameContext | None = CONTEXT) -> TableLayout:
    """The dialect's positions."""
    return TableLayout(load_mapping(dialect, DATASET).columns, frames=context)


def frame(dialect: str, serial: int = 1) -> bytes:
    """A good frame."""
    if dialect == "local":
        return terminal_frame(TERMINAL, serial).encode()
    return platform_frame([PLATFORM], serial, 310_000).encode()


def read(path: Path, dialect: str) -> list[Row[Any] | BadRow]:
    """The rows of a file."""
    with open_table(path, layout(dialect)) as source:
        return list(source)


@pytest.mark.parametrize("dialect", SUFFIXES)
@pytest.mark.parametrize("as_hex", [False, True])
def test_bad_frames_among_good_ones(tmp_path: Path, dialect: str, as_hex: bool) -> None:
    """Good ones are rows; heartbeats are left out; a bad one is a bad row that names its frame and its byte."""
    good, other = frame(dialect), HEARTBEATS[SUFFIXES[dialect]]
    broken = good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]
    frames = [good, other, broken, frame(dialect, 2)]
    path = tmp_path / f"frames{SUFFIXES[dialect]}"
    path.write_bytes(b"".join(one.hex(" ").encode() + b"\r\n\r\n" for one in frames) if as_hex else b"".join(frames))

    first, bad, last = read(path, dialect)
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert (first.number, bad.number, last.number) == (1, 2, 3)
    assert isinstance(bad, BadRow)
    assert bad.rule_id == "frame.checksum"
    offset = sum(3 * len(one) + 3 if as_hex else len(one) for one in frames[:2])
    assert bad.byte_offset == offset
    assert f"第 3 帧（第 {offset} 字节起）：校验码不符 / frame 3, from byte {offset}: " in bad.reason
    assert load_mapping(dialect, DATASET).to_standard(first.cells).normalisations == ()


@pytest.mark.parametrize(
    ("line", "rule"), [("7E 0", "frame.hex"), ("七", "frame.hex"), ("00" * 9_000, "frame.too_long")]
)
def test_lines_that_are_no_hexadecimal(tmp_path: Path, line: str, rule: str) -> None:
    """Half a byte, another character, a line longer than any frame."""
    path = tmp_path / "frames.jtt808"
    path.write_text(f"{line}\n{frame('local').hex()}\n", encoding="utf-8")
    bad, good = read(path, "local")
    assert isinstance(bad, BadRow)
    assert bad.rule_id == rule
    assert isinstance(good, Row)


@pytest.mark.parametrize("dialect", SUFFIXES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes(tmp_path: Path, dialect: str, data: st.DataObject) -> None:
    """Whatever a file holds, reading comes to its end; a frame with some bytes changed is a row or a bad row."""
    spoilt = bytearray(frame(dialect))
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=4)):
        spoilt[place] = data.draw(st.integers(0, 255))
    path = tmp_path / f"any{SUFFIXES[dialect]}"
    path.write_bytes(bytes(spoilt) + data.draw(st.binary(max_size=80)))
    if path.read_bytes():
        rows = read(path, dialect)
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("dialect", SUFFIXES)
def test_rows_go_out_and_come_back(tmp_path: Path, dialect: str) -> None:
    """What a sink writes, the source reads as the same position; serials are counted from 0."""
    row, path = (TERMINAL if dialect == "local" else PLATFORM), tmp_path / f"out{SUFFIXES[dialect]}"
    shape = layout(dialect)
    with open_sink(path, shape) as sink:
        sink.row([row[column] for column in shape.columns])
        sink.row([row[column] for column in shape.columns])
    assert (sink.rows, path.stat().st_mode & 0o777) == (2, 0o600)
    serial, plate = ("positionNo", "vehicleNo") if dialect == "local" else ("MSG_NO", "VEHICLE_NO")
    made = {serial, plate} if dialect == "local" else {serial}
    for one in read(path, dialect):
        back = dict(zip(shape.columns, one.cells, strict=True))
        assert {name for name in back if back[name] != row[name]} <= made


def test_what_a_frame_cannot_say(tmp_path: Path) -> None:
    """A row without a recorder's speed is no frame of JT/T 809: row and rule are named, and there is no file."""
    shape, path = layout("shanghai"), tmp_path / "out.jtt809"
    with pytest.raises(RowNotWritten) as refused, open_sink(path, shape) as sink:
        sink.row([(PLATFORM | {"VEC2": ""})[column] for column in shape.columns])
    assert (refused.value.row, refused.value.rule_id) == (1, "frame.lacking")
    assert not path.exists()


def test_files_that_are_refused_whole(tmp_path: Path) -> None:
    """An empty one, one of another dialect, and one of which nobody said what frames do not."""
    path = tmp_path / "frames.jtt808"
    path.write_bytes(b"")
    cases = ((layout("local"), "file.empty"), (layout("shanghai"), "file.frames_columns"))
    for shape, rule in (*cases, (layout("local", None), "file.frames_unsaid")):
        with pytest.raises(FileRefused) as refused, open_table(path, shape):
            pass
        assert refused.value.rule_id == rule
    assert rejects_suffix(path) == ".csv"


def registers() -> Iterator[tuple[str, list[str]]]:
    """Rows of a register, and what is wrong with them."""
    yield "no plate", ["013900000001,,2"]
    yield "a colour in words", ["013900000001,苏F00002,黄"]
    yield "a terminal twice", ["013900000001,苏F00002,2", "013900000001,苏F00003,2"]


def test_a_register(tmp_path: Path) -> None:
    """It says whose a terminal is; a row that does not is named, and a terminal outside it is a bad row."""
    path = tmp_path / "vehicles.csv"
    header = ",".join(REGISTER_COLUMNS)
    path.write_text(f"{header}\n013900000001,苏F00002,2\n", encoding="gb18030")
    assert read_vehicles(path, layout("local")) == {"013900000001": Vehicle("苏F00002", 2)}
    for _, rows in registers():
        path.write_text("\n".join([header, *rows]), encoding="gb18030")
        with pytest.raises(FileRefused) as refused:
            read_vehicles(path, layout("local"))
        assert (refused.value.rule_id, refused.value.row) == ("file.register", len(rows) + 1)
    frames = tmp_path / "frames.jtt808"
    frames.write_bytes(frame("local"))
    with open_table(frames, layout("local", replace(CONTEXT, vehicles={}))) as source:
        (bad,) = source
    assert isinstance(bad, BadRow)
    assert bad.rule_id == "frame.vehicle"
