"""The node's own keys, and the certificates it knows, as an operator sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """One certificate, ours or a partner's.

    Attributes:
        city: Whose.
        usage: "gateway", "system", "operator" or "authority".
        name: URI name of a leaf; common name of an authority.
        serial: Hex.
        fingerprint: SHA-256 of the DER, hex.
        not_before: Begin.
        not_after: End.
        state: State of an authority in its rollover; empty for a leaf.
        alert: How loudly its end is said: "ok", "notice", "warning", "critical" or "expired".
    """

    city: str
    usage: str
    name: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    state: str
    alert: str


@dataclass(frozen=True, slots=True)
class KeysStatus:
    """How the key store stands.

    Attributes:
        generation: Loaded generation.
        fingerprint: Its fingerprint.
        loaded: When it was loaded.
        renews: When its leaves are renewed.
        generations: Generations on disk.
        refused: When another generation was refused; None when none was since the last that was taken.
        refused_reason: Stable word; empty when none was refused.
        refused_message: For people.
        draining: Channels to partners that were replaced and still end what is under way.
        uses: SHA-256 of an authority → when a leaf of it was shown last, and by whom.
        certificates: Ours, then every partner's.
    """

    generation: int
    fingerprint: str
    loaded: datetime
    renews: datetime
    generations: Sequence[int]
    refused: datetime | None
    refused_reason: str
    refused_message: str
    draining: int
    uses: Mapping[str, tuple[datetime, str]]
    certificates: Sequence[CertificateStatus]


class Keys(Protocol):
    """The key store of a running node."""

    def status(self) -> KeysStatus:
        """Say how it stands; reads names from disk."""
        ...

    async def reload(self) -> None:
        """Use what is on disk now.

        Raises:
            services.domain.errors.Conflict: It is refused; what is loaded stays.
        """
        ...
