from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certs.crl import CRL_VALID_FOR, issue_crl, read_crl
from certs.errors import CertificateRefused, Reason
from certs.identity import Identity
from certs.inventory import fingerprint_of
from certs.revocation import Revocations, VerifiedLeaf, verify_not_revoked
from tests.unit.certs.forgery import DAY, NANTONG, NOW, SUZHOU, authority_of

OURS, THEIRS = authority_of(NANTONG), authority_of(SUZHOU)
ROOTS = [OURS.certificate]
SERIALS = [(0x1F2E, NOW - DAY), (0x1F2F, NOW - 2 * DAY)]
WHOLE = NOW.replace(microsecond=0)


def test_what_we_write_is_what_a_partner_reads() -> None:
    """Authority, number, times and serials; as PEM and as DER."""
    pem = issue_crl(OURS, SERIALS, number=7, now=NOW)
    der = x509.load_pem_x509_crl(pem).public_bytes(serialization.Encoding.DER)
    for data in (pem, der):
        crl = read_crl(data, ROOTS, now=NOW)
        assert (crl.authority, crl.number) == (fingerprint_of(OURS.certificate), 7)
        assert (crl.this_update, crl.next_update) == (WHOLE, WHOLE + CRL_VALID_FOR)
        assert crl.serials == {serial: at.replace(microsecond=0) for serial, at in SERIALS}


def test_an_empty_list_is_a_list() -> None:
    """A city that revoked nothing says so."""
    assert read_crl(issue_crl(OURS, [], number=1, now=NOW), ROOTS, now=NOW).serials == {}


def crl_without(what: str) -> bytes:
    """A list that lacks something."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(OURS.certificate.subject).last_update(NOW)
    builder = builder.next_update(NOW + DAY)
    if what != "number":
        builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    return builder.sign(OURS.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (issue_crl(THEIRS, SERIALS, number=7, now=NOW), "no authority"),
        (issue_crl(OURS, SERIALS, number=7, now=NOW)[:-30], "whole PEM"),
        (b"garbage", "not a certificate revocation list"),
        (OURS.certificate_pem(), "whole PEM"),
        (issue_crl(OURS, SERIALS, number=7, now=NOW + timedelta(hours=1)), "future"),
        (crl_without("number"), "number"),
        (b"\0" * (5 * 1024 * 1024), "MiB"),
    ],
)
def test_a_list_that_proves_nothing_is_refused(data: bytes, why: str) -> None:
    """Another authority's, torn, garbage, from the future, without a number, too large."""
    with pytest.raises(CertificateRefused, match=why) as refused:
        read_crl(data, ROOTS, now=NOW)
    assert refused.value.reason is Reason.CRL_REFUSED


def test_a_list_with_another_byte_in_it_is_refused() -> None:
    """Its signature covers every serial."""
    der = x509.load_pem_x509_crl(issue_crl(OURS, SERIALS, number=7, now=NOW)).public_bytes(serialization.Encoding.DER)
    with pytest.raises(CertificateRefused):
        read_crl(der.replace(b"\x1f\x2e", b"\x1f\x2d"), ROOTS, now=NOW)


LEAF = VerifiedLeaf(Identity(NANTONG, "gateway", "main"), "aa", 5, "bb", NOW, NOW + DAY)


@pytest.mark.parametrize(
    ("revocations", "reason"),
    [
        (Revocations(leaves={NANTONG: frozenset({"aa"})}), Reason.CERTIFICATE_REVOKED),
        (Revocations(serials={"bb": frozenset({5})}), Reason.CERTIFICATE_REVOKED),
        (Revocations(authorities=frozenset({"bb"})), Reason.AUTHORITY_REVOKED),
        (Revocations(cities=frozenset({NANTONG})), Reason.CITY_REVOKED),
        (Revocations(stale=frozenset({"bb"})), Reason.CRL_STALE),
    ],
)
def test_every_grain_takes_trust_away(revocations: Revocations, reason: Reason) -> None:
    """A leaf, a serial, an authority, a city, and an authority whose lists stopped coming."""
    with pytest.raises(CertificateRefused) as refused:
        verify_not_revoked(LEAF, revocations)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "revocations",
    [
        Revocations(),
        Revocations(leaves={SUZHOU: frozenset({"aa"}), NANTONG: frozenset({"cc"})}),
        Revocations(serials={"bb": frozenset({6}), "dd": frozenset({5})}),
        Revocations(authorities=frozenset({"dd"}), cities=frozenset({SUZHOU}), agreements=frozenset({"x"})),
    ],
)
def test_what_was_revoked_of_others_takes_nothing_away(revocations: Revocations) -> None:
    """Another city's leaf, another serial, another authority."""
    assert verify_not_revoked(LEAF, revocations) is LEAF
