"""Instants: ``google.protobuf.Timestamp`` ↔ aware ``datetime`` in UTC.

A ``datetime`` holds microseconds, so what is finer is cut off. Nothing signed is ever serialised again from it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from services.domain.errors import Malformed

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS_MAX: Final = 999_999_999


def time_to_pb(instant: datetime) -> Timestamp:
    """Return an instant as it travels.

    Raises:
        ValueError: It has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant carries its time zone")
    whole = instant - _EPOCH
    return Timestamp(seconds=whole.days * 86_400 + whole.seconds, nanos=whole.microseconds * 1_000)


def time_from_pb(stamp: Timestamp) -> datetime:
    """Return an instant in UTC.

    Raises:
        Malformed: It lies outside the years 1 to 9999, or its nanoseconds are no part of a second.
    """
    if not 0 <= stamp.nanos <= _NANOS_MAX:
        raise Malformed("a timestamp's nanoseconds lie outside a second")
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)
    except OverflowError as error:
        raise Malformed("a timestamp lies outside the years 1 to 9999") from error
