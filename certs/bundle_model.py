"""What a city tells its partners about itself, and the rules such a statement must keep.

Source:
    The field list follows SPIFFE trust bundles (Trust Domain and Bundle, section 4), per city.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509

from certs.anchor import is_signed_by, is_valid_at, key_numbers, verify_authority_certificate
from certs.errors import BundleRefused, CertificateRefused, Reason
from certs.identity import gateway_host, identity_of, verify_city
from certs.pem import certificate_from_pem
from certs.signing import PublicSigningKey

_VERSION_MAX: Final = 2**31 - 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# Only shapes that are safe to print: operators see the endpoint before they trust the bundle.
_ENDPOINT: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}")


class AuthorityState(StrEnum):
    """Where an authority stands in its rollover; a partner trusts it until it is retired or revoked.

    A prepared authority is trusted already: partners must know it before its first leaf. A tainted
    one still is: its city replaces every leaf first, and revokes it then.
    """

    PREPARED = "PREPARED"
    DISTRIBUTED = "DISTRIBUTED"
    ACTIVE = "ACTIVE"
    RETIRING = "RETIRING"
    RETIRED = "RETIRED"
    TAINTED = "TAINTED"
    REVOKED = "REVOKED"

    @property
    def is_trusted(self) -> bool:
        """Whether leaves of such an authority are believed."""
        return self not in (AuthorityState.RETIRED, AuthorityState.REVOKED)


@dataclass(frozen=True, slots=True)
class BundleAuthority:
    """One authority of a city.

    Attributes:
        certificate_pem: Exactly one PEM block.
        state: Where it stands in its rollover.
    """

    certificate_pem: bytes
    state: AuthorityState


@dataclass(frozen=True, slots=True)
class CityBundle:
    """One version of a city's statement; `verify_bundle` holds the rules.

    Attributes:
        city: Six-digit city code.
        version: From 1, each version one higher.
        previous: Digest of the version before (`SignedBundle.digest`); None in version 1.
        authorities: Every authority the city ever published, at least one of them trusted.
        signing_keys: Every signing key for ever, at least one; old evidence needs the old keys.
        gateway_leaves: Certificates of its gateways, each one PEM block; may be empty.
        dns_names: What its gateways answer to.
        endpoint: ``host:port`` where the gateway listens, a hint; the operator's own entry wins.
        created_at: When it was made, with its zone.
    """

    city: str
    version: int
    previous: str | None
    authorities: tuple[BundleAuthority, ...]
    signing_keys: tuple[PublicSigningKey, ...]
    gateway_leaves: tuple[bytes, ...]
    dns_names: tuple[str, ...]
    endpoint: str | None
    created_at: datetime

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The trusted authorities, for `certs.verification.CallerVerifier`."""
        return tuple(certificate_from_pem(one.certificate_pem) for one in self.authorities if one.state.is_trusted)

    @property
    def roots_pem(self) -> bytes:
        """The trusted authorities, for the channel to this city."""
        return b"".join(one.certificate_pem for one in self.authorities if one.state.is_trusted)

    def signing_key(self, key_id: str) -> PublicSigningKey | None:
        """Find a signing key by its identifier, whether in use or retired."""
        return next((key for key in self.signing_keys if key.key_id == key_id), None)


def verify_bundle(bundle: CityBundle) -> CityBundle:
    """Return a bundle that says nothing contradictory; time plays no part.

    Raises:
        BundleRefused: With the first rule that is broken.
    """
    _check_head(bundle)
    _check_authorities(bundle)
    _check_signing_keys(bundle)
    _check_gateways(bundle)
    return bundle


def verify_current(bundle: CityBundle, *, now: datetime) -> CityBundle:
    """Return a bundle of which at least one trusted authority is within its validity.

    Raises:
        BundleRefused: AUTHORITY_NOT_VALID.
    """
    if not any(is_valid_at(root, now) for root in bundle.roots):
        raise BundleRefused(
            Reason.AUTHORITY_NOT_VALID,
            f"no authority of {bundle.city} is valid now: ask for a newer bundle, or compare clocks",
        )
    return bundle


def _check_head(bundle: CityBundle) -> None:
    try:
        verify_city(bundle.city)
    except ValueError as error:
        raise _malformed("city must be six digits") from error
    if not 1 <= bundle.version <= _VERSION_MAX or (bundle.version == 1) != (bundle.previous is None):
        raise _malformed("version 1 has no previous version, and every later one names it")
    if bundle.previous is not None and not _DIGEST.fullmatch(bundle.previous):
        raise _malformed("previous must be a SHA-256 in hex")
    if bundle.created_at.tzinfo is None:
        raise _malformed("created_at must carry its zone")
    if bundle.endpoint is not None and not _ENDPOINT.fullmatch(bundle.endpoint):
        raise _malformed("endpoint must be host:port")


def _check_authorities(bundle: CityBundle) -> None:
    if not any(one.state.is_trusted for one in bundle.authorities):
        raise BundleRefused(Reason.AUTHORITY_MISSING, f"the bundle of {bundle.city} trusts no authority")
    try:
        certificates = [certificate_from_pem(one.certificate_pem) for one in bundle.authorities]
        keys = {key_numbers(verify_authority_certificate(one, bundle.city)) for one in certificates}
    except CertificateRefused as error:
        raise BundleRefused(error.reason, f"an authority of {bundle.city} is refused: {error}") from error
    if len(keys) != len(certificates):
        raise BundleRefused(
            Reason.AUTHORITY_SHARED,
            f"two authorities of {bundle.city} have one key: a new one needs a new key",
        )


def _check_signing_keys(bundle: CityBundle) -> None:
    """One key twice could be retired in one place and in use in the other."""
    keys = {key.public_key for key in bundle.signing_keys}
    if not keys or len(keys) != len(bundle.signing_keys):
        raise _malformed("there must be a signing key, and each only once")


def _check_gateways(bundle: CityBundle) -> None:
    if bundle.dns_names != (gateway_host(bundle.city),):
        raise BundleRefused(
            Reason.NAME_FOREIGN, f"dns_names of {bundle.city} must be exactly {gateway_host(bundle.city)}"
        )
    for pem in bundle.gateway_leaves:
        try:
            leaf = certificate_from_pem(pem)
            identity = identity_of(leaf)
        except CertificateRefused as error:
            raise BundleRefused(error.reason, f"a gateway's leaf is refused: {error}") from error
        if (identity.city, identity.role) != (bundle.city, "gateway"):
            raise BundleRefused(Reason.ROLE_MISMATCH, f"a leaf in the bundle is no gateway's of {bundle.city}")
        if not any(is_signed_by(leaf, root) for root in bundle.roots):
            raise BundleRefused(Reason.CHAIN_BROKEN, f"no trusted authority of {bundle.city} signed a gateway's leaf")


def _malformed(message: str) -> BundleRefused:
    return BundleRefused(Reason.BUNDLE_MALFORMED, message)
