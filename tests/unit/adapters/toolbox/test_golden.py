"""Golden rows: what differs is named by row, place and direction."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.toolbox.golden import ABSENT, Difference, NoGoldenRows, accept_golden, verify_golden
from adapters.toolbox.places import MappingPlace, installed_places
from tests.unit.adapters.toolbox.folders import copied, edited, table


@pytest.mark.parametrize("place", installed_places(), ids=lambda place: place.name)
def test_shipped_golden_rows(place: MappingPlace) -> None:
    """They are as they should be, both ways."""
    records, differences = verify_golden(place)
    assert records > 3
    assert differences == []


@pytest.fixture
def place(tmp_path: Path) -> MappingPlace:
    """A copy of Nantong's contributions."""
    return copied(tmp_path, "local", "social.contribution")


def test_another_value(place: MappingPlace) -> None:
    """Field, expected and found are shown."""
    table(
        place, "sex.csv", ("1,SEX_MALE", "0,SEX_MALE"), ("2,SEX_FEMALE", "1,SEX_FEMALE"), ("0,SEX_MALE", "2,SEX_MALE")
    )
    records, differences = verify_golden(place)
    assert records == 7
    assert Difference(2, "sex", "to_standard", "SEX_MALE", "SEX_FEMALE") in differences
    assert {difference.place for difference in differences} == {"sex"}


def test_a_row_that_is_rejected(place: MappingPlace) -> None:
    """The column and the reason are shown."""
    edited(place, ('format = "YYYYMMDD"', 'format = "YYYY-MM-DD"'))
    first = verify_golden(place)[1][0]
    assert (first.row, first.place, first.direction) == (2, "AAC006", "to_standard")
    assert "[date.format]" in first.found


def test_records_that_are_not_expected_or_lacking(place: MappingPlace) -> None:
    """Each is named by its row."""
    lines = place.samples(".jsonl").read_text(encoding="utf-8").splitlines()
    changed = lines[1].replace('"row": 3', '"row": 99')
    place.samples(".jsonl").write_text("\n".join([lines[0], changed, *lines[2:]]), encoding="utf-8")
    found = [(one.row, one.expected == ABSENT, one.found == ABSENT) for one in verify_golden(place)[1]]
    assert found == [(3, True, False), (99, False, True)]


def test_accepting(place: MappingPlace) -> None:
    """What is accepted is written as the shipped files are, and then nothing differs."""
    before = place.samples(".jsonl").read_bytes()
    place.samples(".jsonl").unlink()
    with pytest.raises(NoGoldenRows, match="--accept"):
        verify_golden(place)
    assert accept_golden(place) == 7
    assert place.samples(".jsonl").read_bytes() == before


@pytest.mark.parametrize("content", ["{", "[]", '{"row": 2}', "1"])
def test_expectations_that_cannot_be_read(place: MappingPlace, content: str) -> None:
    """They are told with what writes them anew."""
    place.samples(".jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(NoGoldenRows, match="cannot be read"):
        verify_golden(place)


def test_what_cannot_be_accepted(place: MappingPlace) -> None:
    """A rejected golden row, or none at all."""
    edited(place, ('format = "YYYYMMDD"', 'format = "YYYY-MM-DD"'))
    with pytest.raises(NoGoldenRows, match=r"row 2 is rejected: AAC006"):
        accept_golden(place)
    place.samples(".csv").unlink()
    with pytest.raises(NoGoldenRows, match="there is no"):
        accept_golden(place)
