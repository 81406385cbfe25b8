"""What is believed no longer, before its time: a leaf, a serial of an authority, an authority, a city, an agreement.

All look-ups are by set or dict: a list of 50,000 serials costs what an empty one costs.

Source:
    RFC 5280 section 5 (CRLs name issuer and serial).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from certs.errors import CertificateRefused, Reason
from certs.identity import Identity


@dataclass(frozen=True, slots=True)
class VerifiedLeaf:
    """A leaf whose chain stands.

    Attributes:
        identity: Who it speaks for.
        fingerprint: SHA-256 of its DER, hex.
        serial: Serial number.
        authority: SHA-256 of the certificate of the authority that signed it, hex.
        not_before: From when the whole chain is valid.
        not_after: Until when.
    """

    identity: Identity
    fingerprint: str
    serial: int
    authority: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Revocations:
    """Everything that was revoked, as of one state of trust.

    Attributes:
        leaves: City code → SHA-256 of its leaves, hex.
        serials: SHA-256 of an authority's certificate → serial numbers, by operators and by CRLs.
        authorities: SHA-256 of authorities' certificates, hex.
        cities: City codes.
        agreements: Identifiers of agreements.
        stale: Authorities whose CRL has ended, where the policy says that nothing of theirs is believed then.
    """

    leaves: Mapping[str, frozenset[str]] = field(default_factory=dict)
    serials: Mapping[str, frozenset[int]] = field(default_factory=dict)
    authorities: frozenset[str] = frozenset()
    cities: frozenset[str] = frozenset()
    agreements: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()

    def covers(self, city: str, fingerprint: str, authority: str, serial: int) -> bool:
        """Whether a leaf is revoked, by its fingerprint or by its authority's serial."""
        return fingerprint in self.leaves.get(city, ()) or serial in self.serials.get(authority, ())


def verify_not_revoked(leaf: VerifiedLeaf, revocations: Revocations) -> VerifiedLeaf:
    """Return a leaf that nothing was revoked of.

    Raises:
        CertificateRefused: CITY_REVOKED, AUTHORITY_REVOKED, CERTIFICATE_REVOKED or CRL_STALE.
    """
    city = leaf.identity.city
    if city in revocations.cities:
        raise CertificateRefused(Reason.CITY_REVOKED, f"{city} was revoked here: its operators call this city's")
    if leaf.authority in revocations.authorities:
        raise CertificateRefused(
            Reason.AUTHORITY_REVOKED,
            f"the authority of {city} that signed the leaf was revoked: {city} needs a new one",
        )
    if revocations.covers(city, leaf.fingerprint, leaf.authority, leaf.serial):
        raise CertificateRefused(
            Reason.CERTIFICATE_REVOKED, f"the leaf was revoked: {city} must issue a new one with a new key"
        )
    if leaf.authority in revocations.stale:
        raise CertificateRefused(
            Reason.CRL_STALE, f"the revocation list of {city} has ended: import its next one with `yrdx crl import`"
        )
    return leaf
