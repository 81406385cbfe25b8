"""A city's certificate authority: one key that signs the leaves of one city, and nobody else's.

Source:
    RFC 5280 sections 4.1.2.2 (serials), 4.2.1.1 to 4.2.1.3 and 4.2.1.9 (extensions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from certs.anchor import authority_city, is_valid_at, verify_authority_certificate
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import ROLE_USAGES, Identity, gateway_host, verify_city
from certs.leaf import CLOCK_SKEW, LEAF_VALID_FOR
from certs.pem import certificate_from_pem, certificates_to_pem, private_key_from_pem, private_key_to_pem


@dataclass(frozen=True)
class Authority:
    """The key and the certificate of one city's authority.

    Attributes:
        city: Six-digit code of the only city it issues for.
        certificate: Self-signed; partners register it.
        key: P-256; lives offline, never in a generation of the key store.
    """

    city: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def issue(
        self,
        identity: Identity,
        public_key: CertificatePublicKeyTypes,
        *,
        now: datetime,
        serial: int,
        valid_for: timedelta = LEAF_VALID_FOR,
    ) -> x509.Certificate:
        """Issue a leaf: its URI name, for a gateway also its DNS name, and the usages of its role.

        Args:
            identity: Who the leaf speaks for, of this authority's city.
            public_key: P-256; Ed25519 and P-521 leaves fail in gRPC's TLS.
            now: Time of issue, with its zone.
            serial: Unique for this authority, see `serial_number`.
            valid_for: Counted from ``now``, at most `LEAF_VALID_FOR`; cut where the authority ends.

        Raises:
            ValueError: Another city's identity, another kind of key, or too long a life.
            CertificateRefused: AUTHORITY_NOT_VALID.
        """
        if identity.city != self.city:
            raise ValueError(f"the authority of {self.city} issues for no other city")
        if not timedelta(0) < valid_for <= LEAF_VALID_FOR:
            raise ValueError(f"a leaf lives at most {LEAF_VALID_FOR.days} days")
        if not is_valid_at(self.certificate, now):
            raise CertificateRefused(
                Reason.AUTHORITY_NOT_VALID,
                f"the authority of {self.city} is outside its validity and issues nothing: "
                "make a new one, or set this machine's clock",
            )
        not_before = max(now - CLOCK_SKEW, self.certificate.not_valid_before_utc)
        not_after = min(now + valid_for, self.certificate.not_valid_after_utc)
        builder = _leaf_builder(identity, _p256(public_key), issuer=self.certificate)
        builder = builder.serial_number(serial).not_valid_before(not_before).not_valid_after(not_after)
        return builder.sign(self.key, hashes.SHA256())

    def certificate_pem(self) -> bytes:
        """The certificate, for partners and for `authority_from_pem`."""
        return certificates_to_pem(self.certificate)

    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8; the caller sees to where it goes."""
        return private_key_to_pem(self.key)


def create_authority(city: str, *, now: datetime, serial: int, valid_for: timedelta) -> Authority:
    """Make a new authority with a new P-256 key.

    Its name carries the city and the first half of its key's identifier, so that two generations
    never share a name: chains are then found by name as unambiguously as by key.

    Args:
        city: Six-digit city code.
        now: Time of issue, with its zone.
        serial: See `serial_number`.
        valid_for: Counted from ``now``.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(verify_city(city), f"yrdx authority {city} {key_id.digest.hex()[:20]}")
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(serial)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + valid_for)
        # Path length 0: it signs leaves, and nothing that signs again.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(key_id, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(key_id.digest, None, None), critical=False)
    )
    return Authority(city, builder.sign(key, hashes.SHA256()), key)


def authority_from_pem(certificate_pem: bytes, key_pem: bytes) -> Authority:
    """Read an authority back.

    Raises:
        CertificateRefused: The certificate is none of an authority.
        KeystoreBroken: KEY_MALFORMED, or KEY_MISMATCH when the key is another one's.
    """
    certificate = certificate_from_pem(certificate_pem)
    verify_authority_certificate(certificate, city := authority_city(certificate))
    key = private_key_from_pem(key_pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeystoreBroken(Reason.KEY_MALFORMED, "an authority's key must be an elliptic-curve key")
    if key.public_key() != certificate.public_key():
        raise KeystoreBroken(Reason.KEY_MISMATCH, "the key is not that of the authority's certificate")
    return Authority(city, certificate, key)


def serial_number(random: Callable[[int], bytes]) -> int:
    """Draw a serial of 128 random bits, never zero and within 20 octets (RFC 5280 section 4.1.2.2).

    Args:
        random: Gives that many random bytes, for example `os.urandom`.
    """
    return int.from_bytes(b"\x01" + random(16), "big")


def _leaf_builder(
    identity: Identity, public_key: ec.EllipticCurvePublicKey, *, issuer: x509.Certificate
) -> x509.CertificateBuilder:
    issuer_key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder(
            issuer_name=issuer.subject,
            # For people's eyes. No dot in the common name: no client can take it for the host.
            subject_name=_name(identity.city, f"{identity.role} {identity.name}"[:64]),
            public_key=public_key,
        )
        .add_extension(x509.SubjectAlternativeName(alternative_names(identity)), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage(sorted(ROLE_USAGES[identity.role], key=lambda oid: oid.dotted_string)),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_id), critical=False)
    )


def _p256(key: CertificatePublicKeyTypes) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a leaf's key must be P-256")
    return key


def alternative_names(identity: Identity) -> list[x509.GeneralName]:
    """The names that stand in the leaf of an identity."""
    uri = x509.UniformResourceIdentifier(identity.uri)
    return [uri, x509.DNSName(gateway_host(identity.city))] if identity.role == "gateway" else [uri]


def _name(city: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{city}.yrdx"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
