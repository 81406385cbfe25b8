"""The form of a leaf: what keeps a certificate from working in a handshake although its chain stands.

Not checked here: names and usages (`certs.identity`), chain and validity (`certs.verification`).

Source:
    RFC 5280 sections 4.2.1.1 and 4.2.1.2 (key identifiers). Key kinds: measured on grpcio 1.85.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.errors import CertificateRefused, Reason

LEAF_VALID_FOR: Final = timedelta(days=90)
CLOCK_SKEW: Final = timedelta(minutes=5)
"""The clocks of two cities differ a little, and a certificate must work the moment it is made: every certificate
begins this long before it is issued. It opens nothing, the key is new."""

_RSA_BITS_MIN: Final = 2048
"""Enough for 90 days (NIST SP 800-57 part 1 table 4); an authority needs more."""


def verify_leaf_form(leaf: x509.Certificate, roots: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return a leaf whose key works in gRPC's TLS, that lives no longer than it may, and names keys by identifier.

    Args:
        leaf: The leaf.
        roots: Authorities, of which one signed it.

    Raises:
        CertificateRefused: LEAF_KEY_UNUSABLE, LIFE_TOO_LONG or KEY_IDENTIFIER_MISSING.
    """
    verify_key(leaf)
    verify_life(leaf)
    verify_identifiers(leaf, roots)
    return leaf


def verify_key(leaf: x509.Certificate) -> None:
    """Make sure that gRPC's TLS can use the key.

    Raises:
        CertificateRefused: LEAF_KEY_UNUSABLE.
    """
    key = leaf.public_key()
    good_curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1))
    good_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS_MIN
    if not (good_curve or good_rsa):
        raise CertificateRefused(
            Reason.LEAF_KEY_UNUSABLE,
            f"a leaf's key must be P-256 (recommended), P-384, or RSA of at least {_RSA_BITS_MIN} bits: "
            "with any other kind, Ed25519 and P-521 too, no handshake completes",
        )


def verify_life(leaf: x509.Certificate) -> None:
    """Make sure that a leaf ends soon enough.

    Raises:
        CertificateRefused: LIFE_TOO_LONG.
    """
    if leaf.not_valid_after_utc - leaf.not_valid_before_utc > LEAF_VALID_FOR + CLOCK_SKEW + timedelta(seconds=1):
        raise CertificateRefused(
            Reason.LIFE_TOO_LONG, f"a leaf lives at most {LEAF_VALID_FOR.days} days: issue it again for less"
        )


def verify_identifiers(certificate: x509.Certificate, roots: Sequence[x509.Certificate] | None) -> None:
    """Make sure that keys are named by identifier.

    Only so the right authority is found when two of one name stand side by side in a rollover.

    Args:
        certificate: A leaf.
        roots: Authorities, of which one signed it; None: which one did is not known here.

    Raises:
        CertificateRefused: KEY_IDENTIFIER_MISSING.
    """
    try:
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound as error:
        raise _unidentified() from error
    if issuer is None or (roots is not None and issuer not in _key_identifiers(roots)):
        raise _unidentified()


def _key_identifiers(roots: Sequence[x509.Certificate]) -> set[bytes]:
    return {root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest for root in roots}


def _unidentified() -> CertificateRefused:
    return CertificateRefused(
        Reason.KEY_IDENTIFIER_MISSING,
        "a leaf has a subject key identifier, and its authority key identifier is that of its authority",
    )
