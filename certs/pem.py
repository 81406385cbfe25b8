"""PEM read to the letter: every byte of the text belongs to a whole block, or nothing is taken.

OpenSSL skips what it does not understand, so a file whose second certificate is cut short silently
becomes a file of one; gRPC does the same, and a partner drops out unseen.

Source:
    RFC 7468 section 3 (the strict form, LF line ends).
"""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs.errors import CertificateRefused, KeystoreBroken, Reason

# A P-256 leaf takes 0.9 KiB and an RSA-4096 one 2.5 KiB. The bound also bounds the verifier's cache.
PEM_BYTES_MAX: Final = 16 * 1024

# What the library raises beside ValueError for text that is no certificate or key of a kind it knows.
_PARSER_ERRORS: Final = (
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_BODY: Final = rb"\n[A-Za-z0-9+/\n]+={0,2}\n"
_CERTIFICATE: Final = rb"-----BEGIN CERTIFICATE-----" + _BODY + rb"-----END CERTIFICATE-----\n"
_CERTIFICATES: Final = re.compile(rb"(?:" + _CERTIFICATE + rb")+")
_KEY: Final = re.compile(rb"-----BEGIN PRIVATE KEY-----" + _BODY + rb"-----END PRIVATE KEY-----\n")


def certificates_from_pem(data: bytes) -> tuple[x509.Certificate, ...]:
    """Parse one or more certificates and nothing else.

    Args:
        data: PEM blocks one after the other, at most `PEM_BYTES_MAX`.

    Returns:
        At least one certificate, in the order of the text; none is verified.

    Raises:
        CertificateRefused: CERTIFICATE_MALFORMED.
    """
    if len(data) > PEM_BYTES_MAX or not _CERTIFICATES.fullmatch(data):
        raise CertificateRefused(
            Reason.CERTIFICATE_MALFORMED,
            "not whole PEM certificates and nothing else: cut short, changed, or another kind of file",
        )
    try:
        return tuple(_read_whole(one) for one in x509.load_pem_x509_certificates(data))
    except (ValueError, TypeError, *_PARSER_ERRORS) as error:
        raise CertificateRefused(Reason.CERTIFICATE_MALFORMED, "a PEM block holds no readable certificate") from error


def certificate_from_pem(data: bytes) -> x509.Certificate:
    """Parse exactly one certificate and nothing else.

    Raises:
        CertificateRefused: CERTIFICATE_MALFORMED.
    """
    certificates = certificates_from_pem(data)
    if len(certificates) != 1:
        raise CertificateRefused(Reason.CERTIFICATE_MALFORMED, "several certificates where exactly one is expected")
    return certificates[0]


def certificates_to_pem(*certificates: x509.Certificate) -> bytes:
    """Write certificates as PEM blocks, in the order given."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _read_whole(certificate: x509.Certificate) -> x509.Certificate:
    """Parse now what the library parses when asked: later it would fail in the midst of a check."""
    _ = certificate.subject, certificate.issuer, certificate.public_key(), certificate.extensions
    return certificate


def private_key_from_pem(data: bytes) -> PrivateKeyTypes:
    """Parse exactly one unencrypted PKCS#8 private key and nothing else.

    Raises:
        KeystoreBroken: KEY_MALFORMED; the message holds nothing of the key.
    """
    if len(data) > PEM_BYTES_MAX or not _KEY.fullmatch(data):
        raise KeystoreBroken(Reason.KEY_MALFORMED, "not exactly one whole PEM private key (PKCS#8, unencrypted)")
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, *_PARSER_ERRORS) as error:
        raise KeystoreBroken(Reason.KEY_MALFORMED, "the PEM block holds no readable key") from error


def private_key_to_pem(key: PrivateKeyTypes) -> bytes:
    """Write a private key as unencrypted PKCS#8; the caller sees to the file's mode."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
