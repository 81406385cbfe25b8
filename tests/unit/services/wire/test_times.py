"""Instants survive the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.domain.errors import Malformed
from services.wire.times import time_from_pb, time_to_pb


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])))
def test_instants_come_back(instant: datetime) -> None:
    """Any instant of the calendar comes back, in UTC, to the microsecond."""
    if not datetime(1, 1, 2, tzinfo=UTC) < instant:
        instant += timedelta(days=1)

    back = time_from_pb(time_to_pb(instant))

    assert back == instant
    assert back.tzinfo is UTC


def test_it_is_what_protobuf_means() -> None:
    """Before 1970 the nanoseconds still count forwards."""
    instant = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)

    assert time_to_pb(instant) == Timestamp(seconds=-1, nanos=500_000_000)
    assert time_to_pb(instant).ToDatetime(UTC) == instant


def test_an_instant_without_a_zone_is_our_mistake() -> None:
    """It would mean another instant on another machine."""
    with pytest.raises(ValueError, match="time zone"):
        time_to_pb(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "stamp",
    [
        Timestamp(seconds=2**62),
        Timestamp(seconds=-(2**62)),
        Timestamp(seconds=253_402_300_800),
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
    ],
)
def test_what_is_no_instant_is_refused(stamp: Timestamp) -> None:
    """A partner's impossible time is its mistake, not our crash."""
    with pytest.raises(Malformed):
        time_from_pb(stamp)
