"""What certificates there are, how long each lasts, and how loudly that must be said.

Thresholds scale with a certificate's life, so that one of 24 hours and one of 5 years are watched alike.

Source:
    The steps follow the usual practice of short-lived certificates: renew at 2/3 of life, which leaves a third to
    notice that renewal fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.bundle_model import CityBundle
from certs.generation import Generation
from certs.identity import identity_of
from certs.pem import certificate_from_pem

RENEW_AT: Final = 2 / 3
"""Part of a leaf's life after which it is renewed."""

Usage = Literal["gateway", "system", "operator", "authority"]


class Alert(StrEnum):
    """How loudly an approaching end is said."""

    OK = "ok"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"
    EXPIRED = "expired"


_STEPS: Final = ((Alert.CRITICAL, 12), (Alert.WARNING, 6), (Alert.NOTICE, 3))
"""Alert ← less than one part in so many of the life is left; the shortest first."""


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One certificate, ours or a partner's.

    Attributes:
        city: Whose.
        usage: What it is for.
        name: URI name of a leaf; the common name of an authority.
        serial: Serial number, hex.
        fingerprint: SHA-256 of the DER, hex.
        not_before: Begin.
        not_after: End.
        state: State of an authority in its rollover; empty for a leaf.
    """

    city: str
    usage: Usage
    name: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    state: str = ""

    def alert(self, now: datetime) -> Alert:
        """How loudly its end is said now."""
        return alert_at(self.not_before, self.not_after, now)


def alert_at(not_before: datetime, not_after: datetime, now: datetime) -> Alert:
    """How loudly the end of a certificate is said: from a third, a sixth, a twelfth of its life left on."""
    if now > not_after:
        return Alert.EXPIRED
    left, life = not_after - now, not_after - not_before
    return next((alert for alert, parts in _STEPS if left * parts < life), Alert.OK)


def renewal_time(not_before: datetime, not_after: datetime, jitter: float) -> datetime:
    """When a leaf is renewed: after two thirds of its life, and a little later for some.

    Args:
        not_before: Begin.
        not_after: End.
        jitter: From 0 to 1; spreads nodes over a 24th of the life, so that not all ask their authority at once.
    """
    life = not_after - not_before
    return not_before + life * RENEW_AT + life * jitter / 24


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate's DER, hex: what revocations and people name it by."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def own_entries(generation: Generation) -> Iterator[InventoryEntry]:
    """List the leaves and authorities of a generation."""
    for pair in generation.pairs.values():
        yield _leaf_entry(pair.leaf)
    for root in generation.own_roots:
        yield authority_entry(generation.city, root, "")


def bundle_entries(bundle: CityBundle) -> Iterator[InventoryEntry]:
    """List the gateways' leaves and the authorities of a partner, as its bundle states them."""
    for pem in bundle.gateway_leaves:
        yield _leaf_entry(certificate_from_pem(pem))
    for one in bundle.authorities:
        yield authority_entry(bundle.city, certificate_from_pem(one.certificate_pem), one.state.value)


def expiring(entries: Iterable[InventoryEntry], *, now: datetime, within: timedelta) -> list[InventoryEntry]:
    """Those that end within a time from now, or have ended, the first to end first."""
    return sorted((one for one in entries if one.not_after - now <= within), key=lambda one: one.not_after)


def authority_entry(city: str, certificate: x509.Certificate, state: str) -> InventoryEntry:
    """Describe an authority."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return _entry(certificate, city, "authority", str(names[0].value) if names else "", state)


def _leaf_entry(leaf: x509.Certificate) -> InventoryEntry:
    identity = identity_of(leaf)
    return _entry(leaf, identity.city, identity.role, identity.uri, "")


def _entry(certificate: x509.Certificate, city: str, usage: Usage, name: str, state: str) -> InventoryEntry:
    return InventoryEntry(
        city=city,
        usage=usage,
        name=name,
        serial=f"{certificate.serial_number:x}",
        fingerprint=fingerprint_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        state=state,
    )
