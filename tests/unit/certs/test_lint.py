from __future__ import annotations

import os
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

from certs.authority import Authority, alternative_names, create_authority
from certs.constraint import constrained_pem, name_constraints
from certs.errors import Reason
from certs.generation import issue_generation
from certs.identity import Identity
from certs.lint import LintFinding, lint, lint_files
from certs.pem import certificate_from_pem, certificates_to_pem
from certs.signing import SigningKey
from tests.unit.certs.forgery import BOTH, CLIENT, DAY, NANTONG, NOW, SHANGHAI, authority_of, forged_leaf, leaf_of, uri

OURS, THEIRS = authority_of(NANTONG), authority_of(SHANGHAI)
GATEWAY = Identity(NANTONG, "gateway", "main")
NAMES = alternative_names(GATEWAY)
COMMON_NAME = (Reason.NAME_FOREIGN, "RFC 5280 §4.1.2.6, RFC 6125 §6.4.4")
"""Of every forged leaf: its common name is a host."""
NAMED, SIGNS = "RFC 5280 §4.2.1.6, X.509-SVID §2", "RFC 5280 §4.2.1.9, X.509-SVID §4.1"


def found(certificate: x509.Certificate, *authorities: Authority) -> list[tuple[Reason, str]]:
    """Reasons and clauses."""
    return [(one.reason, one.clause) for one in lint("it", certificate, [one.certificate for one in authorities])]


def signed_again(certificate: x509.Certificate, extension: x509.ExtensionType, *, critical: bool) -> x509.Certificate:
    """The same certificate with one extension replaced, under a key that the forger holds."""
    builder = x509.CertificateBuilder(certificate.issuer, certificate.subject, certificate.public_key(), 5)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + DAY)
    for one in certificate.extensions:
        kept = type(one.value) is not type(extension)
        builder = builder.add_extension(*((one.value, one.critical) if kept else (extension, critical)))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA224())


def test_whatever_we_issue_is_clean() -> None:
    """Every file of a generation, and the re-issue that a handshake sees."""
    files = issue_generation(OURS, SigningKey.generate(), now=NOW, random=os.urandom)
    files = {name: content for name, content in files.items() if name.endswith(".pem")}
    assert len(files) == 4
    assert lint_files({**files, "re-issue": constrained_pem(NANTONG, [OURS.certificate])}) == []


@pytest.mark.parametrize(
    ("leaf", "wanted"),
    [
        (forged_leaf(None, OURS), (Reason.IDENTITY_MISSING, NAMED)),
        (forged_leaf([uri("spiffe://320600.YRDX/system/a")], OURS), (Reason.IDENTITY_MALFORMED, NAMED)),
        (forged_leaf([NAMES[0], x509.DNSName("*.yrdx")], OURS, usages=BOTH), (Reason.NAME_WILDCARD, NAMED)),
        (forged_leaf(NAMES, OURS, usages=CLIENT), (Reason.USAGE_WRONG, "RFC 5280 §4.2.1.12")),
        (forged_leaf(NAMES, OURS, usages=BOTH, is_authority=True), (Reason.LEAF_IS_AUTHORITY, SIGNS)),
        (forged_leaf(NAMES, OURS, usages=BOTH, days=(0, 91)), (Reason.LIFE_TOO_LONG, "RFC 5280 §4.1.2.5")),
        (forged_leaf(NAMES, THEIRS, usages=BOTH), (Reason.KEY_IDENTIFIER_MISSING, "RFC 5280 §4.2.1.1, §4.2.1.2")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_leaf_is_told_with_its_clause(leaf: x509.Certificate, wanted: tuple[Reason, str]) -> None:
    """And nothing else but the common name, which every forged leaf has."""
    assert set(found(leaf, OURS)) == {COMMON_NAME, wanted}


def test_everything_is_told_at_once() -> None:
    """Names, life and usages of one leaf: whoever mends it mends it once."""
    leaf = forged_leaf(NAMES, OURS, usages=None, may_sign=True, days=(0, 200))
    assert [reason for reason, _ in found(leaf, OURS)] == [
        Reason.NAME_FOREIGN,
        Reason.LEAF_IS_AUTHORITY,
        Reason.USAGE_WRONG,
        Reason.LIFE_TOO_LONG,
    ]


def test_a_leaf_whose_authority_is_not_at_hand_only_has_to_name_one() -> None:
    """Another city's authority beside it says nothing about it."""
    leaf = leaf_of(OURS, GATEWAY)
    assert found(leaf) == found(leaf, THEIRS) == []
    assert (Reason.KEY_IDENTIFIER_MISSING, "RFC 5280 §4.2.1.1, §4.2.1.2") in found(leaf, authority_of(NANTONG))


def test_rules_that_no_handshake_needs() -> None:
    """Hash, key usage and serial: others' software refuses what ours would take."""
    leaf = leaf_of(OURS, GATEWAY)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert found(signed_again(leaf, usage, critical=False)) == [
        (Reason.SIGNATURE_WEAK, "RFC 5280 §4.1.1.2"),
        (Reason.USAGE_WRONG, "RFC 5280 §4.2.1.3"),
    ]
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = OURS.issue(GATEWAY, key, now=NOW, serial=0x7A11, valid_for=timedelta(days=1)).public_bytes(Encoding.DER)
    with pytest.warns(CryptographyDeprecationWarning, match="positive"):
        negative = x509.load_der_x509_certificate(der.replace(b"\x02\x02\x7a\x11", b"\x02\x02\xfa\x11", 1))
    with pytest.warns(CryptographyDeprecationWarning, match="positive"):
        told = found(negative)
    assert told == [(Reason.SERIAL_WRONG, "RFC 5280 §4.1.2.2")]


def test_an_authority_and_its_reissue() -> None:
    """Extensions that constrain are critical, and the re-issue is for the city in its subject alone."""
    loose = signed_again(OURS.certificate, x509.BasicConstraints(ca=True, path_length=0), critical=False)
    assert found(loose) == [
        (Reason.SIGNATURE_WEAK, "RFC 5280 §4.1.1.2"),
        (Reason.AUTHORITY_MALFORMED, "RFC 5280 §4.2.1.2, §4.2.1.3, §4.2.1.9"),
        (Reason.CONSTRAINTS_WRONG, "RFC 5280 §4.2.1.9"),
    ]
    reissue = certificate_from_pem(constrained_pem(NANTONG, [OURS.certificate]))
    assert found(signed_again(reissue, name_constraints(SHANGHAI), critical=False)) == [
        (Reason.SIGNATURE_WEAK, "RFC 5280 §4.1.1.2"),
        (Reason.CONSTRAINTS_WRONG, "RFC 5280 §4.2.1.10"),
        (Reason.CONSTRAINTS_WRONG, "RFC 5280 §4.2.1.10"),
    ]


def test_a_torn_file_is_a_finding_too() -> None:
    """It keeps nobody from hearing about the others."""
    pem = create_authority(NANTONG, now=NOW, serial=9, valid_for=DAY).certificate_pem()
    leaf = certificates_to_pem(forged_leaf(NAMES, OURS, usages=BOTH))
    assert lint_files({"torn.pem": pem[:-40], "two.pem": OURS.certificate_pem() + leaf}) == [
        LintFinding(
            "torn.pem", Reason.CERTIFICATE_MALFORMED, "RFC 7468 §3",
            "not whole PEM certificates and nothing else: cut short, changed, or another kind of file",
        ),
        LintFinding(
            "two.pem#2", *COMMON_NAME,
            "the common name looks like a host, and some clients believe it: leave the dots out",
        ),
    ]  # fmt: skip
