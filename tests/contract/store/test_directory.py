from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.domain.agreement import Agreement
from services.domain.partner import Partner, PartnerState
from services.ports.store import Store
from tests.contract.store.samples import do

PARTNER = Partner("310000", b"\x00bundle\xff", "sha256:ab", "127.0.0.1:7320", PartnerState.UNCONFIRMED, "compare it")
AGREEMENT = Agreement(
    id="NT-SH-2026-001",
    version=1,
    provider="320600",
    consumer="310000",
    dataset="social.contribution",
    standard="1",
    mode="push",
    fields=("*",),
    purposes=("relation-transfer", "养老"),
    legal_basis="依法",
    valid_from=date(2026, 1, 1),
    valid_until=date(2027, 12, 31),
    retention_days=365,
    records_per_minute=6_000_000,
)


def test_a_partner_comes_back(store: Store) -> None:
    """A partner is read as it was written, and an unknown one is none."""
    do(store, lambda tx: tx.put_partner(PARTNER))
    assert store.read(lambda tx: (tx.partner("310000"), tx.partner("330100"))) == (PARTNER, None)


def test_a_partner_is_replaced(store: Store) -> None:
    """Putting a partner again replaces it; partners come by city code."""
    live = replace(PARTNER, state=PartnerState.LIVE, state_reason="")
    other = replace(PARTNER, city="320500")
    for partner in (other, PARTNER, live):
        do(store, lambda tx, each=partner: tx.put_partner(each))  # type: ignore[misc]
    assert store.read(lambda tx: tx.partners()) == [live, other]


def test_an_agreement_comes_back(store: Store) -> None:
    """Every version of every agreement is read as it was written, by id and version."""
    second = replace(AGREEMENT, version=2, records_per_minute=None, fields=("total_fen", "month"))
    for agreement in (second, AGREEMENT, AGREEMENT):
        do(store, lambda tx, each=agreement: tx.put_agreement(each))  # type: ignore[misc]
    assert store.read(lambda tx: tx.agreements()) == [AGREEMENT, second]


def test_a_version_of_an_agreement_never_changes(store: Store) -> None:
    """Another content under the same version is refused; what stands stays."""
    do(store, lambda tx: tx.put_agreement(AGREEMENT))
    with pytest.raises(ValueError, match="another content"):
        do(store, lambda tx: tx.put_agreement(replace(AGREEMENT, mode="pull")))
    assert store.read(lambda tx: tx.agreements()) == [AGREEMENT]
