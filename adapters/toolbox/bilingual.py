"""Documents that say everything in Chinese and in English: one text holds both, "中文 / English"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """Of a document."""

    CHINESE = "zh"
    ENGLISH = "en"
    BOTH = "both"


SEPARATOR: Final = " / "


class Writer:
    """Says things in one language, or in both.

    Args:
        language: Of the document.
        words: The document's own words, each in both languages, by name.
    """

    def __init__(self, language: Language, words: Mapping[str, str]) -> None:
        self._language = language
        self._words = words

    def __call__(self, text: str) -> str:
        """Pick the language of a text that says it in both; any other text is said as it is."""
        chinese, separator, english = text.partition(SEPARATOR)
        if not separator or self._language is Language.BOTH:
            return text
        return chinese if self._language is Language.CHINESE else english

    def word(self, name: str, **facts: object) -> str:
        """Say one of the document's own words."""
        return self(self._words[name].format(**facts))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """Write a Markdown table, and an empty line behind; headings are words by their names."""
        yield _row([self.word(name) if name in self._words else name for name in headings])
        yield _row(["---"] * len(headings))
        yield from (_row([self(cell) for cell in row]) for row in rows)
        yield ""


def _row(cells: Sequence[str]) -> str:
    """One line of a table; what would end a cell is written otherwise."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
