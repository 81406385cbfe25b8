"""Files of a card's records as sources: what is no record is a bad row, and nothing else is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.frames.jtt978 import RIDE_BYTES, SINGLE
from adapters.mapping import load_mapping
from adapters.tables import BadRow, FileRefused, Row, TableLayout, open_sink, open_table, rejects_suffix
from adapters.tables.card_file import read_card
from tests.unit.adapters.frames.test_card_rows import CELLS, LEFT, TABLES, card, ride

GOOD, OTHER = LEFT.encode(), ride(SINGLE, 200).encode()


def layout(dialect: str, dataset: str = "transport.tap", *, said: bool = True) -> TableLayout:
    """The dialect's taps."""
    columns = load_mapping(dialect, dataset).columns
    return TableLayout(tuple(columns), card=card(dialect) if said else None)


def read(path: Path, dialect: str = "local") -> list[Row[Any] | BadRow]:
    """The rows of a file."""
    with open_table(path, layout(dialect)) as source:
        return list(source)


@pytest.mark.parametrize("dialect", TABLES)
@pytest.mark.parametrize("as_hex", [False, True])
def test_bad_records_among_good_ones(tmp_path: Path, dialect: str, as_hex: bool) -> None:
    """Good ones are rows; a bad one is a bad row that names its record and its byte, and costs itself alone."""
    unpaired = LEFT.transaction.encode() + ride(SINGLE, 200).trip.encode()
    no_digit = bytearray(GOOD)
    no_digit[10] = 0xFF
    records = [GOOD, unpaired, bytes(no_digit), OTHER]
    path = tmp_path / "rides.jtt978"
    path.write_bytes(b"".join(one.hex(" ").encode() + b"\r\n" for one in records) if as_hex else b"".join(records))

    first, second, third, last = read(path, dialect)
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert isinstance(second, BadRow)
    assert isinstance(third, BadRow)
    assert [row.number for row in (first, second, third, last)] == [1, 2, 3, 4]
    assert (second.rule_id, third.rule_id) == ("frame.pair", "frame.bcd")
    offset = (3 * RIDE_BYTES + 1) if as_hex else RIDE_BYTES
    assert (second.byte_offset, third.byte_offset) == (offset, 2 * offset)
    assert f"第 3 条记录（第 {2 * offset} 字节起）：" in third.reason
    assert f" / record 3, from byte {2 * offset}: " in third.reason
    mapping = load_mapping(dialect, "transport.tap")
    taps: list[Any] = [mapping.to_standard(row.cells).message for row in (first, last)]
    assert [one.charged_fen for one in taps] == [360, 200]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (GOOD[:-1], "frame.length"),
        (LEFT.transaction.encode().hex().encode(), "frame.length"),
        (LEFT.trip.encode().hex().encode(), "frame.length"),
        (b"7E 0", "frame.hex"),
        (b"00" * 200, "frame.too_long"),
    ],
)
def test_what_is_no_record(tmp_path: Path, content: bytes, rule: str) -> None:
    """A file that breaks off, a transaction or a trip alone, half a byte, a line longer than any record."""
    path = tmp_path / "rides.jtt978"
    path.write_bytes(content)
    (bad,) = read(path)
    assert isinstance(bad, BadRow)
    assert bad.rule_id == rule


def test_a_lost_byte_costs_what_is_behind_it(tmp_path: Path) -> None:
    """Records have no marks: each of those behind is rejected, none is read askew. A line costs itself alone."""
    path = tmp_path / "rides.jtt978"
    path.write_bytes(GOOD + GOOD[1:] + OTHER + OTHER)
    first, *behind = read(path)
    assert isinstance(first, Row)
    assert len(behind) == 3
    assert all(isinstance(row, BadRow) for row in behind)
    path.write_text("\n".join(one.hex() for one in (GOOD, GOOD[1:], OTHER)), encoding="ascii")
    assert [type(row) for row in read(path)] == [Row, BadRow, Row]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever a file holds, reading comes to its end, and every record is a row or a bad row that the file has."""
    spoilt = bytearray(GOOD + OTHER)
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=4)):
        spoilt[place] = data.draw(st.integers(0, 255))
    content = data.draw(st.sampled_from([bytes(spoilt), spoilt.hex().encode()])) + data.draw(st.binary(max_size=160))
    path = tmp_path / "any.jtt978"
    path.write_bytes(content)
    rows = read(path)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(
        row.byte_offset is not None and row.byte_offset < len(content) for row in rows if isinstance(row, BadRow)
    )
    with open_table(path, layout("local")) as source:
        list(source)
        assert len(source.sha256()) == 64


def test_files_that_are_refused_whole(tmp_path: Path) -> None:
    """An empty one, one of another dataset, and one of which nobody said whose records they are; none is written."""
    path = tmp_path / "rides.jtt978"
    path.write_bytes(b"")
    positions = layout("local", "transport.position")
    cases = ((layout("local"), "file.empty"), (positions, "file.frames_columns"))
    for shape, rule in (*cases, (layout("local", said=False), "file.card_unsaid")):
        with pytest.raises(FileRefused) as refused, open_table(path, shape):
            pass
        assert refused.value.rule_id == rule
    with pytest.raises(FileRefused) as refused:
        open_sink(path, layout("local"))
    assert refused.value.rule_id == "file.suffix"
    assert rejects_suffix(path) == ".csv"


@pytest.mark.parametrize(("dialect", "concession"), [("local", "40"), ("shanghai", "0.40")])
def test_what_is_said_of_a_card(tmp_path: Path, dialect: str, concession: str) -> None:
    """One row by the dialect's own columns; fewer, more, an empty cell or an amount of another city are refused."""
    path, shape = tmp_path / "card.csv", layout(dialect, said=False)
    header, row = ",".join(TABLES[dialect].card_columns), ",".join((*CELLS[dialect], concession))

    def write(*lines: str) -> None:
        path.write_text("\n".join((header, *lines)) + "\n", encoding=shape.encoding)

    write(row)
    assert read_card(path, shape) == card(dialect)
    other = ",".join((*CELLS[dialect], "4.0"))
    for lines in ((), (row, row), (row.replace("31048304,", ",", 1),), (other,)):
        write(*lines)
        with pytest.raises(FileRefused) as refused:
            read_card(path, shape)
        assert refused.value.rule_id == "file.card"
        assert CELLS[dialect][0] not in str(refused.value)
    with pytest.raises(FileRefused) as refused:
        read_card(path, replace(shape, columns=("vehicleNo",)))
    assert refused.value.rule_id == "file.frames_columns"
