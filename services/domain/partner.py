"""Partners: the other cities a node trusts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PartnerState(StrEnum):
    """Whether records flow with a partner."""

    UNCONFIRMED = "UNCONFIRMED"
    """The bundle is here, but nobody compared its fingerprint yet."""
    LIVE = "LIVE"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner city.

    Attributes:
        city: 6-digit code.
        bundle: The signed city bundle, verbatim.
        fingerprint: Fingerprint of the bundle key.
        endpoint: "host:port" of its gateway.
        state: Whether records flow.
        state_reason: Why they do not; empty while LIVE.
    """

    city: str
    bundle: bytes
    fingerprint: str
    endpoint: str
    state: PartnerState
    state_reason: str = ""
