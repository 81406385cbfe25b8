from __future__ import annotations

import os
from datetime import timedelta

import pytest

from certs.approval import Approval, make_approval, office_of, verify_approvals
from certs.authority import Authority
from certs.enrolment import issue_from_request, personal_request
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import Identity, Role
from certs.pem import certificates_to_pem
from certs.verification import CallerVerifier
from tests.unit.certs.forgery import NANTONG, NOW, SHANGHAI, authority_of

OURS, THEIRS = authority_of(NANTONG), authority_of(SHANGHAI)
OWN = CallerVerifier({NANTONG: [OURS.certificate], SHANGHAI: [THEIRS.certificate]})
DIGEST, OTHER = "ab" * 32, "cd" * 32


def person(name: str, *, role: Role = "operator", authority: Authority = OURS) -> tuple[bytes, bytes]:
    """A certificate and key of somebody."""
    key_pem, request = personal_request(Identity(authority.city, role, name))
    return certificates_to_pem(issue_from_request(authority, request, now=NOW, serial=9)), key_pem


LI, WANG = person("security-li"), person("security-wang")


def signed(pair: tuple[bytes, bytes], *, act: str = "partner", digest: str = DIGEST, nonce: bytes = b"") -> bytes:
    """An approval by somebody."""
    certificate_pem, key_pem = pair
    return make_approval(
        act, digest, certificate_pem=certificate_pem, key_pem=key_pem, nonce=nonce or os.urandom(16), now=NOW
    )


def verified(
    *approvals: bytes, wanted: int = 2, used: tuple[str, ...] = (), later: timedelta = timedelta(0)
) -> list[Approval]:
    """Verify approvals for the act in question."""
    return verify_approvals(
        approvals, act="partner", digest=DIGEST, wanted=wanted, city=NANTONG, own=OWN, used=used, now=NOW + later
    )


def test_two_security_operators_approve() -> None:
    """Both are named; each approval is over this act with this very thing."""
    found = verified(signed(LI), signed(WANG))
    assert [one.operator.name for one in found] == ["security-li", "security-wang"]


def altered(approval: bytes) -> bytes:
    """Another digest under the same signature."""
    return approval.replace(OTHER.encode(), DIGEST.encode())


@pytest.mark.parametrize(
    ("approvals", "why"),
    [
        ((), "0 did"),
        ((signed(LI),), "1 did"),
        ((signed(LI), signed(LI)), "2 did"),
        ((signed(LI), signed(person("system-zhou"))), "no security operator"),
        ((signed(LI), signed(person("audit-wu"))), "no security operator"),
        ((signed(LI), signed(person("local"))), "no security operator"),
        ((signed(LI), signed(person("security-x", role="system"))), "no security operator"),
        ((signed(LI), signed(WANG, act="agreement")), "something else"),
        ((signed(LI), signed(WANG, digest=OTHER)), "something else"),
        ((signed(LI), altered(signed(WANG, digest=OTHER))), "signature"),
        ((signed(LI), b"garbage"), "not an approval"),
        ((signed(LI), signed(WANG)[:-30]), "not an approval"),
        ((signed(LI), signed(person("security-x", authority=authority_of(NANTONG)))), "does not stand"),
    ],
)
def test_what_does_not_count(approvals: tuple[bytes, ...], why: str) -> None:
    """Too few, one person twice, another office, another act or thing, an altered or foreign one."""
    with pytest.raises(CertificateRefused, match=why) as refused:
        verified(*approvals)
    assert refused.value.reason is Reason.APPROVAL_REFUSED


def test_a_partners_security_operator_is_nobody_here() -> None:
    """Partners' authorities are known to the node, and their operators still approve nothing."""
    with pytest.raises(CertificateRefused, match="no security operator of 320600"):
        verified(signed(LI), signed(person("security-x", authority=THEIRS)))


def test_an_approval_counts_once_and_for_a_day() -> None:
    """A nonce that was used, the same file twice, and one of yesterday."""
    nonce = b"\x01" * 16
    with pytest.raises(CertificateRefused, match="used before"):
        verified(signed(LI, nonce=nonce), signed(WANG), used=(nonce.hex(),))
    one = signed(LI)
    with pytest.raises(CertificateRefused, match="used before"):
        verified(one, one)
    assert len(verified(signed(LI), signed(WANG), later=timedelta(hours=23))) == 2
    with pytest.raises(CertificateRefused, match="ended"):
        verified(signed(LI), signed(WANG), later=timedelta(hours=25))


def test_nobody_signs_with_anothers_key() -> None:
    """The certificate in an approval is that of its key."""
    with pytest.raises(KeystoreBroken):
        signed((LI[0], WANG[1]))


@pytest.mark.parametrize(
    ("name", "office"),
    [("security-li", "security"), ("system-zhou", "system"), ("audit-wu", "audit"), ("local", ""), ("securityli", "")],
)
def test_an_operator_has_one_office_by_name(name: str, office: str) -> None:
    """The first word says it, and there is only one first word."""
    assert office_of(Identity(NANTONG, "operator", name)) == office
