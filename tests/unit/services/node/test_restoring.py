from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from certs.act_log import ActLog
from services.domain.revocation import Grain, Revocation
from services.node.restoring import revocations_in

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_log_of_acts_says_what_is_revoked(tmp_path: Path) -> None:
    """Every grain that operators revoke, with reason, person and time; a city that was lifted is none."""
    log = ActLog(tmp_path / "acts.log")
    log.append("grant.partner", "310000", by="li", now=NOON, details={"digest": "d"})
    log.append("revoke.city", "310000", by="li", now=NOON, details={"reason": "told to"})
    log.append("revoke.leaf", "310000:ab", by="wang", now=NOON, details={"reason": "stolen"})
    log.append("grant.lift", "310000", by="li", now=NOON, details={"reason": "cleared up", "digest": "d"})
    log.append("revoke.agreement", "NT-SH", by="li", now=NOON, details={"reason": "ended"})

    assert revocations_in(log.acts()) == [
        Revocation(Grain.LEAF, "310000:ab", "stolen", "wang", NOON),
        Revocation(Grain.AGREEMENT, "NT-SH", "ended", "li", NOON),
    ]


def test_a_city_revoked_again_is_revoked(tmp_path: Path) -> None:
    """The last word counts."""
    log = ActLog(tmp_path / "acts.log")
    for act in ("revoke.city", "grant.lift", "revoke.city"):
        log.append(act, "310000", by="li", now=NOON, details={"reason": act})

    assert [(one.grain, one.subject) for one in revocations_in(log.acts())] == [(Grain.CITY, "310000")]
