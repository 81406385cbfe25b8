"""`yrdx mapping`: exit codes, JSON for programs, and mistakes that say what to do."""

from __future__ import annotations

from pathlib import Path

from tests.integration.support.commands import yrdx
from tests.unit.adapters.toolbox.folders import copied, edited


def test_lint_of_all() -> None:
    """What is shipped has notes alone."""
    levels = {finding["level"] for finding in yrdx("mapping", "lint", "--all", "--json").json}
    assert levels == {"note"}


def test_lint_of_a_wrong_file(tmp_path: Path) -> None:
    """Errors end with 1, for people and for programs."""
    place = edited(copied(tmp_path, "local", "social.contribution"), ('table  = "sex.csv"', 'table  = "sechs.csv"'))
    ran = yrdx("mapping", "lint", place.file, "--json", code=1)
    assert [(one["level"], one["place"]) for one in ran.json] == [("error", "column AAC004")]
    assert "no such code table" in yrdx("mapping", "lint", place.file, code=1).out
    assert "lint it first" in yrdx("mapping", "docs", place.file, code=2).err


def test_unconfirmed() -> None:
    """Every mark with file and line."""
    marks = yrdx("mapping", "lint", "shanghai", "--unconfirmed", "--json").json
    assert {mark["file"] for mark in marks} >= {"shanghai/social_enrolment.toml"}
    assert "column cbzt" in yrdx("mapping", "lint", "shanghai", "--unconfirmed").out


def test_golden_rows(tmp_path: Path) -> None:
    """A difference ends with 1 and is shown with what was expected and found."""
    assert all(one["differences"] == [] for one in yrdx("mapping", "test", "--json").json)
    place = edited(copied(tmp_path, "local", "social.contribution"), ("digits = 10\nmonth", "digits = 9\nmonth"))
    ran = yrdx("mapping", "test", place.file, code=1)
    assert "AAC001" in ran.out
    assert "social_contribution.toml" in ran.err
    place.samples(".csv").unlink()
    assert "there is no" in yrdx("mapping", "test", place.file, code=1).err


def test_accepting(tmp_path: Path) -> None:
    """What is accepted is right from then on."""
    place = copied(tmp_path, "shanghai", "social.transfer")
    place.samples(".jsonl").unlink()
    yrdx("mapping", "test", place.file, "--accept")
    yrdx("mapping", "test", place.file)


def test_documents(tmp_path: Path) -> None:
    """To stdout, or a file for each mapping."""
    assert "| `sfzh` | 身份证号 |" in yrdx("mapping", "docs", "shanghai/social.enrolment", "--lang", "zh").out
    yrdx("mapping", "docs", "local", "-o", tmp_path / "docs")
    assert len(list((tmp_path / "docs").glob("local_social_*.md"))) == 4
    assert "zh | en | both" in yrdx("mapping", "docs", "--lang", "fr", code=2).err


def test_differences(tmp_path: Path) -> None:
    """What is compatible ends with 0, what is not with 1."""
    place = edited(copied(tmp_path, "local", "social.contribution"), ('label = "姓名"', 'label = "本人姓名"'))
    ran = yrdx("mapping", "diff", "local/social.contribution", place.file, "--json")
    assert [one["kind"] for one in ran.json["changes"]] == ["column.words"]
    assert (
        "NOT compatible" in yrdx("mapping", "diff", "local/social.enrolment", "shanghai/social.enrolment", code=1).err
    )
    assert "or several" in yrdx("mapping", "diff", "local", "shanghai", code=2).err


def test_unknown_names() -> None:
    """They are a mistake."""
    assert "nowhere" in yrdx("mapping", "lint", "nowhere", code=2).err
