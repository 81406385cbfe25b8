"""Documents: every column and code stands in them, in the language that was asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from adapters.toolbox.bilingual import Language
from adapters.toolbox.documents import document
from adapters.toolbox.places import MappingPlace, find_place, installed_places


@pytest.mark.parametrize("place", installed_places(), ids=lambda place: place.name)
@pytest.mark.parametrize("language", list(Language))
def test_everything_is_told(place: MappingPlace, language: Language) -> None:
    """Columns with their labels, codes, missing words, fields not carried; tables with as many cells as headings."""
    mapping = place.load()
    text = document(mapping, language)
    for column in mapping.declaration.columns:
        assert f"| `{column.name}` | {column.label} |" in text
    for word in mapping.declaration.not_carried:
        assert f"| `{word}` |" in text
    widths = [line.replace("\\|", "").count("|") for line in text.splitlines()]
    for above, below in pairwise(widths):
        assert not above or not below or above == below


def test_languages() -> None:
    """Chinese has no English reasons, English no Chinese ones, both have both."""
    mapping = find_place("shanghai/social.certification").load()
    chinese, english, both = (document(mapping, language) for language in Language)
    assert "窗口录入时的空值" in chinese
    assert "what the counter enters" not in chinese
    assert "what the counter enters" in english
    assert "窗口录入时的空值" not in english
    assert "窗口录入时的空值 / what the counter enters for nothing" in both
    assert "| `sfzh` | 身份证号 | person number (`person_number`) | 公民身份号码 | 是 |  |" in chinese
    assert "SCHEME_ENTERPRISE_PENSION" in english


def test_invariants() -> None:
    """Sums and groups are told in the dialect's column names."""
    text = document(find_place("local/social.transfer").load(), Language.ENGLISH)
    assert "## Sums that must hold" in text
    assert "- `aic083` = `aic093` + `aic089` + `aic082`" in text
    assert "## Several rows are one record" in text
    assert "`years`" in text
