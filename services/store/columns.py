"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Integer
from sqlalchemy.types import TypeDecorator

ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit key. On SQLite only the exact word INTEGER makes a key the row id itself."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Count the microseconds since 1970 of an aware instant.

    Raises:
        ValueError: The instant has no time zone, so nobody knows when it was.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC instant of a count of microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware instant, kept as microseconds since 1970: SQLite would drop the time zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ANN401 - SQLAlchemy's
        """Return what is stored."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Any) -> datetime | None:  # noqa: ANN401 - SQLAlchemy's
        """Return the instant in UTC."""
        return None if value is None else from_micros(value)
