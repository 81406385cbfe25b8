from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from certs.authority import Authority
from certs.drop import drop_files, take_drop
from certs.enrolment import forget_request, installable, issue_from_request, new_request
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import Identity
from certs.keystore import create_keystore, load_generation
from certs.offline import load_authority
from certs.pem import certificates_to_pem
from tests.unit.certs.forgery import BOTH, NANTONG, NOW, SHANGHAI, authority_of, forged_leaf, pem, uri

GATEWAY = Identity(NANTONG, "gateway", "main")
HOST = x509.DNSName("gateway.320600.yrdx")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node home."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    return tmp_path


def issued(authority: Authority, request: bytes) -> x509.Certificate:
    """What the authority answers."""
    return issue_from_request(authority, request, now=NOW, serial=7)


def test_request_goes_out_and_leaf_comes_back(home: Path) -> None:
    """The key never leaves; the leaf becomes the current generation, and the request is forgotten."""
    request = new_request(home, GATEWAY)
    assert b"PRIVATE" not in request
    leaf = issued(load_authority(home), request)

    files = installable(home, certificates_to_pem(leaf))
    drop_files(home, files)
    take_drop(home, now=NOW)
    forget_request(home, files)

    assert load_generation(home, now=NOW).gateway.leaf == leaf
    assert not list((home / "certs" / "requests").iterdir())


def test_encrypted_request_key(home: Path) -> None:
    """With a passphrase the waiting key lies there encrypted."""
    request = new_request(home, GATEWAY, passphrase=b"pass")
    assert (home / "certs/requests/gateway.key").read_bytes().startswith(b"-----BEGIN ENCRYPTED")
    leaf = issued(load_authority(home), request)
    assert set(installable(home, pem(leaf), passphrase=b"pass")) == {"gateway.pem", "gateway.key"}


def request_with(
    names: list[x509.GeneralName] | None,
    *,
    common_name: str = "",
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None,
) -> bytes:
    """A request with any names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name(subject))
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("request_pem", "reason"),
    [
        (request_with([uri(GATEWAY.uri), x509.DNSName("*.320600.yrdx")]), Reason.NAME_WILDCARD),
        (request_with(None, common_name="gateway.320600.yrdx"), Reason.IDENTITY_MISSING),
        (request_with([HOST]), Reason.IDENTITY_MISSING),
        (request_with([uri(GATEWAY.uri), x509.DNSName("gateway.310000.yrdx")]), Reason.NAME_FOREIGN),
        (request_with([uri(GATEWAY.uri), HOST, x509.DNSName("www.example.cn")]), Reason.NAME_FOREIGN),
        (
            request_with([uri("spiffe://310000.yrdx/gateway/main"), x509.DNSName("gateway.310000.yrdx")]),
            Reason.CITY_MISMATCH,
        ),
        (request_with([uri(GATEWAY.uri), uri("spiffe://320600.yrdx/system/x"), HOST]), Reason.IDENTITY_AMBIGUOUS),
        (request_with([uri("spiffe://320600.yrdx/Gateway/main"), HOST]), Reason.IDENTITY_MALFORMED),
        (
            request_with([uri(GATEWAY.uri), HOST], key=ed25519.Ed25519PrivateKey.generate()),
            Reason.LEAF_KEY_UNUSABLE,
        ),
        (request_with([uri(GATEWAY.uri), HOST], key=ec.generate_private_key(ec.SECP521R1())), Reason.LEAF_KEY_UNUSABLE),
        (b"garbage", Reason.REQUEST_MALFORMED),
        (request_with([uri(GATEWAY.uri), HOST])[:200], Reason.REQUEST_MALFORMED),
    ],
)
def test_what_nobody_may_have_is_not_issued(request_pem: bytes, reason: Reason) -> None:
    """Wildcards, a common name alone, foreign names and unusable keys, each with its reason."""
    with pytest.raises(CertificateRefused) as refused:
        issued(authority_of(NANTONG), request_pem)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([uri(GATEWAY.uri), x509.DNSName("*.320600.yrdx")], Reason.NAME_WILDCARD),
        (None, Reason.IDENTITY_MISSING),
        ([uri(GATEWAY.uri), x509.DNSName("gateway.310000.yrdx")], Reason.NAME_FOREIGN),
    ],
)
def test_what_another_authority_made_is_held_against_the_same_rules(
    home: Path, names: list[x509.GeneralName] | None, reason: Reason
) -> None:
    """A careless authority's leaf is refused when it is installed, not at the partner's handshake."""
    new_request(home, GATEWAY)
    with pytest.raises(CertificateRefused) as refused:
        installable(home, pem(forged_leaf(names, load_authority(home), usages=BOTH)))
    assert refused.value.reason is reason


def test_a_leaf_that_answers_nothing_is_told(home: Path) -> None:
    """Without a request, and with another one's answer."""
    leaf = pem(forged_leaf([uri(GATEWAY.uri), HOST], load_authority(home), usages=BOTH))
    with pytest.raises(KeystoreBroken) as unknown:
        installable(home, leaf)
    new_request(home, GATEWAY)
    with pytest.raises(KeystoreBroken) as other:
        installable(home, leaf)
    assert (unknown.value.reason, other.value.reason) == (Reason.REQUEST_UNKNOWN, Reason.KEY_MISMATCH)


def test_a_tampered_request_is_refused() -> None:
    """Its signature is what proves that who asks holds the key."""
    other = authority_of(SHANGHAI)
    good = x509.load_pem_x509_csr(request_with([uri(GATEWAY.uri), HOST]))
    der = good.public_bytes(serialization.Encoding.DER).replace(b"gateway.320600", b"gateway.320601")
    tampered = x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(CertificateRefused) as refused:
        issued(other, tampered)
    assert refused.value.reason is Reason.REQUEST_MALFORMED
