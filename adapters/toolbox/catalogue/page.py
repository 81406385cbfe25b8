"""The catalogue as one page of HTML that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from adapters.toolbox.bilingual import SEPARATOR
from adapters.toolbox.catalogue.sheets import Sheet

_TEMPLATE = "catalogue.html.jinja"


def catalogue_page(sheets: Sequence[Sheet], software: str) -> str:
    """Write the page.

    Args:
        sheets: The standards.
        software: Version of the software that knows them.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"both": _both, "code": _code}
    source = (files(__package__) / _TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(sheets=sheets, software=software)


def _both(text: str) -> Markup:
    """Write a text in both languages, Chinese first and English beside it in its own words."""
    chinese, _, english = text.partition(SEPARATOR)
    beside = Markup(' <span lang="en">{}</span>').format(_code(english)) if english else Markup()
    return _code(chinese) + beside


def _code(text: str) -> Markup:
    """Write what stands between backquotes as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )
