"""The catalogue says of every field what it is, and how each dialect carries it or why it does not."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from adapters.mapping import find_mappings
from adapters.toolbox.bilingual import Language
from adapters.toolbox.catalogue import Sheet, catalogue_page, load_sheets, sheet_markdown
from adapters.toolbox.catalogue.markdown import file_name
from services.node.cli.standards import markdown_files
from services.wire.datasets import load_datasets

SHEETS = load_sheets()
KEPT = Path(__file__).resolve().parents[5] / "docs" / "standards"
BY_NAME = {sheet.dataset: sheet for sheet in SHEETS}


def test_every_standard_has_a_sheet() -> None:
    """As many as the gate knows, each at its newest version, and all of the contract's fields."""
    known = load_datasets()

    assert [(one.dataset, one.version) for one in SHEETS] == [
        (name, known.standards(name)[-1]) for name in known.names()
    ]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda one: one.dataset)
def test_every_field_is_mapped_in_every_dialect_or_named_as_absent_with_the_reason(sheet: Sheet) -> None:
    """Required or not, down to parts and items: columns, or one value for all rows, or none, and then why."""
    dialects = {dialect for dialect, dataset in find_mappings() if dataset == sheet.dataset}
    leaves = [one for one in sheet.fields if not one.has_parts]

    assert {"local", "shanghai"} <= dialects
    assert any(one.required for one in leaves)
    for one in leaves:
        assert set(one.dialects) == dialects, one.path
        for carried in one.dialects.values():
            assert bool(carried.columns) != bool(carried.reason), one.path


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda one: one.dataset)
def test_every_fact_of_a_field_is_said(sheet: Sheet) -> None:
    """Both names, a type; a unit for money; every field of the key is there and marked."""
    for one in sheet.fields:
        assert one.words.chinese, one.path
        assert one.words.english, one.path
        assert one.type, one.path
        assert bool(one.unit) or not one.path.endswith("_fen"), one.path
    assert {one.path for one in sheet.fields if one.in_key} == set(sheet.key)


def test_rules_within_a_record_are_said() -> None:
    """Sums, totals over items, decisions."""
    settlement, assessment = BY_NAME["care.settlement"], BY_NAME["care.assessment"]

    assert "`person_total_fen` = `account_fen` + `cash_fen` + `relatives_account_fen`" in settlement.rules
    assert "`total_fen` = Σ `items.amount_fen`" in settlement.rules
    assert any("→ `preliminary_level` = " in rule for rule in assessment.rules)


def test_codes_stand_side_by_side() -> None:
    """Each value with its meaning, and the codes of both dialects; a value without a code is refused there."""
    (sex,) = [one for one in BY_NAME["social.contribution"].codes if one.path == "sex"]
    male, _, unstated = sex.values

    assert (male.name, male.dialects) == ("SEX_MALE", {"local": ("1 男",), "shanghai": ("0 男",)})
    assert unstated.dialects == {"local": (), "shanghai": ()}


def test_the_repository_keeps_the_present_catalogue() -> None:
    """`docs/standards` is what `yrdx standards docs` writes: run it with `--out docs/standards` after a change."""
    made = markdown_files(SHEETS)

    assert {path.name for path in KEPT.glob("*.md")} == set(made)
    stale = [name for name, text in made.items() if (KEPT / name).read_text(encoding="utf-8") != text]
    assert stale == []


def test_a_language_can_be_left_out() -> None:
    """Headings, types and reasons are in one language; names of fields stay in both."""
    sheet = BY_NAME["social.contribution"]
    chinese, english = (sheet_markdown(sheet, one) for one in (Language.CHINESE, Language.ENGLISH))

    assert "中文名 / Chinese name" not in chinese + english
    assert "表中没有民族" in chinese
    assert "表中没有民族" not in english
    assert "公民身份号码" in english


class _Page(HTMLParser):
    """Collects what a page refers to, and checks that what it opens it closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.links += [facts[name] or "" for name in ("href", "src") if name in facts]
        self.ids |= {facts["id"] or ""} if "id" in facts else set()
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else() -> None:
    """No link leads out of it, each leads somewhere in it, every element is closed, every field stands in it."""
    text = catalogue_page(SHEETS, "0.1.0")
    page = _Page()
    page.feed(text)

    assert page.open == []
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert len(page.links) == len(SHEETS)
    assert "http" not in text
    assert all(f">{one.path}</code>" in text for sheet in SHEETS for one in sheet.fields)


def test_what_looks_like_markup_is_text() -> None:
    """Patterns and notes come as they are."""
    text = catalogue_page(SHEETS, "<b>0</b>")

    assert "<b>0</b>" not in text
    assert "^[0-9A-HJ-NPQRTUWXY]{18}$" in text


def test_file_names_follow_the_datasets() -> None:
    """As the mapping files are named."""
    assert file_name(BY_NAME["social.contribution"]) == "social_contribution.md"
