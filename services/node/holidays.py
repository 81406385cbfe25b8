"""The calendar of working days that statutory clocks count: what was announced, and what an operator adds."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

from services.domain.working_days import AnnouncedYear, WorkingDays
from services.node.settings import SettingsMistake

_KEYS: Final = {"source", "holidays", "workdays"}


def load_calendar(own_file: Path | None = None) -> WorkingDays:
    """Read the calendar that comes with the software, and a node's own years over it.

    Args:
        own_file: A file of the same form; its years take the place of ours.

    Raises:
        SettingsMistake: The own file cannot be read, or says something else than days.
    """
    shipped = resources.files("services.node") / "holidays.toml"
    years = _years(shipped.read_text(encoding="utf-8"), "holidays.toml")
    if own_file is not None:
        years |= _years(_text(own_file), str(own_file))
    return WorkingDays(years)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsMistake(f"holidays_file: 无法读取 {path} · cannot be read as UTF-8 text") from error


def _years(text: str, name: str) -> dict[int, AnnouncedYear]:
    try:
        return {_year_number(year): _announced(year, said) for year, said in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise SettingsMistake(f"holidays_file {name}: {error}") from error


def _year_number(year: str) -> int:
    if len(year) != 4 or not year.isdecimal():
        raise ValueError(f"表名须为年份，如 [2027] · a table is named by its year: {year!r}")
    return int(year)


def _announced(year: str, said: Any) -> AnnouncedYear:  # noqa: ANN401 - whatever TOML holds
    if not isinstance(said, dict) or said.keys() != _KEYS:
        raise ValueError(f"[{year}] 须有 {', '.join(sorted(_KEYS))} · must say exactly these")
    holidays = {day for first, last in map(_span, said["holidays"]) for day in _days(first, last)}
    workdays = {_day(day) for day in said["workdays"]}
    if stray := [day for day in holidays | workdays if str(day.year) != year] or sorted(holidays & workdays):
        raise ValueError(f"[{year}] {stray[0]} 不属于该年，或既放假又上班 · of another year, or both off and on")
    return AnnouncedYear(frozenset(holidays), frozenset(workdays))


def _span(pair: Any) -> tuple[date, date]:  # noqa: ANN401
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("holidays 的每项为 [首日, 末日] · each holiday is [first day, last day]")
    return _day(pair[0]), _day(pair[1])


def _day(value: Any) -> date:  # noqa: ANN401
    if type(value) is not date:  # a TOML date-time is a date to Python, too
        raise ValueError("日期写作 2027-01-01，不加引号 · a day is written 2027-01-01, without quotes")
    return value


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
