"""Certificates as an attacker would make them: everything is free, nothing is checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from certs.authority import Authority, create_authority
from certs.identity import Identity
from certs.pem import certificates_to_pem

NOW: Final = datetime(2026, 11, 22, 8, 30, 15, 250_000, tzinfo=UTC)
DAY: Final = timedelta(days=1)
NANTONG, SHANGHAI, SUZHOU = "320600", "310000", "320500"

CLIENT: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
BOTH: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def authority_of(city: str, *, now: datetime = NOW, valid_for: timedelta = 1000 * DAY) -> Authority:
    """An honest authority."""
    return create_authority(city, now=now, serial=1, valid_for=valid_for)


def leaf_of(
    authority: Authority, identity: Identity, *, now: datetime = NOW, valid_for: timedelta = 90 * DAY
) -> x509.Certificate:
    """An honest leaf under a key that is thrown away."""
    return authority.issue(identity, _key().public_key(), now=now, serial=2, valid_for=valid_for)


def uri(text: str) -> x509.UniformResourceIdentifier:
    """A URI name with any ASCII text, also such as no URI has."""
    return x509.UniformResourceIdentifier(text)


def forged_leaf(
    names: Sequence[x509.GeneralName] | None,
    signer: Authority,
    *,
    usages: Sequence[ObjectIdentifier] | None = CLIENT,
    is_authority: bool = False,
    may_sign: bool = False,
    extra: Sequence[x509.Extension[x509.ExtensionType]] = (),
    days: tuple[int, int] = (-1, 1),
) -> x509.Certificate:
    """A leaf with any names and usages, signed by a key that the attacker holds.

    Args:
        names: Alternative names, or None for no such extension.
        signer: Whose key signs, and whose name stands as issuer.
        usages: Extended key usages, or None for no such extension.
        is_authority: Says that it is an authority.
        may_sign: Says that its key may sign certificates.
        extra: Further extensions.
        days: Begin and end of validity, counted from `NOW`.
    """
    key = _key().public_key()
    signer_key = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.310000.yrdx")]))
        .issuer_name(signer.certificate.subject)
        .public_key(key)
        .serial_number(3)
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(_usage(may_sign=may_sign), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(signer_key.digest, None, None), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    for extension in extra:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(signer.key, hashes.SHA256())


def forged_authority(
    subject: x509.Name,
    *,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    signer_key: CertificateIssuerPrivateKeyTypes | None = None,
    is_authority: bool = True,
    may_sign: bool = True,
) -> x509.Certificate:
    """A certificate that claims to be an authority's, by default signed with its own key."""
    key = key or _key()
    signer_key = signer_key or key
    algorithm = hashes.SHA256() if isinstance(signer_key, ec.EllipticCurvePrivateKey) else None
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(_usage(may_sign=may_sign), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(signer_key, algorithm)
    )


def with_bytes(certificate: x509.Certificate, old: bytes, new: bytes, signer: Authority) -> x509.Certificate:
    """Put bytes into the signed part that the builder refuses to write, and sign it again."""
    body = certificate.tbs_certificate_bytes
    assert body.count(old) == 1
    assert len(old) == len(new)
    body = body.replace(old, new)
    signature = signer.key.sign(body, ec.ECDSA(hashes.SHA256()))
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    return x509.load_der_x509_certificate(_der(0x30, body + ecdsa_with_sha256 + _der(0x03, b"\x00" + signature)))


def pem(*certificates: x509.Certificate) -> bytes:
    """PEM blocks, as gRPC hands them over."""
    return certificates_to_pem(*certificates)


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _usage(*, may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, may_sign, False, False, False)
