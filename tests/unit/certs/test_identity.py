from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address
from typing import get_args

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from certs.errors import CertificateRefused, Reason
from certs.identity import Identity, Role, gateway_host, identity_of, parse_identity
from tests.unit.certs.forgery import (
    BOTH,
    CLIENT,
    NANTONG,
    SERVER,
    SHANGHAI,
    authority_of,
    forged_leaf,
    leaf_of,
    uri,
    with_bytes,
)

SYSTEM = "spiffe://310000.yrdx/system/local"
GATEWAY = "spiffe://310000.yrdx/gateway/main"
HOST = x509.DNSName("gateway.310000.yrdx")
OURS = authority_of(SHANGHAI)

identities = st.builds(
    Identity,
    city=st.from_regex(r"[0-9]{6}", fullmatch=True),
    role=st.sampled_from(get_args(Role)),
    name=st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True),
)


@given(identities)
def test_uri_reads_back(identity: Identity) -> None:
    """Every identity's URI names that identity and no other."""
    assert parse_identity(identity.uri) == identity


@given(identities, st.integers(min_value=0), st.characters(blacklist_characters="0123456789"))
def test_changed_uri_is_refused_or_another(identity: Identity, place: int, character: str) -> None:
    """A URI with one character put in names nobody, or honestly somebody else."""
    place %= len(identity.uri) + 1
    changed = identity.uri[:place] + character + identity.uri[place:]
    with suppress(CertificateRefused):
        assert parse_identity(changed).uri == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://310000.yrdx",
        "spiffe://310000.yrdx/gateway",
        "spiffe://310000.yrdx/gateway/",
        "spiffe://310000.yrdx/gateway/main/",
        "spiffe://310000.yrdx/gateway/main\n",
        "spiffe://310000.yrdx/gateway/main\0.evil",
        "spiffe://310000.yrdx/gateway/main?x=1",
        "spiffe://310000.yrdx/gateway/main#x",
        "spiffe://310000.yrdx:443/gateway/main",
        "spiffe://user@310000.yrdx/gateway/main",
        "spiffe://31000.yrdx/gateway/main",
        "spiffe://3100000.yrdx/gateway/main",
        "spiffe://٣١٠٠٠٠.yrdx/gateway/main",
        "spiffe://310000xyrdx/gateway/main",
        "spiffe://310000.yrdx/auditor/main",
        "spiffe://310000.yrdx/gateway/ma.in",
        "spiffe://310000.yrdx/gateway/%6dain",
        f"spiffe://310000.yrdx/gateway/{'a' * 64}",
        "SPIFFE://310000.yrdx/gateway/main",
        "spiffe://310000.YRDX/gateway/main",
        "spiffe://310000.yrdx/Gateway/main",
        "spiffe://310000.yrdx/gateway/Main",
        "https://310000.yrdx/gateway/main",
    ],
)
def test_malformed_uri_is_refused(text: str) -> None:
    """Nothing but the exact form is an identity, and what was sent is not repeated."""
    with pytest.raises(CertificateRefused) as refused:
        parse_identity(text)
    assert refused.value.reason is Reason.IDENTITY_MALFORMED
    assert "main" not in str(refused.value)


@pytest.mark.parametrize(
    ("city", "role", "name"),
    [("31000", "system", "a"), ("310000", "root", "a"), ("310000", "system", ""), ("310000", "system", "A")],
)
def test_identity_holds_its_shape(city: str, role: Role, name: str) -> None:
    """An identity that could not be read back cannot be made."""
    with pytest.raises(ValueError, match="must be"):
        Identity(city, role, name)


def test_gateway_host() -> None:
    """A gateway answers to one name of its city."""
    assert gateway_host(SHANGHAI) == "gateway.310000.yrdx"
    with pytest.raises(ValueError, match="six digits"):
        gateway_host("*")


@pytest.mark.parametrize("role", get_args(Role))
def test_issued_leaf_speaks_for_its_identity(role: Role) -> None:
    """What our authority issues is read back as what was asked for."""
    identity = Identity(SHANGHAI, role, "one")
    assert identity_of(leaf_of(OURS, identity)) == identity


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (None, Reason.IDENTITY_MISSING),
        ([HOST], Reason.IDENTITY_MISSING),
        ([x509.DNSName(SYSTEM)], Reason.IDENTITY_MISSING),
        ([uri(SYSTEM), x509.DNSName(SYSTEM)], Reason.NAME_FOREIGN),
        ([uri(SYSTEM), x509.DNSName(GATEWAY)], Reason.NAME_FOREIGN),
        ([uri(SYSTEM), uri(GATEWAY)], Reason.IDENTITY_AMBIGUOUS),
        ([uri(SYSTEM), uri(SYSTEM)], Reason.IDENTITY_AMBIGUOUS),
        ([uri(SYSTEM + "\0"), HOST], Reason.IDENTITY_MALFORMED),
        ([uri("spiffe://310000.yrdx/system/a\0spiffe")], Reason.IDENTITY_MALFORMED),
        ([uri(SYSTEM.upper())], Reason.IDENTITY_MALFORMED),
        ([uri(SYSTEM), HOST], Reason.NAME_FOREIGN),
        ([uri(SYSTEM), x509.RFC822Name("a@b.cn")], Reason.NAME_FOREIGN),
        ([uri(SYSTEM), x509.IPAddress(IPv4Address("10.0.0.1"))], Reason.NAME_FOREIGN),
        ([uri(SYSTEM), x509.DirectoryName(OURS.certificate.subject)], Reason.NAME_FOREIGN),
    ],
)
def test_forged_names_are_refused(names: list[x509.GeneralName] | None, reason: Reason) -> None:
    """A caller's certificate has exactly one name, a URI."""
    with pytest.raises(CertificateRefused) as refused:
        identity_of(forged_leaf(names, OURS))
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "others",
    [
        [],
        [x509.DNSName("*.310000.yrdx")],
        [x509.DNSName("gateway.320600.yrdx")],
        [x509.DNSName("GATEWAY.310000.yrdx")],
        [x509.DNSName("gateway.310000.yrdx\0.evil")],
        [HOST, x509.DNSName("www.example.cn")],
        [HOST, HOST],
        [HOST, x509.IPAddress(IPv4Address("127.0.0.1"))],
    ],
)
def test_gateway_has_exactly_its_host(others: list[x509.GeneralName]) -> None:
    """Wildcard, CN-only, foreign and additional server names are refused."""
    with pytest.raises(CertificateRefused) as refused:
        identity_of(forged_leaf([uri(GATEWAY), *others], OURS, usages=BOTH))
    wildcard = any("*" in str(other.value) for other in others)
    assert refused.value.reason is (Reason.NAME_WILDCARD if wildcard else Reason.NAME_FOREIGN)


@pytest.mark.parametrize(
    ("text", "usages"),
    [
        (SYSTEM, None),
        (SYSTEM, SERVER),
        (SYSTEM, BOTH),
        (SYSTEM, (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        (SYSTEM, (*CLIENT, ExtendedKeyUsageOID.CODE_SIGNING)),
        (GATEWAY, CLIENT),
        (GATEWAY, SERVER),
        (GATEWAY, None),
    ],
)
def test_missing_or_wrong_usage_is_refused(text: str, usages: tuple[x509.ObjectIdentifier, ...] | None) -> None:
    """A leaf may do what its role does, no less and no more."""
    names = [uri(text), HOST] if text == GATEWAY else [uri(text)]
    with pytest.raises(CertificateRefused) as refused:
        identity_of(forged_leaf(names, OURS, usages=usages))
    assert refused.value.reason is Reason.USAGE_WRONG


@pytest.mark.parametrize(("is_authority", "may_sign"), [(True, True), (True, False), (False, True)])
def test_authority_speaks_for_nobody(is_authority: bool, may_sign: bool) -> None:
    """A certificate that may sign others is no party's leaf."""
    leaf = forged_leaf([uri(SYSTEM)], OURS, is_authority=is_authority, may_sign=may_sign)
    with pytest.raises(CertificateRefused) as refused:
        identity_of(leaf)
    assert refused.value.reason is Reason.LEAF_IS_AUTHORITY


@pytest.mark.parametrize(
    ("name", "reason"),
    [(b"/l\xc3\xb6al", Reason.IDENTITY_MALFORMED), (b"/l\xffcal", Reason.CERTIFICATE_MALFORMED)],
)
def test_bytes_outside_ascii_are_refused(name: bytes, reason: Reason) -> None:
    """A name that no builder writes is refused whole, not half read."""
    leaf = leaf_of(OURS, Identity(SHANGHAI, "system", "local"))
    with pytest.raises(CertificateRefused) as refused:
        identity_of(with_bytes(leaf, b"/local", name, OURS))
    assert refused.value.reason is reason


def test_second_names_extension_is_refused() -> None:
    """Two alternative-name extensions are refused, whichever of them another reader would take."""
    spare = x509.ObjectIdentifier("2.5.29.99")
    hidden = x509.SubjectAlternativeName([uri("spiffe://320600.yrdx/system/local")]).public_bytes()
    extension = x509.Extension(spare, critical=False, value=x509.UnrecognizedExtension(spare, hidden))
    leaf = forged_leaf([uri(SYSTEM)], OURS, extra=[extension])
    doubled = with_bytes(leaf, bytes.fromhex("0603551d63"), bytes.fromhex("0603551d11"), OURS)
    with pytest.raises(CertificateRefused) as refused:
        identity_of(doubled)
    assert refused.value.reason is Reason.CERTIFICATE_MALFORMED


def test_subject_is_not_asked() -> None:
    """A common name that says Shanghai's gateway lends no identity."""
    with pytest.raises(CertificateRefused) as refused:
        identity_of(forged_leaf(None, authority_of(NANTONG), usages=BOTH))
    assert refused.value.reason is Reason.IDENTITY_MISSING
