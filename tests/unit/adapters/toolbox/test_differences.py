"""Differences: what changed, whether it is compatible, and that meaning does not change under one version."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.toolbox.differences import Change, differences
from adapters.toolbox.places import MappingPlace, find_place, installed_places
from tests.unit.adapters.toolbox.folders import copied, edited, table

VERSION = ("version   = 1", "version   = 2")


@pytest.mark.parametrize("place", installed_places(), ids=lambda place: place.name)
def test_nothing_changed(place: MappingPlace) -> None:
    """A mapping does not differ from itself."""
    assert differences(place.load(), place.load()) == []


def changed(tmp_path: Path, *changes: tuple[str, str], codes: tuple[str, str] | None = None) -> list[Change]:
    """Differences of Nantong's contributions after changes of the file, and of the table of schemes."""
    place = edited(copied(tmp_path, "local", "social.contribution"), *changes)
    if codes:
        table(place, "scheme.csv", codes)
    return differences(find_place("local/social.contribution").load(), place.load())


@pytest.mark.parametrize(
    ("change", "kind", "place", "compatible"),
    [
        (('label = "姓名"', 'label = "本人姓名"'), "column.words", "column AAC003", True),
        (('format = "YYYYMMDD or YYYYMM"', 'format = "YYYYMMDD"'), "column.retyped", "column AAB191", False),
        (("digits_max = 20", "digits_max = 19"), "column.changed", "column AAB001", False),
        (("digits_min = 1\n", "digits_min = 2\n"), "column.changed", "column AAB001", False),
        (('name  = "AAC003"', 'name  = "AAC003X"'), "column.removed", "column AAC003", False),
        (('delimiter = ","', 'delimiter = ";"'), "file.changed", "file", False),
        (('"—"  = ', '"无"  = '), "missing.removed", "missing '—'", False),
        (('"系统导出时留空 /', '"导出时留空 /'), "missing.words", "missing ''", True),
    ],
)
def test_one_change(tmp_path: Path, change: tuple[str, str], kind: str, place: str, compatible: bool) -> None:
    """Kind, place and judgement."""
    found = [one for one in changed(tmp_path, VERSION, change) if (one.kind, one.place) == (kind, place)]
    assert [one.compatible for one in found] == [compatible]


@pytest.mark.parametrize(
    ("codes", "kind", "compatible"),
    [
        (("330,SCHEME_SERIOUS_ILLNESS,大病保险,\n", ""), "code.removed", False),
        (("大病保险,", "大病,"), "code.words", True),
    ],
)
def test_codes(tmp_path: Path, codes: tuple[str, str], kind: str, compatible: bool) -> None:
    """Codes that vanish are not compatible, other words are."""
    (found,) = changed(tmp_path, VERSION, codes=codes)
    assert (found.kind, found.compatible) == (kind, compatible)


def test_codes_that_are_added_or_mean_something_else(tmp_path: Path) -> None:
    """A further way of writing refuses nothing; two codes that are exchanged change what files mean."""
    alias = ("[normalisations]", '[normalisations]\ncode_alias = "另一种写法 / another way of writing"')
    place = edited(copied(tmp_path, "local", "social.contribution"), VERSION, alias)
    table(place, "payment_kind.csv", ("正常应缴,", "x,"), ("补缴,", "正常应缴,"), ("x,", "补缴,"))
    table(place, "paid.csv", ("未实缴,false,未到账,", "未实缴,false,未到账,\n未缴,false,未到账,alias"))
    found = differences(find_place("local/social.contribution").load(), place.load())
    assert [(one.kind, one.place.partition(", ")[2], one.compatible) for one in found] == [
        ("code.changed", "code 正常应缴", False),
        ("code.changed", "code 补缴", False),
        ("code.added", "code 未缴", True),
    ]


def test_columns_that_move_and_widen(tmp_path: Path) -> None:
    """Files may have their columns in any order, and a further date format refuses nothing."""
    place = edited(copied(tmp_path, "local", "social.enrolment"), VERSION)
    text = place.file.read_text(encoding="utf-8")
    first, second = text.index('[[column]]\nname  = "AAC002"'), text.index('[[column]]\nname  = "AAC003"')
    third = text.index('[[column]]\nname   = "AAC004"')
    place.file.write_text(text[:first] + text[second:third] + text[first:second] + text[third:], encoding="utf-8")
    (moved,) = differences(find_place("local/social.enrolment").load(), place.load())
    assert (moved.kind, moved.compatible) == ("column.moved", True)


def test_the_version_must_be_raised(tmp_path: Path) -> None:
    """A change of meaning under the same version is one more difference; a change of words is not."""
    kinds = [one.kind for one in changed(tmp_path / "a", ("digits_max = 20", "digits_max = 19"))]
    assert kinds == ["column.changed", "version.same"]
    assert [one.kind for one in changed(tmp_path / "b", ('label = "姓名"', 'label = "本人姓名"'))] == ["column.words"]


def test_two_dialects() -> None:
    """They may be compared as well, and their versions are their own affair."""
    found = differences(find_place("local/social.transfer").load(), find_place("shanghai/social.transfer").load())
    assert {"column.removed", "column.added"} <= {one.kind for one in found}
    assert "version.same" not in {one.kind for one in found}
