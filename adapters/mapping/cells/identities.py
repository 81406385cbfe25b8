"""The two numbers with check digits: of citizens and of employers."""

from __future__ import annotations

import re
from typing import Final

from adapters.mapping.cells.base import Cell
from adapters.mapping.declared_columns import Column
from adapters.mapping.errors import CellRefused
from adapters.mapping.typed import Value, whole_text
from services.domain.check_digits import (
    citizen_number_check,
    is_calendar_date,
    is_citizen_number,
    is_social_credit_code,
)

_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")


class CitizenNumberCell(Cell[str, Column]):
    """A citizen number (GB 11643-1999): 18 characters, or the 15 digits issued before 1999."""

    kinds = frozenset({"string"})
    normalisations = frozenset({"half_width", "upper_case", "citizen_number_15"})
    fast_read = "{c} if {right}({c}) and {c}[0] != '0' else {read}({c}, notes)"

    def helpers(self) -> dict[str, object]:
        """``right`` is the whole rule, but for the first digit."""
        return {"right": is_citizen_number}

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Check a number, and bring it to 18 characters; see ``Cell.read``."""
        number = self._normalised(text, notes)
        if not re.fullmatch("[1-9][0-9]{16}[0-9X]", number):
            rounded = re.fullmatch(r"[0-9](\.[0-9]+)?E\+?[0-9]+|[1-9][0-9]{14,17}\.0*", number, re.IGNORECASE)
            raise CellRefused("citizen_number.precision" if rounded else "citizen_number.format")
        if not is_citizen_number(number):
            raise CellRefused(self._complaint(number))
        return number

    def write(self, value: str, need: str) -> str:
        """The number itself."""
        return value

    def say(self, value: Value, notes: list[str]) -> str:
        """Say an exact whole number; one that a spreadsheet has rounded is refused as such."""
        try:
            return whole_text(value)
        except CellRefused as refused:
            rounded = refused.rule_id == "typed.precision"
            raise CellRefused("citizen_number.precision" if rounded else refused.rule_id) from None

    @staticmethod
    def _normalised(text: str, notes: list[str]) -> str:
        """Half width, upper case, 18 characters."""
        number = text.translate(_FULL_WIDTH)
        if number != text:
            notes.append("half_width")
        if number.endswith("x"):
            number = number[:-1] + "X"
            notes.append("upper_case")
        if re.fullmatch("[1-9][0-9]{14}", number):
            # The old form leaves out the century, which was the 20th for everyone who got one.
            body = f"{number[:6]}19{number[6:]}"
            number = body + citizen_number_check(body)
            notes.append("citizen_number_15")
        return number

    @staticmethod
    def _complaint(number: str) -> str:
        """Name the rule that a number of the right shape breaks."""
        if not is_calendar_date(f"{number[6:10]}-{number[10:12]}-{number[12:14]}"):
            return "citizen_number.birth_date"
        # A spreadsheet keeps 15 significant digits and fills up with zeros.
        return "citizen_number.precision" if number.endswith("000") else "citizen_number.check"


class SocialCreditCodeCell(Cell[str, Column]):
    """A unified social credit code (GB 32100-2015)."""

    kinds = frozenset({"string"})
    remembers = True

    def read(self, text: str, notes: list[str], need: str) -> str:
        """Check a code; see ``Cell.read``."""
        if not re.fullmatch("[0-9A-HJ-NPQRTUWXY]{18}", text):
            raise CellRefused("social_credit_code.format")
        if not is_social_credit_code(text):
            raise CellRefused("social_credit_code.check")
        return text

    def write(self, value: str, need: str) -> str:
        """The code itself."""
        return value
