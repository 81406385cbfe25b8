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


def test_a_draft(tmp_path: Path) -> None:
    """It is written beside its code tables, told in numbers and names of columns, and not replaced by accident."""
    yrdx("samples", "--people", 60, "--dataset", "social.contribution", "--bad-rows", 0, "-o", tmp_path)
    line = ["mapping", "new", "--from", tmp_path / "shanghai_contributions.xlsx", "--dataset", "social.contribution",
            "--dialect", "suzhou", "-o", tmp_path / "suzhou"]  # fmt: skip
    ran = yrdx(*line, "--json").json
    assert ran["files"][0].endswith("suzhou/social_contribution.toml")
    assert (ran["rows"], ran["unknown"], ran["lacking"]) == (60, [], [])
    assert "--force" in yrdx(*line, code=2).err
    assert "columns recognised" in yrdx(*line, "--force").err


def test_drafts_that_cannot_be(tmp_path: Path) -> None:
    """The message says what to do."""
    line = ["mapping", "new", "--dialect", "suzhou", "-o", tmp_path, "--from"]
    assert "a.csv" in yrdx(*line, tmp_path / "a.csv", "--dataset", "social.contribution", code=2).err
    (tmp_path / "a.csv").write_text("姓名\n", encoding="utf-8")
    assert "social.other" in yrdx(*line, tmp_path / "a.csv", "--dataset", "social.other", code=2).err
    without_folder = ["mapping", "new", "--from", tmp_path / "a.csv", "--dataset", "social.contribution"]
    assert "yrdx adapter new nowhere" in yrdx(*without_folder, "--dialect", "nowhere", code=2).err


def test_a_new_adapter(tmp_path: Path) -> None:
    """Known cities need no code; nothing is overwritten, and nothing is written elsewhere than in a source tree."""
    (tmp_path / "mapping").mkdir()
    ran = yrdx("adapter", "new", "suzhou", "--adapters", tmp_path, "--json").json
    assert (ran["city"], Path(ran["folder"])) == ("320500", tmp_path / "suzhou")
    assert "exists" in yrdx("adapter", "new", "suzhou", "--adapters", tmp_path, code=2).err
    assert "suzhou" in yrdx("adapter", "new", "suzhuo", "--adapters", tmp_path, code=2).err
    yrdx("adapter", "new", "kunshan", "--city", "320583", "--adapters", tmp_path)
    for words in (("Bad",), ("kunshan2", "--city", "1"), ("wuxi", "--adapters", tmp_path / "wuxi")):
        yrdx("adapter", "new", *words, *(() if "--adapters" in words else ("--adapters", tmp_path)), code=2)
