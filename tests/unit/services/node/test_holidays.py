from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from services.node.holidays import load_calendar
from services.node.settings import SettingsMistake

YEAR_2027 = """
[2027]
source = "made up"
holidays = [[2027-10-01, 2027-10-07]]
workdays = [2027-10-09]
"""


def test_an_operator_adds_a_year(tmp_path: Path) -> None:
    """What the own file says of a year counts, and the years that come with the software stay."""
    own = tmp_path / "more.toml"
    own.write_text(YEAR_2027)
    calendar = load_calendar(own)
    assert calendar.is_announced(date(2025, 1, 1), date(2027, 12, 31))
    assert not calendar.is_working_day(date(2027, 10, 4))
    assert calendar.is_working_day(date(2027, 10, 9))


def test_an_own_year_takes_the_place_of_ours(tmp_path: Path) -> None:
    """A notice that is changed within the year is written down as a whole."""
    own = tmp_path / "more.toml"
    own.write_text(YEAR_2027.replace("2027", "2026"))
    assert load_calendar(own).is_working_day(date(2026, 2, 16))


@pytest.mark.parametrize(
    "text",
    [
        "[next]\nsource = ''\nholidays = []\nworkdays = []",
        "[2027]\nsource = ''\nholidays = []",
        "[2027]\nsource = ''\nholidays = [2027-10-01]\nworkdays = []",
        "[2027]\nsource = ''\nholidays = [['2027-10-01', '2027-10-02']]\nworkdays = []",
        "[2027]\nsource = ''\nholidays = [[2027-10-01, 2028-01-02]]\nworkdays = []",
        "[2027]\nsource = ''\nholidays = [[2027-10-01, 2027-10-02]]\nworkdays = [2027-10-02]",
        "[2027]\nsource = ''\nholidays = []\nworkdays = [2027-10-02T08:00:00]",
        "2027",
    ],
)
def test_a_wrong_file_stops_the_node_at_start(tmp_path: Path, text: str) -> None:
    """A calendar that is wrong would give wrong due dates without a word."""
    own = tmp_path / "more.toml"
    own.write_text(text)
    with pytest.raises(SettingsMistake, match="holidays_file"):
        load_calendar(own)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The operator wrote its name wrong."""
    with pytest.raises(SettingsMistake, match="nowhere"):
        load_calendar(tmp_path / "nowhere.toml")
