"""`yrdx standards`: the catalogue from the command line."""

from __future__ import annotations

from pathlib import Path

from adapters.toolbox.catalogue import load_sheets
from services.node.cli.standards import markdown_files
from tests.integration.support.commands import yrdx


def test_standards_are_listed() -> None:
    """People get a table with Chinese names, programs names, versions, keys and mappings."""
    listed = yrdx("standards", "ls", "--json").json
    (found,) = [one for one in listed if one["dataset"] == "social.contribution"]

    assert (found["name"], found["version"], found["key"][0]) == ("缴费明细", "1", "person_number")
    assert set(found["mappings"]) == {"local", "shanghai"}
    assert "缴费明细" in yrdx("standards", "ls").out


def test_one_standard_is_shown() -> None:
    """As Markdown for people, in one language or both; whole for programs."""
    shown = yrdx("standards", "show", "care.referral", "--json").json
    (sex,) = [one for one in shown["fields"] if one["path"] == "division.code"]

    assert sex["dialects"]["local"]["columns"][0]["name"]
    assert "业务主键 / Business key" in yrdx("standards", "show", "care.referral").out
    assert "Business key" not in yrdx("standards", "show", "care.referral", "--lang", "zh").out


def test_a_mistake_names_what_there_is() -> None:
    """The nearest name, the languages: exit code 2."""
    assert "social.contribution" in yrdx("standards", "show", "social.contributions", code=2).err
    assert "zh | en | both" in yrdx("standards", "show", "care.referral", "--lang", "fr", code=2).err


def test_the_catalogue_is_written(tmp_path: Path) -> None:
    """One page that stands alone, and Markdown for each standard with a list; again over what stands there."""
    for _ in range(2):
        written = yrdx("standards", "docs", "--out", tmp_path / "made", "--json").json["files"]

    names = {Path(one).name for one in written}
    assert names == {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"standards.html", *markdown_files(load_sheets())}
