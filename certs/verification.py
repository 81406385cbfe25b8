"""A claim becomes an identity: the chain is checked against the claimed city's authorities alone.

The handshake takes any chain that ends in one of the partners' authorities, so Suzhou's authority
could mint a certificate that says Shanghai. Here the leaf says which city it claims, and only that
city's registered authorities are asked. Issuer names are never compared: a name is easily copied.

Not checked here: whether the caller may call what it calls.

Source:
    RFC 5280 section 6, by the verifier of the ``cryptography`` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs.anchor import Roots, is_signed_by, is_valid_at, verify_distinct_authorities
from certs.errors import CertificateRefused, Reason
from certs.identity import Identity, gateway_host, identity_of
from certs.pem import certificate_from_pem
from certs.revocation import Revocations, VerifiedLeaf, verify_not_revoked

# Leaves remembered at once. All cities of the delta, with ten leaves each, take less than half.
CACHED_LEAVES_MAX: Final = 1024
NOTHING_REVOKED: Final = Revocations()


class CallerVerifier:
    """Tells who is calling, from the leaf that the handshake brought.

    One object stands for one state of trust: after any change of it, make a new one, and nothing
    that was remembered under the old trust survives.

    Attributes:
        revocations: What is believed no longer.
    """

    def __init__(self, roots: Roots, revocations: Revocations = NOTHING_REVOKED) -> None:
        """Register authorities.

        Args:
            roots: City code → that city's authorities, several during a rollover.
            revocations: What is believed no longer.

        Raises:
            BundleRefused: AUTHORITY_SHARED, one key stands under two cities.
            CertificateRefused: AUTHORITY_KEY_WEAK.
        """
        self._roots = {city: tuple(found) for city, found in roots.items() if found}
        verify_distinct_authorities(self._roots)
        self._stores = {city: Store(list(found)) for city, found in self._roots.items()}
        self._verified: dict[bytes, VerifiedLeaf] = {}
        self.revocations = revocations

    def roots_of(self, city: str) -> Sequence[x509.Certificate]:
        """The authorities registered for a city; empty when there are none."""
        return self._roots.get(city, ())

    def verify(self, leaf_pem: bytes, *, now: datetime) -> Identity:
        """Return who the leaf speaks for; see `verify_leaf`."""
        return self.verify_leaf(leaf_pem, now=now).identity

    def verify_leaf(self, leaf_pem: bytes, *, now: datetime) -> VerifiedLeaf:
        """Return the leaf, verified; one seen before costs a look-up and two comparisons.

        Args:
            leaf_pem: The peer's certificate as gRPC hands it over, exactly one PEM block.
            now: Time of the call, with its zone; validity is checked on every call.

        Raises:
            CertificateRefused: With the reason; nothing about the caller is known then.
        """
        known = self._verified.get(leaf_pem)
        if known is not None and known.not_before <= now <= known.not_after:
            return known
        return self._verify_unknown(leaf_pem, now)

    def _verify_unknown(self, leaf_pem: bytes, now: datetime) -> VerifiedLeaf:
        leaf = certificate_from_pem(leaf_pem)
        identity = identity_of(leaf)
        _check_validity(leaf, now)
        if identity.city in self.revocations.cities:
            raise CertificateRefused(Reason.CITY_REVOKED, f"{identity.city} was revoked here")
        if identity.city not in self._stores:
            raise CertificateRefused(
                Reason.CITY_UNKNOWN,
                f"{identity.city} is no partner here: its operators exchange bundles with ours first",
            )
        policy = PolicyBuilder().store(self._stores[identity.city]).time(now)
        try:
            chain = policy.build_client_verifier().verify(leaf, []).chain
        except VerificationError as error:
            raise _refusal(leaf, identity.city, self._roots, now) from error
        verified = verify_not_revoked(_verified_leaf(identity, chain), self.revocations)
        self._remember(leaf_pem, verified)
        return verified

    def _remember(self, leaf_pem: bytes, verified: VerifiedLeaf) -> None:
        if len(self._verified) >= CACHED_LEAVES_MAX:
            del self._verified[next(iter(self._verified))]  # the oldest: dicts keep their order
        self._verified[leaf_pem] = verified


def _verified_leaf(identity: Identity, chain: Sequence[x509.Certificate]) -> VerifiedLeaf:
    leaf, authority = chain[0], chain[-1]
    return VerifiedLeaf(
        identity=identity,
        fingerprint=leaf.fingerprint(SHA256()).hex(),
        serial=leaf.serial_number,
        authority=authority.fingerprint(SHA256()).hex(),
        not_before=max(one.not_valid_before_utc for one in chain),
        not_after=min(one.not_valid_after_utc for one in chain),
    )


def verify_gateway_leaf(
    leaf: x509.Certificate, *, city: str, roots: Sequence[x509.Certificate], now: datetime
) -> Identity:
    """Return the identity of a gateway's leaf, verified as a server of that city.

    Args:
        leaf: The gateway's certificate.
        city: City that the gateway must belong to.
        roots: That city's authorities and nobody else's.
        now: Time of the check, with its zone.

    Raises:
        CertificateRefused: With the reason.
    """
    identity = identity_of(leaf)
    if identity.city != city:
        raise CertificateRefused(Reason.CITY_MISMATCH, f"the leaf does not speak for {city}")
    if identity.role != "gateway":
        raise CertificateRefused(Reason.ROLE_MISMATCH, f"the leaf of a {identity.role} is no gateway's")
    _check_validity(leaf, now)
    policy = PolicyBuilder().store(Store(list(roots))).time(now)
    try:
        policy.build_server_verifier(x509.DNSName(gateway_host(city))).verify(leaf, [])
    except VerificationError as error:
        raise _refusal(leaf, city, {city: roots}, now) from error
    return identity


def _check_validity(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise CertificateRefused(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"the certificate begins at {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S}Z, "
            f"and it is {now:%Y-%m-%d %H:%M:%S%z} here: compare the clocks of both sides",
        )
    if now > leaf.not_valid_after_utc:
        raise CertificateRefused(
            Reason.CERTIFICATE_EXPIRED,
            f"the certificate ended at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S}Z, "
            f"and it is {now:%Y-%m-%d %H:%M:%S%z} here: its city must issue a new one, or a clock is wrong",
        )


def _refusal(leaf: x509.Certificate, city: str, roots: Roots, now: datetime) -> CertificateRefused:
    """Find out why a chain does not stand: the verifier's own words do not tell the cases apart."""
    for root in roots[city]:
        if is_signed_by(leaf, root) and not is_valid_at(root, now):
            return CertificateRefused(
                Reason.AUTHORITY_NOT_VALID,
                f"the authority of {city} that signed the leaf is outside its validity: "
                f"{city} must hand over a bundle with its new authority",
            )
    for other, certificates in roots.items():
        if other != city and any(is_signed_by(leaf, root) for root in certificates):
            return CertificateRefused(
                Reason.CITY_MISMATCH,
                f"the leaf claims {city} and is signed by the authority of {other}: tell both cities",
            )
    return CertificateRefused(
        Reason.CHAIN_BROKEN,
        f"no registered authority of {city} stands behind the leaf: compare that city's bundle with ours",
    )
