from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.anchor import authority_city, verify_authority_certificate
from certs.authority import Authority, authority_from_pem, create_authority, serial_number
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import Identity, Role
from certs.leaf import LEAF_VALID_FOR
from certs.signing import SigningKey
from tests.unit.certs.forgery import DAY, NANTONG, NOW, SHANGHAI, authority_of, forged_authority, leaf_of

MINUTE = timedelta(minutes=1)
GATEWAY = Identity(SHANGHAI, "gateway", "main")
OURS = authority_of(SHANGHAI)
Kind = TypeVar("Kind", bound=x509.ExtensionType)
SUBJECT = OURS.certificate.subject


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind:
    """One extension of a certificate."""
    return certificate.extensions.get_extension_for_class(kind).value


def whole_second(time: datetime) -> datetime:
    """A time as certificates hold it."""
    return time.replace(microsecond=0)


def test_authority_signs_leaves_and_nothing_that_signs() -> None:
    """An authority has path length 0, may sign certificates and CRLs, and names its own key."""
    certificate = OURS.certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    usage = extension(certificate, x509.KeyUsage)
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature
    key_id = extension(certificate, x509.SubjectKeyIdentifier).digest
    assert extension(certificate, x509.AuthorityKeyIdentifier).key_identifier == key_id
    assert isinstance(OURS.key.curve, ec.SECP256R1)
    assert authority_city(verify_authority_certificate(certificate, SHANGHAI)) == SHANGHAI


def test_two_generations_share_neither_name_nor_key() -> None:
    """A city's next authority is told apart by name, key and key identifier."""
    other = authority_of(SHANGHAI)
    assert other.certificate.subject != SUBJECT
    assert other.certificate.public_key() != OURS.certificate.public_key()


@pytest.mark.parametrize("role", ["gateway", "system", "operator"])
def test_leaf_says_what_its_role_may(role: Role) -> None:
    """Only a gateway has a DNS name and serves; every leaf has one URI and may call."""
    leaf = leaf_of(OURS, Identity(SHANGHAI, role, "one"))
    names = extension(leaf, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [f"spiffe://310000.yrdx/{role}/one"]
    serves = role == "gateway"
    assert names.get_values_for_type(x509.DNSName) == (["gateway.310000.yrdx"] if serves else [])
    usages = set(extension(leaf, x509.ExtendedKeyUsage))
    assert ExtendedKeyUsageOID.CLIENT_AUTH in usages
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usages) == serves
    assert not extension(leaf, x509.BasicConstraints).ca
    assert not extension(leaf, x509.KeyUsage).key_cert_sign
    key_id = extension(OURS.certificate, x509.SubjectKeyIdentifier).digest
    assert extension(leaf, x509.AuthorityKeyIdentifier).key_identifier == key_id


def test_common_name_is_never_a_host() -> None:
    """A client that falls back to the common name finds no host there, however long the name is."""
    leaf = leaf_of(OURS, Identity(SHANGHAI, "operator", "a" * 63))
    (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert "." not in common_name.value


def test_leaf_works_at_once_on_a_clock_that_is_behind() -> None:
    """A leaf begins five minutes before its issue and ends when asked, but not before its authority."""
    later = NOW + DAY
    leaf = leaf_of(OURS, GATEWAY, now=later)
    assert leaf.not_valid_before_utc == whole_second(later - 5 * MINUTE)
    assert leaf.not_valid_after_utc == whole_second(later + LEAF_VALID_FOR)
    assert leaf_of(OURS, GATEWAY, now=NOW - 2 * MINUTE).not_valid_before_utc == (OURS.certificate.not_valid_before_utc)


def test_leaf_never_outlives_its_authority() -> None:
    """A leaf ends with its authority, and an authority outside its validity issues nothing."""
    end = OURS.certificate.not_valid_after_utc
    assert leaf_of(OURS, GATEWAY, now=end - DAY).not_valid_after_utc == end
    for now in (end + MINUTE, OURS.certificate.not_valid_before_utc - MINUTE):
        with pytest.raises(CertificateRefused) as refused:
            leaf_of(OURS, GATEWAY, now=now)
        assert refused.value.reason is Reason.AUTHORITY_NOT_VALID


@pytest.mark.parametrize(
    ("identity", "key", "valid_for"),
    [
        (Identity(NANTONG, "gateway", "main"), None, DAY),
        (GATEWAY, ed25519.Ed25519PrivateKey.generate().public_key(), DAY),
        (GATEWAY, ec.generate_private_key(ec.SECP521R1()).public_key(), DAY),
        (GATEWAY, None, LEAF_VALID_FOR + MINUTE),
        (GATEWAY, None, timedelta(0)),
    ],
)
def test_wrong_issue_is_our_mistake(
    identity: Identity, key: CertificatePublicKeyTypes | None, valid_for: timedelta
) -> None:
    """Another city's identity, a key that TLS fails on, and a wrong life are never issued."""
    key = key or ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(ValueError, match=r"other city|P-256|at most 90 days"):
        OURS.issue(identity, key, now=NOW, serial=2, valid_for=valid_for)


def test_authority_reads_back() -> None:
    """An authority written as PEM comes back with the same key and city, and does not print its key."""
    again = authority_from_pem(OURS.certificate_pem(), OURS.key_pem())
    assert (again.city, again.certificate) == (SHANGHAI, OURS.certificate)
    assert again.key.private_numbers() == OURS.key.private_numbers()
    assert "key" not in repr(again)


@pytest.mark.parametrize(
    ("key_pem", "reason"),
    [
        (authority_of(SHANGHAI).key_pem(), Reason.KEY_MISMATCH),
        (SigningKey.generate().to_pem(), Reason.KEY_MALFORMED),
        (OURS.key_pem()[:-1], Reason.KEY_MALFORMED),
        (OURS.key_pem() * 2, Reason.KEY_MALFORMED),
        (b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", Reason.KEY_MALFORMED),
    ],
)
def test_authority_with_a_wrong_key_is_refused(key_pem: bytes, reason: Reason) -> None:
    """Another's, another kind's, a torn and a doubled key are refused."""
    with pytest.raises(KeystoreBroken) as refused:
        authority_from_pem(OURS.certificate_pem(), key_pem)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (leaf_of(OURS, GATEWAY), Reason.AUTHORITY_MALFORMED),
        (forged_authority(SUBJECT, is_authority=False), Reason.AUTHORITY_MALFORMED),
        (forged_authority(SUBJECT, may_sign=False), Reason.AUTHORITY_MALFORMED),
        (forged_authority(SUBJECT, signer_key=OURS.key), Reason.AUTHORITY_MALFORMED),
        (forged_authority(x509.Name([])), Reason.AUTHORITY_MALFORMED),
        (authority_of(NANTONG).certificate, Reason.CITY_MISMATCH),
    ],
)
def test_wrong_authority_is_refused(certificate: x509.Certificate, reason: Reason) -> None:
    """A leaf, one that may not sign, one without its own signature, and another city's are refused."""
    with pytest.raises(CertificateRefused) as refused:
        verify_authority_certificate(certificate, SHANGHAI)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_authority_key_that_fails_is_refused(key: CertificateIssuerPrivateKeyTypes) -> None:
    """Keys that gRPC's TLS fails on, or that are too weak for an authority's life, are refused."""
    with pytest.raises(CertificateRefused) as refused:
        verify_authority_certificate(forged_authority(SUBJECT, key=key, signer_key=OURS.key), SHANGHAI)
    assert refused.value.reason is Reason.AUTHORITY_KEY_WEAK


@pytest.mark.parametrize("random", [bytes, lambda size: b"\xff" * size])
def test_serial_fits(random: object) -> None:
    """A serial is positive and fits 20 octets, whatever is drawn (RFC 5280 section 4.1.2.2)."""
    assert callable(random)
    serial = serial_number(random)
    assert 0 < serial < 1 << 159
    made: Authority = create_authority(NANTONG, now=NOW, serial=serial, valid_for=DAY)
    assert made.certificate.serial_number == serial
