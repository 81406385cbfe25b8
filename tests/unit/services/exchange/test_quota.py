from __future__ import annotations

import pytest

from services.domain.errors import QuotaExceeded
from services.exchange.quota import Quotas
from tests.simulation.cities import FakeClock, make_agreement


def test_a_full_minute_passes_and_then_waits() -> None:
    """A bucket lets its minute through at once; then it says how long to wait."""
    clock = FakeClock()
    quotas = Quotas(clock)
    agreement = make_agreement(records_per_minute=600)
    quotas.take(agreement, 600)
    with pytest.raises(QuotaExceeded) as refused:
        quotas.take(agreement, 1)
    assert refused.value.retry_after_s == pytest.approx(0.1)
    clock.advance(1)
    quotas.take(agreement, 10)


def test_a_batch_above_the_quota_slows_the_stream_but_never_stops_it() -> None:
    """A quota of 10 a minute lets a batch of 100 through, and the debt is waited for."""
    clock = FakeClock()
    quotas = Quotas(clock)
    agreement = make_agreement(records_per_minute=10)
    quotas.take(agreement, 100)
    with pytest.raises(QuotaExceeded) as refused:
        quotas.take(agreement, 1)
    assert refused.value.retry_after_s == pytest.approx(540)
    clock.advance(541)
    quotas.take(agreement, 1)


def test_no_quota_is_no_bound() -> None:
    """An agreement without a quota takes everything."""
    quotas = Quotas(FakeClock())
    for _ in range(10):
        quotas.take(make_agreement(), 1_000_000)


def test_agreements_have_buckets_of_their_own() -> None:
    """One agreement's debt is not another's."""
    quotas = Quotas(FakeClock())
    quotas.take(make_agreement(records_per_minute=1), 5)
    quotas.take(make_agreement(id="NT-SH-2026-002", records_per_minute=1), 1)
