"""Instants: the quick ways say what the complete ones say, hour by hour, or leave it to them."""

from __future__ import annotations

from importlib import resources
from typing import Any, get_args

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping.cells import Context
from adapters.mapping.cells.times import TimeCell
from adapters.mapping.declared_columns import TimeColumn, TimeFormat
from adapters.mapping.divisions import load_divisions
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import TIME, FieldFacts

FIRST, LAST = 946_656_000 + 1_000, 4_102_415_999 - 1_000
"""Bounds that lie within an hour, so that some of its seconds are out of them."""
HOUR = 1_767_225_600
"""2026-01-01 08:00:00 in local time."""
formats = st.sampled_from(get_args(TimeFormat))
every_format = pytest.mark.parametrize("format_", get_args(TimeFormat))


def cell(format_: Any, missing: frozenset[str] = frozenset({"", "--"})) -> TimeCell:
    """A column of a format."""
    declaration = TimeColumn(name="T", label="时间", field="time", type="time", format=format_)
    facts = FieldFacts("time", "time", TIME, True, True, number_min=FIRST, number_max=LAST)
    return TimeCell(declaration, facts, Context(resources.files("adapters"), missing, load_divisions("2026-01-01")))


def quick(one: TimeCell, name: str, given_: object) -> Any:
    """What a quick way says."""
    way: Any = one.helpers()[name]
    return way(given_)


CELLS = {format_: cell(format_) for format_ in get_args(TimeFormat)}
near = st.sampled_from([FIRST, LAST, HOUR, HOUR + 3_599]).flatmap(lambda at: st.integers(at - 4_000, at + 4_000))
instants = st.builds(
    Timestamp,
    seconds=st.integers(FIRST - 9_000, LAST + 9_000) | near,
    nanos=st.sampled_from([0, 0, 1_000_000, 999_000_000, 1, 999_999_999]),
)


@given(formats, instants)
def test_what_is_said_quickly_is_what_is_said(format_: str, instant: Timestamp) -> None:
    """The quick text is the complete way's and reads back, quickly too; nothing is said where that one refuses."""
    one = CELLS[format_]
    said = quick(one, "text", instant)
    try:
        written = one.write(instant, "")
    except CellRefused:
        assert said == ""
        return
    assert said in {written, ""}
    assert one.read(written, [], "") == instant
    read = quick(one, "instant", written)
    assert read is None or Timestamp(**read) == instant
    inside = FIRST + 3_600 <= instant.seconds <= LAST - 3_600
    assert not inside or (said and read)


@given(formats, instants, st.data())
def test_what_is_read_quickly_is_what_is_read(format_: str, instant: Timestamp, data: st.DataObject) -> None:
    """A cell with any character changed is read quickly as the complete way reads it without a note, or not at all."""
    one = CELLS[format_]
    written = one._written.format(*_parts(instant))
    place = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(st.sampled_from(["", "0", "1", "9", ":", "/", " ", "٣", "５", "\n"]))
    changed = written[:place] + other + written[place + 1 :]
    read = quick(one, "instant", changed)
    if read is not None:
        notes: list[str] = []
        assert Timestamp(**read) == one.read(changed, notes, "")
        assert notes == []


def _parts(instant: Timestamp) -> tuple[int, ...]:
    moment = instant.ToDatetime()
    return (*moment.timetuple()[:6], moment.microsecond // 1000)


@every_format
def test_an_hour_with_a_missing_word_is_left_to_the_complete_way(format_: str) -> None:
    """An instant whose text means that nothing is given is never said, and never read, quickly."""
    instant = Timestamp(seconds=HOUR + 61)
    word = cell(format_).write(instant, "")
    one = cell(format_, frozenset({"", word}))
    assert quick(one, "text", instant) == ""
    assert quick(one, "instant", word) is None
    after = Timestamp(seconds=HOUR + 3_600)
    assert quick(one, "text", after) == one.write(after, "")


@pytest.mark.parametrize("text", ["", "x", "20260101", "2026/01/05 09:05:00", "2026/1/5 9:05:00"])
def test_what_is_no_usual_text_is_left_to_the_complete_way(text: str) -> None:
    """Too short, of no format, or padded in another way: that one refuses or notes it."""
    assert quick(CELLS["YYYY/M/D HH:MM:SS"], "instant", text) is None
