from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from certs.revocation import Revocations
from services.domain.partner import Partner, PartnerState
from services.domain.revocation import CrlState, Grain, Revocation
from services.node.known_trust import CRL_GRACE, KnownTrust, revocations_of
from services.node.signals.alerts import Alerts
from services.ports.keys import CertificateStatus
from tests.unit.certs.forgery import DAY, NOW

LEAF = CertificateStatus("310000", "gateway", "spiffe://x", "1f", "ab" * 32, NOW - DAY, NOW + DAY, "", "ok")
CRL = CrlState("cd" * 32, "310000", 4, NOW - DAY, NOW)


def test_each_step_is_said_once_and_the_next_one_again() -> None:
    """Nothing while all is well, a warning first, errors then; a partner's certificate like our own."""
    alerts = Alerts()
    with capture_logs() as logs:
        for alert in ("ok", "ok", "notice", "notice", "critical", "critical", "expired"):
            alerts.tell([replace(LEAF, alert=alert)])
    assert [(one["alert"], one["log_level"]) for one in logs] == [
        ("notice", "warning"),
        ("critical", "error"),
        ("expired", "error"),
    ]
    assert {(one["event"], one["city"]) for one in logs} == {("certificate.ending", "310000")}


@pytest.mark.parametrize("state", ["RETIRED", "REVOKED"])
def test_what_is_out_of_use_may_end(state: str) -> None:
    """A retired authority raises no alarm."""
    with capture_logs() as logs:
        Alerts().tell([replace(LEAF, usage="authority", state=state, alert="expired")])
    assert logs == []


def test_a_list_that_ended_is_said_once() -> None:
    """Until its next one comes."""
    alerts = Alerts()
    with capture_logs() as logs:
        for moment in (NOW, NOW + timedelta(seconds=1), NOW + DAY):
            alerts.tell_crls([CRL], now=moment)
    assert [one["event"] for one in logs] == ["crl.ended"]


def test_a_stale_list_takes_trust_away_after_its_grace() -> None:
    """For a week it is only told; then nothing of that authority is believed."""
    known = KnownTrust([], [], [CRL])
    assert revocations_of(known, now=NOW + CRL_GRACE).stale == frozenset()
    assert revocations_of(known, now=NOW + CRL_GRACE + timedelta(seconds=1)).stale == frozenset({CRL.authority})


def test_revocations_are_grouped_as_they_are_asked() -> None:
    """Leaves by city, serials by authority, as numbers."""

    def revocation(grain: Grain, subject: str) -> Revocation:
        return Revocation(grain, subject, "", "x", NOW)

    found = revocations_of(
        KnownTrust(
            [Partner("310000", b"", "", "", PartnerState.LIVE)],
            [
                revocation(Grain.LEAF, f"310000:{'ab' * 32}"),
                revocation(Grain.LEAF, f"310000:{'cd' * 32}"),
                revocation(Grain.SERIAL, f"{'ef' * 32}:1f2e"),
                revocation(Grain.AUTHORITY, "ef" * 32),
                revocation(Grain.CITY, "320500"),
                revocation(Grain.AGREEMENT, "NT-SH-1"),
            ],
            [],
        ),
        now=NOW,
    )
    assert found == Revocations(
        leaves={"310000": frozenset({"ab" * 32, "cd" * 32})},
        serials={"ef" * 32: frozenset({0x1F2E})},
        authorities=frozenset({"ef" * 32}),
        cities=frozenset({"320500"}),
        agreements=frozenset({"NT-SH-1"}),
    )
