"""Typed values of databases, spreadsheets and JSON, as the text that a dialect's own file would have.

A value is said exactly or not at all: a float by its shortest decimal (``repr``), never by binary rounding.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Final

from adapters.mapping.errors import CellRefused

Value = str | int | float | Decimal | bool | date | datetime | None
"""What a cell of a typed source, or of a typed target, holds."""

LOCAL_TIME: Final = timezone(timedelta(hours=8))
"""All dialects of the delta say local time, UTC+8 without summer time."""

_FLOAT_WHOLE_MAX: Final = 10**15
"""From here on a spreadsheet has rounded: it keeps 15 significant digits."""


def exact(value: Value) -> Decimal:
    """Return a number as an exact decimal.

    Raises:
        CellRefused: It is no number.
    """
    match value:
        case bool() | str() | date() | None:
            raise CellRefused("typed.kind")
        case float():
            number = Decimal(repr(value))
        case _:
            number = Decimal(value)
    if not number.is_finite():
        raise CellRefused("typed.kind")
    return number


def whole_text(value: Value) -> str:
    """Return the digits of a whole number.

    Raises:
        CellRefused: It is no number, has a fraction, or a spreadsheet has rounded it.
    """
    number = exact(value)
    if number != number.to_integral_value():
        raise CellRefused("typed.fraction")
    if isinstance(value, float) and abs(value) >= _FLOAT_WHOLE_MAX:
        raise CellRefused("typed.precision")
    return str(int(number))


def decimal_text(number: Decimal) -> str:
    """Return a decimal without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def local_day(value: date) -> date:
    """Return the day of a date, or of an instant that stands for one.

    Raises:
        CellRefused: It has a time of day, which a day would lose.
    """
    if not isinstance(value, datetime):
        return value
    moment = local_moment(value)
    if moment.time() != time():
        raise CellRefused("typed.time")
    return moment.date()


def local_moment(value: datetime) -> datetime:
    """Return an instant as local time without a zone; one without a zone is local already."""
    return value.astimezone(LOCAL_TIME).replace(tzinfo=None) if value.tzinfo else value
