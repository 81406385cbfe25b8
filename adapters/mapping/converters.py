"""Named converters: small functions for what a table of columns cannot say.

Each has a name, both directions, and a statement of what it leaves out. A mapping file names one in columns of type
"converted" that share the field; their order is that of ``read``'s texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from adapters.mapping.errors import CellRefused
from adapters.mapping.typed import Value, local_day, whole_text

_MONTHS_A_YEAR: Final = 12
_COUNT: Final = re.compile("0|[1-9][0-9]?")
_WHOLE: Final = re.compile("0|[1-9][0-9]{0,10}")
_MONTH: Final = re.compile("[0-9]{4}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Converter:
    """One converter.

    Attributes:
        says: What it does, Chinese with English beside.
        columns: How many columns it reads and writes.
        kinds: Kinds of field that it can carry, as in ``FieldFacts.kind``.
        read: Texts of its columns, none of them empty → the field's value. Raises ``CellRefused``. What it returns is
            checked against the field's rules by the caller.
        write: The field's value → texts of its columns. Raises ``CellRefused``.
        value: One of those texts → a typed value for a database.
        say: A typed value of a database → one of those texts; see ``Cell.say``.
        normalisations: What ``say`` may note.
        lossy: What ``write`` leaves out, Chinese with English beside; empty where it leaves out nothing.
    """

    says: str
    columns: int
    kinds: frozenset[str]
    read: Callable[..., Any]
    write: Callable[[Any], tuple[str, ...]]
    value: Callable[[str], Value] = str
    say: Callable[[Value, list[str]], str] = lambda value, _: whole_text(value)
    normalisations: frozenset[str] = frozenset()
    lossy: str = ""


def _read_years_months(years: str, months: str) -> int:
    if not (_COUNT.fullmatch(years) and _COUNT.fullmatch(months) and int(months) < _MONTHS_A_YEAR):
        raise CellRefused("converter.years_months")
    return int(years) * _MONTHS_A_YEAR + int(months)


def _write_years_months(count: int) -> tuple[str, str]:
    years, months = divmod(count, _MONTHS_A_YEAR)
    return str(years), str(months)


def _say_month(value: Value, notes: list[str]) -> str:
    """A date type cannot but say a day: a month is stored there as its first."""
    if not isinstance(value, date):
        return whole_text(value)
    day = local_day(value)
    if day.day != 1:
        raise CellRefused("typed.day", format="YYYY-MM")
    notes.append("typed_month")
    return f"{day:%Y-%m}"


def _read_month(month: str) -> str:
    if not _MONTH.fullmatch(month):
        raise CellRefused("date.format", format="YYYY-MM")
    return month


def _write_month(iso: str) -> tuple[str]:
    return (iso[:7],)


def _read_tenths(whole: str) -> int:
    if not _WHOLE.fullmatch(whole):
        raise CellRefused("count.format")
    return int(whole) * 10


def _write_tenths(tenths: int) -> tuple[str]:
    return (str(tenths // 10),)


CONVERTERS: Final[Mapping[str, Converter]] = {
    "years_months": Converter(
        says="年数与余下月数 ↔ 总月数 / years and the months beyond them ↔ months",
        columns=2,
        kinds=frozenset({"int32", "int64"}),
        read=_read_years_months,
        write=_write_years_months,
        value=int,
    ),
    "tenths_of_whole": Converter(
        says="整数 ↔ 十分之一 / whole units ↔ tenths of them",
        columns=1,
        kinds=frozenset({"int32", "int64"}),
        read=_read_tenths,
        write=_write_tenths,
        value=int,
        lossy="只写整数，十分位舍去 / only whole units are written, the tenths are left out",
    ),
    "month_of_date": Converter(
        says="年月 ↔ 年月或年月日 / a month ↔ a month or a day",
        columns=1,
        kinds=frozenset({"string"}),
        read=_read_month,
        write=_write_month,
        say=_say_month,
        normalisations=frozenset({"typed_month"}),
        lossy="只写年月，日舍去 / only the month is written, the day is left out",
    ),
}
"""Every converter by the name that mapping files use."""
