"""What may stand as the trust anchor of a city: the certificate of its authority.

Not checked here: whether it really is that city's. A person compares the bundle's fingerprint.

Source:
    RFC 5280 sections 4.2.1.2, 4.2.1.3 and 4.2.1.9; section 6.1.1 (trust anchors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certs.errors import BundleRefused, CertificateRefused, Reason

Roots = Mapping[str, Sequence[x509.Certificate]]
PublicKeyNumbers = ec.EllipticCurvePublicNumbers | rsa.RSAPublicNumbers

# NIST SP 800-57 part 1 table 4: RSA-2048 is good until 2030 only, and an authority lives longer.
_RSA_BITS_MIN: Final = 3072

_ORGANIZATION: Final = re.compile(r"([0-9]{6})\.yrdx")


def authority_city(certificate: x509.Certificate) -> str:
    """Read which city an authority's certificate names: its organisation is ``<city>.yrdx``.

    Raises:
        CertificateRefused: AUTHORITY_MALFORMED, it names none.
    """
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    match = _ORGANIZATION.fullmatch(str(names[0].value)) if len(names) == 1 else None
    if match is None:
        raise CertificateRefused(
            Reason.AUTHORITY_MALFORMED, "the organisation in an authority's subject must be <city>.yrdx"
        )
    return match[1]


def verify_authority_certificate(certificate: x509.Certificate, city: str) -> x509.Certificate:
    """Return a certificate that may stand as an authority of a city.

    The self-signature proves that whoever made it held the key, and the city in the subject that it
    was made for this city: nobody can register another city's authority as their own.

    Not checked here: validity (`certs.verification`), and whether it really is that city's
    (a person compares the bundle's fingerprint).

    Raises:
        CertificateRefused: AUTHORITY_MALFORMED, AUTHORITY_KEY_WEAK or CITY_MISMATCH.
    """
    if authority_city(certificate) != city:
        raise CertificateRefused(Reason.CITY_MISMATCH, f"the authority names another city than {city}")
    key_numbers(certificate)
    _check_authority_extensions(certificate)
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateRefused(Reason.AUTHORITY_MALFORMED, "the authority is not signed by its own key") from error
    return certificate


def key_numbers(certificate: x509.Certificate) -> PublicKeyNumbers:
    """Read an authority's public key as numbers: equal whichever way the key is encoded.

    Raises:
        CertificateRefused: AUTHORITY_KEY_WEAK.
    """
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateRefused(Reason.AUTHORITY_KEY_WEAK, "the authority's key cannot be read") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
        return key.public_numbers()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS_MIN:
        return key.public_numbers()
    raise CertificateRefused(
        Reason.AUTHORITY_KEY_WEAK,
        f"an authority's key must be P-256, P-384, or RSA of at least {_RSA_BITS_MIN} bits",
    )


def verify_distinct_authorities(roots: Roots) -> Roots:
    """Return roots in which no authority's key stands under two cities.

    Raises:
        BundleRefused: AUTHORITY_SHARED, with both cities.
        CertificateRefused: AUTHORITY_KEY_WEAK.
    """
    owners: dict[PublicKeyNumbers, str] = {}
    for city, certificates in roots.items():
        for certificate in certificates:
            owner = owners.setdefault(key_numbers(certificate), city)
            if owner != city:
                raise BundleRefused(
                    Reason.AUTHORITY_SHARED,
                    f"{city} and {owner} show the same authority key: whoever holds it could speak for both; "
                    "ask both cities, and take neither bundle until one has a new key",
                )
    return roots


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed the certificate; says nothing about validity or constraints."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_valid_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a moment lies within a certificate's validity, both ends included."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _check_authority_extensions(certificate: x509.Certificate) -> None:
    try:
        found = certificate.extensions
        is_authority = found.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = found.get_extension_for_class(x509.KeyUsage).value
        found.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (ValueError, x509.DuplicateExtension, x509.ExtensionNotFound) as error:
        raise CertificateRefused(
            Reason.AUTHORITY_MALFORMED,
            "an authority needs basic constraints, key usage and a subject key identifier",
        ) from error
    if not (is_authority and usage.key_cert_sign):
        raise CertificateRefused(
            Reason.AUTHORITY_MALFORMED, "the certificate is not that of an authority: it may not sign others"
        )
