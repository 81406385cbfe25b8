"""Instants in local time: hours are known by their texts, and what stands after the hour is put together.

An hour is checked once, as a whole: its first and its last second are written and read back (or read), both within the
field's bounds. Between them nothing but minutes and seconds differs, and those are in two digits in every format.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.declared_columns import TimeColumn
from adapters.mapping.errors import CellRefused
from adapters.mapping.memory import REMEMBERED_MAX
from adapters.mapping.standard import TIME, FieldFacts
from adapters.mapping.typed import Value, local_moment, whole_text

_EPOCH: Final = datetime(1970, 1, 1, 8)  # noqa: DTZ001 - local time, UTC+8
_HOUR_S: Final = 3_600
_MILLISECOND_NANOS: Final = 1_000_000
_TIMES: Final = {
    "YYYYMMDDHHMMSS": ("([0-9]{4})" + 5 * "([0-9]{2})", "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}"),
    "YYYYMMDDHHMMSSmmm": ("([0-9]{4})" + 5 * "([0-9]{2})" + "([0-9]{3})", "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}{:03d}"),
    "YYYY-MM-DD HH:MM:SS": (
        "([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})",
        "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}",
    ),
    "YYYY/M/D HH:MM:SS": (
        "([0-9]{4})/([0-9]{1,2})/([0-9]{1,2}) ([0-9]{1,2}):([0-9]{2}):([0-9]{2})",
        "{:04d}/{:d}/{:d} {:02d}:{:02d}:{:02d}",
    ),
}
"""Shape and how it is written, by format."""


class _AfterHour:
    """What stands after the hour in a format, by what it means and the reverse.

    Args:
        format_: Name of the format.

    Attributes:
        clocks: Minute and second as text, by second of the hour.
        seconds: Second of the hour, by that text.
        fractions: What stands after the second, by nanoseconds; nothing but "" by 0 where a format ends there.
        nanos: Nanoseconds, by that text.
        hour: Where in a text the date and the hour stand.
        clock: Where minute and second stand.
        fraction: Where the rest stands.
    """

    def __init__(self, format_: str) -> None:
        mark = ":" if ":" in format_ else ""
        millis = "mmm" in format_
        self.clocks: Final = [f"{mark}{second // 60:02d}{mark}{second % 60:02d}" for second in range(_HOUR_S)]
        self.seconds: Final = {text: second for second, text in enumerate(self.clocks)}
        self.fractions: Final = {n * _MILLISECOND_NANOS: f"{n:03d}" for n in range(1_000)} if millis else {0: ""}
        self.nanos: Final = {text: nanos for nanos, text in self.fractions.items()}
        rest, width = len(self.fractions[0]), len(self.clocks[0])
        self.hour: Final = slice(-width - rest)
        self.clock: Final = slice(-width - rest, -rest or None)
        self.fraction: Final = slice(-rest, None) if rest else slice(0)


class TimeCell(Cell[Timestamp, TimeColumn]):
    """An instant in local time; the standard has it in UTC. What a format cannot say is refused, never cut."""

    guards = True
    kinds = frozenset({TIME})
    subfields = ("seconds", "nanos")
    normalisations = frozenset({"date_padding"})
    fast_read = "{instant}({c}) or {read}({c}, notes)"
    fast_write = "{text}(x := {v}) or {write}(x)"
    fast_check = fast_write

    def __init__(self, declaration: TimeColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        shape, self._written = _TIMES[declaration.format]
        self._shape = re.compile(shape)
        self._after_hour = _AfterHour(declaration.format)
        self._hour_text = lru_cache(REMEMBERED_MAX)(self._say_hour)
        self._hour_begin = lru_cache(REMEMBERED_MAX)(self._read_hour)
        if "{:d}" not in self._written:
            self.normalisations = frozenset()

    def helpers(self) -> dict[str, object]:
        """``instant`` and ``text`` know the usual cases."""
        return {"instant": self._instant, "text": self._text}

    def read(self, text: str, notes: list[str], need: str) -> Timestamp:
        """Turn local time into an instant; see ``Cell.read``."""
        match = self._shape.fullmatch(text)
        if match is None:
            raise CellRefused("time.format", format=self.declaration.format)
        parts = [int(part) for part in match.groups()]
        seconds = self._seconds(parts)
        if self.normalisations and self._written.format(*parts) != text:
            notes.append("date_padding")
        return Timestamp(seconds=seconds, nanos=sum(parts[6:]) * _MILLISECOND_NANOS)

    def write(self, value: Timestamp, need: str) -> str:
        """Say an instant in local time."""
        millis, rest = divmod(value.nanos, _MILLISECOND_NANOS)
        if rest or (millis and "mmm" not in self.declaration.format) or not self.facts.contains(value.seconds):
            raise CellRefused("time.precision", format=self.declaration.format)
        moment = _EPOCH + timedelta(seconds=value.seconds)
        return self._written.format(*moment.timetuple()[:6], millis)

    def say(self, value: Value, notes: list[str]) -> str:
        """Say an instant of a typed source."""
        if not isinstance(value, datetime):
            return whole_text(value)
        moment = local_moment(value)
        millis, rest = divmod(moment.microsecond, 1000)
        if rest or (millis and "mmm" not in self.declaration.format):
            raise CellRefused("time.precision", format=self.declaration.format)
        return self._written.format(*moment.timetuple()[:6], millis)

    def value(self, text: str) -> datetime | str:
        """Local time without a zone."""
        match = self._shape.fullmatch(text)
        if match is None:
            return text
        year, month, day, hour, minute, second, *millis = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, 1000 * sum(millis))  # noqa: DTZ001 - local time

    def _seconds(self, parts: list[int]) -> int:
        """Seconds since the epoch of a local time that exists and lies within the field's bounds."""
        try:
            year, month, day, hour, minute, second = parts[:6]
            moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - local time
        except ValueError:
            raise CellRefused("date.calendar") from None
        seconds = int((moment - _EPOCH).total_seconds())
        if not self.facts.contains(seconds):
            raise CellRefused("date.calendar")
        return seconds

    def _instant(self, text: str) -> dict[str, int] | None:
        """Read a usual cell; None where ``read`` has to judge it.

        Returns:
            The fields of the instant: protobuf makes the message of them, for less than it takes one that is made.
        """
        after = self._after_hour
        try:
            seconds = self._hour_begin(text[after.hour]) + after.seconds[text[after.clock]]
            return {"seconds": seconds, "nanos": after.nanos[text[after.fraction]]}
        except (KeyError, CellRefused):
            return None

    def _text(self, value: Timestamp) -> str:
        """Say a usual instant; nothing where ``write`` has to judge it."""
        hour, second = divmod(value.seconds, _HOUR_S)
        try:
            return self._hour_text(hour) + self._after_hour.clocks[second] + self._after_hour.fractions[value.nanos]
        except (KeyError, CellRefused):
            return ""

    def _say_hour(self, hour: int) -> str:
        """Say the date and the hour of all seconds of an hour, counted from the epoch: local time is whole hours off.

        Raises:
            CellRefused: One of them might not be said, or not read back. Refusals are not remembered.
        """
        first = hour * _HOUR_S
        head = self.write(Timestamp(seconds=first + _HOUR_S - 1), "")[self._after_hour.hour]
        if self._read_hour(head) != first:
            raise CellRefused("cell.reads_differently")
        return head

    def _read_hour(self, head: str) -> int:
        """Read the date and the hour as all seconds of the hour have it: seconds since the epoch of the first one.

        Raises:
            CellRefused: One of them might not be read without a note. Refusals are not remembered.
        """
        after, notes = self._after_hour, list[str]()
        ends = [f"{head}{clock}{after.fractions[0]}" for clock in (after.clocks[0], after.clocks[-1])]
        first, last = (self.read(end, notes, "").seconds for end in ends)
        if notes or last - first != _HOUR_S - 1:
            raise CellRefused("cell.reads_differently")
        if any(word.startswith(head) for word in self.context.missing):
            raise CellRefused("cell.means_missing")
        return first
