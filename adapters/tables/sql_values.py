"""Values made fit for a column of a target: what the column cannot hold exactly is refused, never changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Column, types

from adapters.tables.rows import Cell

Value = Cell
Fit = Callable[[Value], Value]

_LOCAL_TIME: Final = timezone(timedelta(hours=8))
"""All of the delta's dialects say local time without a zone."""

_INTEGER_MAX: Final = 2**63 - 1
_DOUBLE_DIGITS: Final = 15
_SINGLE_DIGITS: Final = 6
"""Decimal digits that a binary number of 64 or 32 bits gives back as they were (DBL_DIG, FLT_DIG in C)."""


def is_textual(column: Column[Any]) -> bool:
    """Say whether a column takes texts as they are: then it gets the dialect's own ones, as its files have them."""
    return isinstance(column.type, types.String)


def fitting(column: Column[Any], *, decimals_are_binary: bool) -> Fit:
    """Return how a value is made fit for a column.

    Args:
        column: The column.
        decimals_are_binary: The database keeps decimals as binary numbers, as SQLite does.

    Returns:
        A function that raises ValueError or ArithmeticError where the column cannot hold a value exactly. An empty
        text is no value to a column that is not of texts.
    """
    kind = column.type
    match kind:
        case types.String():
            return lambda value: value if value is None else _text(value)
        case types.DateTime():
            return _of(lambda value: _moment(value, with_zone=kind.timezone))
        case types.Date():
            return _of(_day)
        case types.Integer() | types.Float() | types.Numeric():
            return _of(_number_fit(kind, decimals_are_binary=decimals_are_binary))
        case _:
            return lambda value: value


def _number_fit(kind: Any, *, decimals_are_binary: bool) -> Fit:  # noqa: ANN401 - SQLAlchemy's types are generic
    if isinstance(kind, types.Integer):
        return _whole
    if decimals_are_binary:
        return lambda value: _within(value, _DOUBLE_DIGITS)
    if isinstance(kind, types.Float):
        digits = _SINGLE_DIGITS if isinstance(kind, types.REAL) else _DOUBLE_DIGITS
        return lambda value: _within(value, digits)
    return lambda value: _scaled(value, kind.scale)


def _of(fit: Callable[[Any], Value]) -> Fit:
    return lambda value: None if value is None or value == "" else fit(value)


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _moment(value: str | date, *, with_zone: bool) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment.replace(tzinfo=_LOCAL_TIME) if with_zone and moment.tzinfo is None else moment


def _day(value: str | date) -> date:
    moment = datetime.fromisoformat(_text(value))
    if moment.time() != time():
        raise ValueError("a day would lose the time of day")
    return moment.date()


def _number(value: Any) -> Decimal:  # noqa: ANN401 - whatever a dialect says
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise ValueError("no number")
    return number


def _whole(value: Any) -> int:  # noqa: ANN401 - the same
    number = _number(value)
    if number != number.to_integral_value() or abs(number) > _INTEGER_MAX:
        raise ValueError("not a whole number of 64 bits")
    return int(number)


def _within(value: Any, digits: int) -> Decimal:  # noqa: ANN401 - the same
    number = _number(value)
    if len(number.normalize().as_tuple().digits) > digits:
        raise ValueError("more digits than a binary number keeps")
    return number


def _scaled(value: Any, scale: int | None) -> Decimal:  # noqa: ANN401 - the same
    number = _number(value)
    if scale is not None and number != round(number, scale):
        raise ValueError("more decimals than the column has")
    return number
