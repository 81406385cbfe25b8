from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.store.columns import from_micros, to_micros

aware = st.datetimes(timezones=st.timezones())


@given(aware)
def test_an_instant_comes_back_in_utc(instant: datetime) -> None:
    """Whatever its zone, an instant is kept to the microsecond."""
    back = from_micros(to_micros(instant))
    assert back == instant.astimezone(UTC)  # Python calls a time that a zone skipped unequal to every other
    assert back.tzinfo is UTC


@given(aware, aware)
def test_instants_keep_their_order(first: datetime, second: datetime) -> None:
    """What is stored sorts as time does."""
    assert (to_micros(first) < to_micros(second)) == (first.astimezone(UTC) < second.astimezone(UTC))


def test_the_zone_counts() -> None:
    """Eight in the morning in Nanjing is midnight in UTC."""
    local = datetime(1970, 1, 1, 8, 0, 0, 1, timezone(timedelta(hours=8)))
    assert to_micros(local) == 1


def test_an_instant_without_a_zone_is_our_mistake() -> None:
    """Nobody knows when it was."""
    with pytest.raises(ValueError, match="time zone"):
        to_micros(datetime(2026, 1, 1))
