"""Acts on trust: who approved one. Each is in the append-only log (`certs.act_log`) before it takes effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from certs.act_log import ActLog
from certs.approval import verify_approvals
from certs.verification import CallerVerifier


def approved_by(
    approvals: Sequence[bytes],
    log: ActLog,
    *,
    act: str,
    digest: str,
    wanted: int,
    city: str,
    own: CallerVerifier,
    now: datetime,
) -> list[str]:
    """Return who approved an act, for its line in the log: an approval that stands there already counts no more.

    Args:
        approvals: As operators signed them.
        log: Acts that were done.
        act: "partner", "lift", "agreement" or "ca".
        digest: SHA-256 of what it is done with, hex.
        wanted: How many different security operators it takes.
        city: This city.
        own: Verifies this city's operators.
        now: When it is done.

    Returns:
        URIs, each followed by "#" and the nonce.

    Raises:
        CertificateRefused: APPROVAL_REFUSED.
    """
    used = [name.partition("#")[2] for done in log.acts() for name in done.approvals]
    found = verify_approvals(approvals, act=act, digest=digest, wanted=wanted, city=city, own=own, used=used, now=now)
    return [f"{one.operator.uri}#{one.nonce}" for one in found]
