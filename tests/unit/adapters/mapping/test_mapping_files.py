"""Mistakes in a mapping file are found when it is loaded, and said so that its author finds them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from adapters.mapping import Mapping, MappingInvalid, NotExpressible, RowRejected, find_mappings, load_mapping
from adapters.mapping.divisions import Area, DivisionTable, load_divisions
from adapters.mapping.loading import build_mapping
from adapters.mapping.reasons import REASONS, reason_text
from tests.unit.adapters.mapping.rows import golden

TOML = "social_contribution.toml"
Changed = Callable[[str, str, str], Mapping]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Builds the local mapping with one passage of one of its files replaced."""
    folder = tmp_path / "local"
    shutil.copytree(str(resources.files("adapters") / "local"), folder)

    def build(file: str, old: str, new: str) -> Mapping:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) >= 1
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return build_mapping(folder, "local", "social.contribution")

    return build


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("[file]", "[file", "file", "no valid TOML"),
        ("version   = 1", "version   = 0", "version", "greater than or equal to 1"),
        ("version   = 1", "versoin = 1", "version", "Field required"),
        ("version   = 1", "version = 1\ncolour = 1", "colour", "Extra inputs"),
        ('"gb18030"', '"gbk"', "file.encoding", "gb18030"),
        ('standard  = "1"', 'standard = "9"', "standard", "no standard 'social.contribution' version '9'"),
        ('dataset   = "social.contribution"', 'dataset = "social.other"', "dialect, dataset", "the file lies where"),
        ('divisions = "2026-01-01"', 'divisions = "1999-01-01"', "file", "no such edition"),
        ('name  = "AAC002"', 'name  = "AAC003"', "column AAC003", "stands twice"),
        ('"person_number"', '"person_numbr"', "column AAC002", "did you mean person_number?"),
        ('"person_name"', '"person_number"', "column AAC003", "is carried by an earlier column"),
        ('"person_name"', '"base_fen"', "column AAC003", "type name cannot carry base_fen, which is int64"),
        ('type   = "date"', 'type   = "moment"', "column AAC006", "does not match any of the expected tags"),
        ('format = "YYYYMMDD"', 'format = "DDMMYYYY"', "column AAC006, format", "Input should be"),
        ('format = "YYYYMMDD"', 'format = "YYYYMM"', "column AAC006", "does not accept dates like 2026-01"),
        ('table  = "sex.csv"', 'table  = "gender.csv"', "column AAC004", "no such code table"),
        ('table  = "sex.csv"', 'table  = "../local/sex.csv"', "column AAC004, table", "String should match"),
        ('system = "GB/T 2261.1 AAC004"', 'colour = "1"', "column AAC004, system", "Field required"),
        ('month  = "settlement_month"', 'month  = "period"', "column AAC001", "no column carries the field period"),
        ("digits_max = 20", "digits_max = 21", "column AAB001", "does not allow that many digits"),
        ('""   = "系统', '"x" = "系统', "missing", "must be a missing word"),
        ('"—"  =', '"#1"  =', "column AAC001", "the missing word '#1' is a serial as well"),
        ('"—"  =', '"汉族"  =', "column AAC005", "is a missing word as well"),
        ("trim  ", "trimm ", "normalisations", "trim is applied by a column here: declare it"),
        ("[not_carried]", 'blank = "x"\n[not_carried]', "normalisations", "blank is applied by no column here"),
        ('"division.as_of" =', '"division.asof" =', "not_carried", "did you mean division.as_of?"),
        ('"division.as_of" =', 'sex = "x"\n"division.as_of" =', "not_carried", "sex is carried by a column"),
        ('"division.as_of" =', "#", "not_carried", "no column carries division.as_of"),
        ('total = "AAA080"', 'total = "AAA081"', "sum", "there is no column AAA081; did you mean AAA080?"),
        ('parts = ["AAE480", "AAE481"]', 'parts = ["AAE480"]', "sum", "the standard wants total_fen"),
    ],
)
def test_mistakes_are_named(changed: Changed, old: str, new: str, place: str, problem: str) -> None:
    """Each mistake names the place in the file and what is wrong there."""
    with pytest.raises(MappingInvalid) as raised:
        changed(TOML, old, new)
    assert place in str(raised.value)
    assert problem in str(raised.value)
    assert raised.value.file in {f"local/{TOML}", "gb2260/1999-01-01.csv"}


def test_a_required_field_needs_a_column(changed: Changed) -> None:
    """A mapping that leaves out what the standard requires is not loaded."""
    block = 'label  = "出生日期"\nfield  = "birth_date"\ntype   = "date"\nformat = "YYYYMMDD"\n'
    with pytest.raises(MappingInvalid, match=r"no column carries birth_date, which the standard requires"):
        changed(TOML, f'[[column]]\nname   = "AAC006"\n{block}', "")


def test_an_optional_field_needs_a_reason(changed: Changed) -> None:
    """A field without a column is declared as not carried, or the mapping is not loaded."""
    block = '[[column]]\nname  = "AAA020"\nlabel = "利息"\nfield = "interest_fen"\ntype  = "yuan2"\n'
    with pytest.raises(MappingInvalid, match=r"no column carries interest_fen: declare it here"):
        changed(TOML, block, "")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("dialect,standard", "code,standard", "line 1.*the header must be"),
        ("1,SEX_MALE,男,", "1,SEX_MALE,男", "line 2.*4 cells expected"),
        ("1,SEX_MALE", "1,SEX_MAN", "line 2.*the standard's field sex has no value 'SEX_MAN'"),
        ("1,SEX_MALE", "1,SEX_UNSPECIFIED", "line 2.*no value 'SEX_UNSPECIFIED'"),
        ("2,SEX_FEMALE", "1,SEX_FEMALE", "line 3.*stands in an earlier line"),
        ("2,SEX_FEMALE", "2,SEX_MALE", "line 3.*stands in an earlier line"),
        ("2,SEX_FEMALE", " 2,SEX_FEMALE", "line 3.*no blanks"),
    ],
)
def test_code_tables_are_checked(changed: Changed, old: str, new: str, problem: str) -> None:
    """A code table's mistakes name the column that uses it, the table and the line."""
    with pytest.raises(MappingInvalid, match=rf"column AAC004: sex\.csv: {problem}"):
        changed("sex.csv", old, new)


@pytest.mark.parametrize(
    ("table", "old", "new", "problem"),
    [
        ("ethnic_group.csv", "汉族,01", "汉族,1", "ethnic_group has no value '1'"),
        ("paid.csv", "true", "yes", "paid has no value 'yes'"),
    ],
)
def test_texts_and_truths_of_code_tables(changed: Changed, table: str, old: str, new: str, problem: str) -> None:
    """A code that stands for a text must fit the field; for a truth it is true or false."""
    with pytest.raises(MappingInvalid, match=problem):
        changed(table, old, new)


def test_a_required_column_never_takes_a_missing_word_for_its_value(changed: Changed) -> None:
    """A word for nothing that looks like money is refused in both directions: the fast ways know it as well."""
    total = 'field = "total_fen"\ntype  = "yuan2"\n'
    mapping = changed(TOML, total, f'{total}missing = {{ "0.00" = "x" }}\n')
    first = list(golden("local", "social.contribution")[0].values())
    message: Any = mapping.to_standard(first).message
    place = mapping.columns.index("AAA080")
    with pytest.raises(RowRejected, match=r"AAA080.*cell\.missing"):
        mapping.to_standard([*first[:place], "0.00", *first[place + 1 :]])
    message.total_fen = 0
    with pytest.raises(NotExpressible, match=r"total_fen.*cell\.means_missing"):
        mapping.from_standard(message)


def test_the_version_follows_the_content(changed: Changed) -> None:
    """A changed code table changes the version in the lineage, even if its owner forgot to raise the number."""
    before = load_mapping("local", "social.contribution").version
    after = changed("scheme.csv", "大病保险", "大病").version
    assert before.startswith("1-")
    assert after.startswith("1-")
    assert before != after


def test_unknown_mappings_are_told_the_known_ones() -> None:
    """Asking for a mapping that does not exist names those that do."""
    for dialect, dataset in (
        ("suzhou", "social.contribution"),
        ("local", "social.other"),
        ("../local", "social.contribution"),
    ):
        with pytest.raises(MappingInvalid, match=r"known are .*local/social\.contribution, .*shanghai/social"):
            load_mapping(dialect, dataset)


def test_both_cities_have_the_same_files() -> None:
    """A new city is a new folder with the same file names."""
    found = list(find_mappings())
    assert {dialect for dialect, _ in found} == {"local", "shanghai"}
    assert len({dataset for _, dataset in found}) * 2 == len(found)


def test_loaded_once() -> None:
    """A mapping is compiled once per process."""
    assert load_mapping("local", "social.contribution") is load_mapping("local", "social.contribution")


def test_reasons_are_in_both_languages() -> None:
    """Every reason is Chinese first and English beside it, and a missing fact is our mistake, not a blank."""
    for text in REASONS.values():
        chinese, _, english = text.partition(" / ")
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)
        assert english.isascii()
    with pytest.raises(KeyError):
        reason_text("code.unknown")


class TestDivisionTable:
    """The table's own laws."""

    def test_every_retired_code_leads_to_one_in_force(self) -> None:
        """Each code of the edition resolves to a code in force, and those to themselves."""
        table = load_divisions("2026-01-01")
        for code in table.areas:
            resolved = table.resolve(code)
            assert resolved in table.names
            assert table.resolve(resolved) == resolved

    def test_facts(self) -> None:
        """Chains of 1983, 1989–95 and later arrive where the facts say."""
        table = load_divisions("2026-01-01")
        facts = {"322521": "320685", "322524": "320612", "320626": "320681", "329016": "320682", "329026": "320614"}
        facts |= {"320625": "320614", "310103": "310101", "310108": "310106", "310119": "310115"}
        assert {code: table.resolve(code) for code in facts} == facts
        assert table.resolve("329999") is None
        assert sum(code.startswith("3101") for code in table.names) == 16

    def test_retired_names_of_one_meaning(self) -> None:
        """海安县 had two codes and means one place; it counts as the last of them."""
        table = load_divisions("2026-01-01")
        assert table.by_name("海安县") == "320621"
        assert table.by_name("无此县") is None

    def test_refused_tables(self) -> None:
        """Circles, dead ends and equal names in force are refused."""
        first = Area("320601", "甲区", None, 2000, "320602")
        for second in (Area("320602", "乙区", None, 2000, "320601"), Area("320602", "乙区", None, 2000, "")):
            with pytest.raises(MappingInvalid, match="no successor in force"):
                DivisionTable("x", [first, second])
        with pytest.raises(MappingInvalid, match="qualify it"):
            DivisionTable("x", [Area("320601", "甲区", None, None, ""), Area("310101", "甲区", None, None, "")])
        told_apart = [Area("320601", "丙区", None, 2000, "320603"), Area("310101", "丙区", None, 2000, "320604")]
        in_force = [Area("320603", "丁区", 2000, None, ""), Area("320604", "戊区", 2000, None, "")]
        assert DivisionTable("x", told_apart + in_force).by_name("丙区") is None
