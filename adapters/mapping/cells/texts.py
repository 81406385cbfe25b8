"""Texts: names of people and employers, serials, and numbers that are names."""

from __future__ import annotations

import re
from typing import Final

from adapters.mapping.cells.base import Cell, Context
from adapters.mapping.declared_columns import DigitsColumn, PlainColumn, SerialColumn
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value

# What nobody sees and nobody meant: C0 and C1, zero-width and direction marks, the byte order mark, the replacement
# character that an earlier wrong decoding left.
_INVISIBLE: Final = "\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff0-\uffff"
_PRIVATE_USE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_IDEOGRAPHS: Final = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
# Keyboards and code pages have five dots for the one in 买买提·艾力; NFKC does not unify them.
_MIDDLE_DOTS: Final = str.maketrans(dict.fromkeys("•・∙‧", "·"))


def _refuse_unfit(text: str, invisible: re.Pattern[str], characters_max: int) -> None:
    """Refuse what is no honest text.

    Raises:
        CellRefused: Too long, invisible characters, or characters without an agreed meaning.
    """
    if len(text) > characters_max:
        raise CellRefused("text.too_long", most=characters_max)
    if invisible.search(text):
        raise CellRefused("text.control")
    if _PRIVATE_USE.search(text):
        raise CellRefused("text.private_use")


class TextCell(Cell[str, PlainColumn]):
    """Any text; line breaks inside are kept."""

    guards = True
    kinds = frozenset({"string"})
    fast_read = "{c} if {plain}({c}) else {read}({c}, notes)"
    fast_write = "x if {plain}(x := {v}) else {write}(x)"
    fast_check = "{plain}({v}) or {write}({v})"
    usual: str = f"!-~（）“”·，、{_IDEOGRAPHS}"
    """Characters that never need a second look: of ASCII all that leave ink, as codes of diagnoses have dots."""
    invisible = re.compile(f"[\t\v\f{_INVISIBLE}]")

    def helpers(self) -> dict[str, object]:
        """``plain`` accepts what ``read`` would return unchanged; not everything of that kind."""
        words = "|".join(re.escape(word) for word in self.context.missing if word)
        missing = f"(?!(?:{words})\\Z)" if words else ""
        pattern = f"(?={self.facts.pattern.pattern})" if self.facts.pattern else ""
        return {"plain": re.compile(f"{missing}{pattern}[{self.usual}]{{1,{self._characters_max}}}").fullmatch}

    @property
    def _characters_max(self) -> int:
        return self.facts.characters_max or 65_535

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Check a text; see ``Cell.read``."""
        _refuse_unfit(text, self.invisible, self._characters_max)
        if not self.facts.holds(text):
            raise CellRefused("text.pattern")
        return text

    def write(self, value: str, need: str) -> str:
        """The text itself."""
        return value


class NameCell(TextCell):
    """A person's name: one line, and the dots between its parts unified."""

    normalisations = frozenset({"middle_dot"})
    usual = f"A-Za-z·{_IDEOGRAPHS}"
    invisible = re.compile(f"[\t\v\f\r\n{_INVISIBLE}]")

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Check a name and unify its dots; see ``Cell.read``."""
        name = text.translate(_MIDDLE_DOTS)
        if name != text:
            notes.append("middle_dot")
        return super().read(name, notes, need)

    def say(self, value: Value, notes: list[str]) -> str:
        """A name is never a number."""
        raise CellRefused("typed.kind")


class SerialCell(Cell[str, SerialColumn]):
    """A person's number that names a row, by itself or only together with a month: "1234567890" in 2026-01.

    The standard's serial is then "1234567890-202601". Any other serial comes from elsewhere and is written as "#" and
    the serial, so that neither is ever taken for the other.
    """

    guards = True
    kinds = frozenset({"string"})
    normalisations = frozenset({"serial_mark"})
    fast_read = "{c} + '-' + {need}.replace('-', '') if {own}({c}) else {read}({c}, notes, {need})"
    fast_write = "{said}(x, {need}) if {plain}(x := {v}) else {write}(x, {need})"
    fast_check = "{plain}({v}) or {write}({v}, {need})"

    def __init__(self, declaration: SerialColumn, facts: FieldFacts, context: Context) -> None:
        super().__init__(declaration, facts, context)
        self.needs = declaration.month
        self._own = re.compile(f"[0-9]{{{declaration.digits}}}")
        if not declaration.month:
            self.fast_read = "{c} if {own}({c}) else {read}({c}, notes)"

    def problem(self) -> str:
        """A number or a mark that reads as "nothing is given" would be lost."""
        lost = sorted(word for word in self.context.missing if word[:1] == "#" or self._own.fullmatch(word))
        return f"the missing word {lost[0]!r} is a serial as well" if lost else ""

    def helpers(self) -> dict[str, object]:
        """``own`` knows the city's numbers; ``plain`` serials need no check before they are said."""
        return {
            "own": self._own.fullmatch,
            "plain": re.compile(f"[0-9A-Za-z-]{{1,{self.facts.characters_max or 64}}}").fullmatch,
            "said": self.write,
        }

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Join number and month, or take what stands behind "#"; see ``Cell.read``."""
        if self._own.fullmatch(text):
            return text + self._month(need)
        serial = text[1:]
        if text[:1] != "#" or not serial or serial != serial.strip():
            raise CellRefused("serial.format", digits=self.declaration.digits)
        _refuse_unfit(serial, NameCell.invisible, self.facts.characters_max or 64)
        if self.write(serial, need) != text:
            notes.append("serial_mark")
        return serial

    def write(self, value: str, need: str) -> str:
        """Say the city's number where the month agrees, "#" and the serial else."""
        number = value[: self.declaration.digits]
        own = self._own.fullmatch(number) and value == number + self._month(need)
        return number if own else f"#{value}"

    def _month(self, need: str) -> str:
        return f"-{need.replace('-', '')}" if self.needs else ""


class DigitsCell(Cell[str, DigitsColumn]):
    """A number that is a name: leading zeros count."""

    kinds = frozenset({"string"})
    remembers = True

    def problem(self) -> str:
        """The lengths must be the standard's."""
        column = self.declaration
        fits = self.facts.allows("1" * column.digits_min) and self.facts.allows("1" * column.digits_max)
        return "" if fits else "the field does not allow that many digits"

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Check that there are only digits; see ``Cell.read``."""
        least, most = self.declaration.digits_min, self.declaration.digits_max
        digits = text.isascii() and text.isdigit() and least <= len(text) <= most
        if not (digits and self.facts.allows(text)):
            raise CellRefused("digits.format", count=str(least) if least == most else f"{least}–{most}")
        return text

    def write(self, value: str, need: str) -> str:
        """The digits themselves."""
        return value
