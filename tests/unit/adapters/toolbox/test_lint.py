"""Lint: all errors at once, warnings for what is left open, notes for what is intended; shipped mappings are clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.toolbox.findings import Level
from adapters.toolbox.lint import TO_BE_CONFIRMED, lint, unused_tables
from adapters.toolbox.places import NoSuchMapping, find_place, find_places, in_folder, installed_places
from adapters.toolbox.unconfirmed import unconfirmed
from tests.unit.adapters.toolbox.folders import copied, edited, table

LOCAL = ("local", "social.contribution")


def rules(place_findings: list[object], level: Level) -> list[tuple[str, str]]:
    """Rule and place of the findings of a level."""
    return [(one.rule, one.place) for one in place_findings if one.level is level]  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", installed_places(), ids=lambda place: place.name)
def test_shipped_mappings_are_clean(place: object) -> None:
    """Nothing but notes."""
    assert {finding.level for finding in lint(place)} <= {Level.NOTE}  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", ["local", "shanghai"])
def test_shipped_folders_have_no_table_too_many(dialect: str) -> None:
    """Every code table is read."""
    assert unused_tables(find_places([dialect])) == []


def test_all_errors_at_once(tmp_path: Path) -> None:
    """A field that nobody carries, and an unknown one: both are named, with the place."""
    place = edited(
        copied(tmp_path, *LOCAL),
        ('field = "person_number"', 'field = "person_nummer"'),
        ('field = "employer_name"', 'field = "employer_nome"'),
    )
    found = lint(place)
    assert {finding.level for finding in found} == {Level.ERROR}
    places = [finding.place for finding in found]
    assert "column AAC002" in places
    assert "column AAB004" in places
    assert any("no column carries person_number, which the standard requires" in one.problem for one in found)


@pytest.mark.parametrize(
    ("change", "where", "problem"),
    [
        (('dialect   = "local"', 'dialect   = "elsewhere"'), "dialect, dataset", "the file lies where"),
        (("version   = 1", "version   = "), "file", "no valid TOML"),
        (('standard  = "1"', 'standard  = "9"'), "standard", "no standard"),
        (('table  = "sex.csv"', 'table  = "sechs.csv"'), "column AAC004", "no such code table"),
    ],
)
def test_what_stops_at_once(tmp_path: Path, change: tuple[str, str], where: str, problem: str) -> None:
    """One error says what and where."""
    (finding,) = lint(edited(copied(tmp_path, *LOCAL), change))
    assert (finding.level, finding.rule, finding.place) == (Level.ERROR, "mapping.invalid", where)
    assert problem in finding.problem


def test_files_of_other_encodings(tmp_path: Path) -> None:
    """A spreadsheet's byte order mark is no matter; GBK is told, with the line."""
    place = copied(tmp_path, *LOCAL)
    for path in (place.file, place.folder / "scheme.csv"):
        path.write_bytes(path.read_text(encoding="utf-8").encode("utf-8-sig"))
    assert not rules([*lint(place)], Level.ERROR)
    path.write_bytes(path.read_text(encoding="utf-8-sig").encode("gb18030"))
    assert [(one.place, one.problem) for one in lint(place)] == [
        ("column AAE140", "scheme.csv: line 2: not UTF-8: save it as UTF-8, not as GBK or ANSI")
    ]
    place.file.write_bytes(place.file.read_text(encoding="utf-8-sig").encode("gb18030"))
    assert [(one.place, one.level) for one in lint(place)] == [("line 1", Level.ERROR)]
    assert unconfirmed([place])


def test_warnings(tmp_path: Path) -> None:
    """Missing golden rows, doubled or English labels, open reasons, codes without a label, tables that nobody reads."""
    place = edited(
        copied(tmp_path, *LOCAL),
        ('label = "姓名"', 'label = "公民身份号码"'),
        ('label  = "性别"', 'label  = "sex"'),
        ('"系统导出时留空 / the export leaves the cell empty"', f'"{TO_BE_CONFIRMED}"'),
    )
    table(place, "paid.csv", ("已实缴,true,已到账", "已实缴,true,"))
    place.samples(".jsonl").unlink()
    (place.folder / "waiting.csv").write_text("dialect,standard,label,note\n", encoding="utf-8")
    (place.folder / "spare.csv").write_text("dialect,standard,label,note\n1,true,是,\n", encoding="utf-8")
    assert rules([*lint(place)], Level.WARNING) == [
        ("golden.missing", "samples"),
        ("label.doubled", "column AAC002"),
        ("label.doubled", "column AAC003"),
        ("label.english", "column AAC004"),
        ("reason.open", "missing ''"),
        ("code.unlabelled", "column AAE132"),
    ]
    assert [finding.file for finding in unused_tables(in_folder(place.folder))] == ["local/spare.csv"]


def test_notes_say_what_is_left_out() -> None:
    """Unused columns, fields not carried, defaults, lossy converters, codes without a partner."""
    enrolments = rules([*lint(find_place("shanghai/social.enrolment"))], Level.NOTE)
    assert ("column.unused", "column jbr") in enrolments
    assert ("field.not_carried", "field ethnic_group") in enrolments
    assert ("converter.lossy", "column cbny") in enrolments
    assert ("code.unsaid", "column xzdm") in enrolments
    assert ("field.default", "field scheme") in rules([*lint(find_place("shanghai/social.certification"))], Level.NOTE)
    partners = [one for one in lint(find_place("local/social.contribution")) if one.rule == "code.no_partner"]
    assert [one.place for one in partners] == ["column AAE140"]
    assert partners[0].problem.endswith("shanghai 没有对应的代码 / has no code for: 150 170 320 330")


def test_unconfirmed(tmp_path: Path) -> None:
    """Marks of mapping files with their column and line, marks of code tables with their code; each table once."""
    marks = unconfirmed(find_places(["local"]))
    assert ("local/social_enrolment.toml", "column AAC009") in [(mark.file, mark.place) for mark in marks]
    assert ("local/scheme.csv", 4, "code 150", "城镇居民养老保险") in [
        (mark.file, mark.line, mark.place, mark.words) for mark in marks
    ]
    assert len(set(marks)) == len(marks)
    place = copied(tmp_path, *LOCAL)
    assert [mark for mark in unconfirmed([place]) if mark.file == place.name] == []


def test_names_of_mappings(tmp_path: Path) -> None:
    """A dialect, a dataset of it, a file, a folder, or all; anything else is named."""
    assert {place.dialect for place in find_places(["local"])} == {"local"}
    assert find_places([]) == installed_places()
    place = copied(tmp_path, "shanghai", "social.transfer")
    assert find_places([str(place.folder), str(place.file)]) == in_folder(place.folder)
    assert find_place(str(place.file)) == place
    with pytest.raises(NoSuchMapping, match="nowhere"):
        find_places(["nowhere"])
    with pytest.raises(NoSuchMapping, match=r"social\.transfer"):
        find_place("local")
