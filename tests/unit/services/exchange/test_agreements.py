from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.domain.agreement import Agreement
from services.domain.errors import AgreementMissing
from services.exchange.agreements import agreement_in_force, named_agreement
from tests.simulation.cities import BEGIN, STREAM, make_agreement


class FakeDirectory:
    def __init__(self, *agreements: Agreement) -> None:
        self._agreements = agreements
        self.revoked: frozenset[str] = frozenset()

    def agreements(self) -> tuple[Agreement, ...]:
        """Return what it was made with."""
        return self._agreements

    def revoked_agreements(self) -> frozenset[str]:
        """Return what it was told."""
        return self.revoked


def directory(*agreements: Agreement) -> FakeDirectory:
    """Return a directory that holds some agreements and nothing else."""
    return FakeDirectory(*agreements)


def test_the_newest_version_in_force_counts() -> None:
    """Two versions stand: the later one lets the stream exist."""
    first, second = make_agreement(), make_agreement(version=2)
    assert agreement_in_force(directory(first, second), STREAM, BEGIN) == second


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": date(2026, 1, 31)},
        {"valid_from": date(2026, 6, 1)},
        {"dataset": "social.transfer"},
        {"provider": "310000", "consumer": "320600"},
        {"mode": "pull"},
    ],
)
def test_an_agreement_that_does_not_cover_the_stream_lets_nothing_exist(changes: dict[str, object]) -> None:
    """Dates, dataset, direction and mode all have to fit."""
    with pytest.raises(AgreementMissing):
        agreement_in_force(directory(make_agreement(**changes)), STREAM, BEGIN)


def test_dates_are_local_and_allow_for_skewed_clocks() -> None:
    """The last day ends at midnight UTC+8, give or take five minutes."""
    agreement = make_agreement(valid_until=date(2026, 3, 1))
    end = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert agreement.in_force(end + timedelta(minutes=4))
    assert not agreement.in_force(end + timedelta(minutes=6))


def test_a_batch_is_judged_by_the_agreement_it_names() -> None:
    """An old version still covers what was sealed under it; an unknown one covers nothing."""
    old, new = make_agreement(), make_agreement(version=2)
    known = directory(old, new)
    assert named_agreement(known, STREAM, old.id, 1, BEGIN) == old
    with pytest.raises(AgreementMissing, match="not known"):
        named_agreement(known, STREAM, old.id, 3, BEGIN)
    with pytest.raises(AgreementMissing, match="not in force"):
        named_agreement(known, STREAM, old.id, 1, BEGIN + timedelta(days=1000))


def test_a_revoked_agreement_lets_nothing_exist() -> None:
    """Every version of it, at both ends, whatever its dates say."""
    known = FakeDirectory(make_agreement(), make_agreement(version=2))
    known.revoked = frozenset({make_agreement().id})
    with pytest.raises(AgreementMissing):
        agreement_in_force(known, STREAM, BEGIN)
    with pytest.raises(AgreementMissing, match="revoked"):
        named_agreement(known, STREAM, make_agreement().id, 1, BEGIN)
