"""What a cell of a sheet says: text, number, date or truth, or why it says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from adapters.tables.excel_package import Damaged
from adapters.tables.excel_sheet import RawCell
from adapters.tables.excel_texts import SharedTexts, unescaped
from adapters.tables.excel_workbook import Workbook
from adapters.tables.excel_xml import Attributes
from adapters.tables.rows import Cell, CellWrong, verify_precise

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DIGITS_EXACT: Final = 15
_ERRORS: Final = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!"))
# Day 60 is 1900-02-29, which Excel has and no calendar does; days below it count from one day later.
_EPOCH_1900, _EPOCH_1904, _LEAP_BUG = date(1899, 12, 30), date(1904, 1, 1), 60
_DAYS_MAX: Final = 2_958_465  # 9999-12-31


class CellReader:
    """Reads the cells of one workbook.

    Args:
        workbook: What it says of itself.
        texts: Its shared texts.
    """

    def __init__(self, workbook: Workbook, texts: SharedTexts) -> None:
        self._workbook = workbook
        self._texts = texts
        self._readers: dict[str, Callable[[str, Attributes], Cell]] = {  # ECMA-376 part 1, 18.18.11, ST_CellType
            "n": self._number,
            "s": self._shared,
            "str": self._text,
            "inlineStr": self._text,
            "b": self._truth,
            "e": self._error,
            "d": self._iso,
        }

    def value(self, cell: RawCell) -> Cell:
        """Return what a cell says; None for nothing.

        Args:
            cell: As the sheet writes it.

        Raises:
            CellWrong: It holds an error, a formula without a result, a number that lost digits, or no value.
            Damaged: It refers to a text that is not there.
        """
        attributes, text, formula = cell
        kind = attributes.get("t", "n")
        if formula and (self._workbook.recalculated or not (text or (text is not None and kind == "str"))):
            raise CellWrong("excel.formula")
        if text is None:
            return None
        reader = self._readers.get(kind)
        if reader is None:
            raise CellWrong("excel.kind")
        return reader(text, attributes)

    def _shared(self, text: str, _: Attributes) -> str:
        if not (text.isascii() and text.isdigit() and len(text) < _DIGITS_EXACT):
            raise Damaged
        return self._texts[int(text)]

    def _text(self, text: str, _: Attributes) -> str:
        return unescaped(text)

    def _number(self, text: str, attributes: Attributes) -> Cell:
        """A number, a whole one as int; a double holds 15 digits for certain, so longer ones are refused."""
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= _DIGITS_EXACT:
            number: int | float = int(text)
        elif _NUMBER.fullmatch(text):
            number = verify_precise(float(text), "excel")
            number = int(number) if number.is_integer() else number
        else:
            raise CellWrong("excel.number")
        return self._date(number) if attributes.get("s") in self._workbook.date_styles else number

    def _date(self, days: float) -> date | datetime:
        """A number that is shown as a date: days since the epoch, to the millisecond."""
        milliseconds = round(days * 86_400_000)
        whole, rest = divmod(milliseconds, 86_400_000)
        since_1904 = self._workbook.since_1904
        if not (0 if since_1904 else 1) <= whole <= _DAYS_MAX - (1462 if since_1904 else 0):
            raise CellWrong("excel.date")
        if not since_1904 and whole <= _LEAP_BUG:
            if whole == _LEAP_BUG:
                raise CellWrong("excel.date")
            whole += 1
        day = (_EPOCH_1904 if since_1904 else _EPOCH_1900) + timedelta(days=whole)
        if not rest:
            return day
        return datetime.combine(day, datetime.min.time()) + timedelta(milliseconds=rest)

    def _truth(self, text: str, _: Attributes) -> bool:
        if text not in ("0", "1"):
            raise CellWrong("excel.kind")
        return text == "1"

    def _error(self, text: str, _: Attributes) -> Cell:
        raise CellWrong("excel.error", error=text if text in _ERRORS else "?")

    def _iso(self, text: str, _: Attributes) -> date | datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            # Not chained: the error quotes the cell.
            raise CellWrong("excel.date") from None
        return moment if "T" in text else moment.date()
