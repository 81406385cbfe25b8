"""Agreements over the wire."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.agreement import Agreement
from services.domain.errors import Malformed
from services.wire.agreements import agreement_from_pb, agreement_to_pb

_texts = st.text(max_size=12)
_days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
_cities = st.from_regex(r"[1-9][0-9]{5}", fullmatch=True)


@st.composite
def _agreements(draw: st.DrawFn) -> Agreement:
    valid_from = draw(_days)
    return Agreement(
        id=draw(_texts),
        version=draw(st.integers(1, 2**31 - 1)),
        provider=draw(_cities),
        consumer=draw(_cities),
        dataset="social.contribution",
        standard=draw(st.sampled_from(["1", "1.1"])),
        mode=draw(st.sampled_from(["push", "lookup"])),
        fields=tuple(draw(st.lists(_texts, max_size=3))),
        purposes=tuple(draw(st.lists(_texts, max_size=3))),
        legal_basis=draw(_texts),
        valid_from=valid_from,
        valid_until=valid_from + timedelta(days=draw(st.integers(0, 3650))),
        retention_days=draw(st.integers(1, 3650)),
        records_per_minute=draw(st.none() | st.integers(1, 10_000)),
    )


@given(agreed=_agreements())
def test_an_agreement_comes_back_as_it_went(agreed: Agreement) -> None:
    """Nothing of an agreement is lost on the wire, also not that it has no quota."""
    assert agreement_from_pb(agreement_to_pb(agreed)) == agreed


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "said"),
    [
        ("2026-02-30", "2026-12-31", "dates that exist"),
        ("2026-01-01", "2026-13-01", "dates that exist"),
        ("2026-01-02", "2026-01-01", "valid_until is before valid_from"),
    ],
)
@given(agreed=_agreements())
def test_impossible_dates_are_refused(agreed: Agreement, valid_from: str, valid_until: str, said: str) -> None:
    """A day that no calendar has, and an end before the beginning, are the writer's to mend."""
    pb = agreement_to_pb(agreed)
    pb.valid_from, pb.valid_until = valid_from, valid_until
    with pytest.raises(Malformed, match=said):
        agreement_from_pb(pb)
