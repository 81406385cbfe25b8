from __future__ import annotations

import base64
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs import verification
from certs.anchor import verify_distinct_authorities
from certs.authority import Authority
from certs.errors import BundleRefused, CertificateRefused, Reason, TrustError
from certs.identity import Identity, identity_of
from certs.verification import CallerVerifier, verify_gateway_leaf
from tests.unit.certs.forgery import (
    BOTH,
    DAY,
    NANTONG,
    NOW,
    SHANGHAI,
    SUZHOU,
    authority_of,
    forged_authority,
    forged_leaf,
    leaf_of,
    pem,
    uri,
    with_bytes,
)

CALLER = Identity(SHANGHAI, "system", "local")
GATEWAY = Identity(SHANGHAI, "gateway", "main")
HOST = x509.DNSName("gateway.310000.yrdx")
AUTHORITIES = {city: authority_of(city) for city in (NANTONG, SHANGHAI, SUZHOU)}
OURS, THEIRS = AUTHORITIES[SHANGHAI], AUTHORITIES[SUZHOU]
DER = leaf_of(OURS, CALLER).public_bytes(Encoding.DER)
ROOTS = {city: (authority.certificate,) for city, authority in AUTHORITIES.items()}


@pytest.fixture
def callers() -> CallerVerifier:
    """A verifier that knows three cities."""
    return CallerVerifier(ROOTS)


def refusal(callers: CallerVerifier, *leaves: x509.Certificate) -> Reason:
    """Why the leaves are refused as a caller's."""
    with pytest.raises(CertificateRefused) as refused:
        callers.verify(pem(*leaves), now=NOW)
    return refused.value.reason


@pytest.mark.parametrize("identity", [CALLER, GATEWAY, Identity(NANTONG, "operator", "night-shift")])
def test_honest_leaf_is_believed(callers: CallerVerifier, identity: Identity) -> None:
    """A leaf under its own city's authority speaks for its identity, first and again."""
    leaf = pem(leaf_of(AUTHORITIES[identity.city], identity))
    assert callers.verify(leaf, now=NOW) == identity
    assert callers.verify(bytes(bytearray(leaf)), now=NOW) == identity


def test_other_citys_authority_minting_ours_is_refused(callers: CallerVerifier) -> None:
    """Suzhou's authority cannot make Shanghai's caller, though TLS takes its chain."""
    forged = forged_leaf([uri(CALLER.uri)], THEIRS)
    assert refusal(callers, forged) is Reason.CITY_MISMATCH


def test_same_name_authority_with_another_key_is_refused(callers: CallerVerifier) -> None:
    """An authority that copies our authority's name signs for nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    copied = forged_authority(OURS.certificate.subject, key=key)
    forged = forged_leaf([uri(CALLER.uri)], Authority(SHANGHAI, copied, key))
    assert refusal(callers, forged) is Reason.CHAIN_BROKEN


def test_registered_authority_with_our_name_is_refused() -> None:
    """Even registered under its own city, an authority with our authority's name does not speak for us."""
    key = ec.generate_private_key(ec.SECP256R1())
    copied = Authority(SUZHOU, forged_authority(OURS.certificate.subject, key=key), key)
    callers = CallerVerifier(ROOTS | {SUZHOU: [copied.certificate]})
    assert refusal(callers, forged_leaf([uri(CALLER.uri)], copied)) is Reason.CITY_MISMATCH


def test_leaf_used_as_authority_is_refused(callers: CallerVerifier) -> None:
    """Whoever holds a leaf of ours cannot sign another with it, not even with the chain stuffed."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = OURS.issue(CALLER, key.public_key(), now=NOW, serial=9)
    forged = forged_leaf([uri(CALLER.uri)], Authority(SHANGHAI, leaf, key))
    assert refusal(callers, forged) is Reason.CHAIN_BROKEN
    assert refusal(callers, forged, leaf) is Reason.CERTIFICATE_MALFORMED


def test_authority_as_caller_is_refused(callers: CallerVerifier) -> None:
    """An authority's certificate is no caller's, with our name in it or without."""
    assert refusal(callers, OURS.certificate) is Reason.IDENTITY_MISSING
    named = forged_leaf([uri(CALLER.uri)], OURS, is_authority=True, may_sign=True)
    assert refusal(callers, named) is Reason.LEAF_IS_AUTHORITY


def test_unregistered_city_is_refused(callers: CallerVerifier) -> None:
    """A city nobody added is unknown, and so is one whose authorities are all withdrawn."""
    hangzhou = Identity("330100", "gateway", "main")
    assert refusal(callers, leaf_of(authority_of("330100"), hangzhou)) is Reason.CITY_UNKNOWN
    withdrawn = CallerVerifier({SHANGHAI: []})
    assert refusal(withdrawn, leaf_of(OURS, CALLER)) is Reason.CITY_UNKNOWN


def test_forged_names_do_not_reach_the_chain(callers: CallerVerifier) -> None:
    """A good signature by the right authority does not make up for two names or a NUL."""
    assert refusal(callers, forged_leaf([uri(CALLER.uri), uri(GATEWAY.uri)], OURS)) is (Reason.IDENTITY_AMBIGUOUS)
    assert refusal(callers, forged_leaf([uri(CALLER.uri + "\0")], OURS)) is Reason.IDENTITY_MALFORMED
    assert refusal(callers, forged_leaf([uri(CALLER.uri)], OURS, usages=None)) is Reason.USAGE_WRONG


def test_unknown_critical_extension_is_refused(callers: CallerVerifier) -> None:
    """What must be understood and is not refuses the leaf (RFC 5280 section 4.2)."""
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
    extra = x509.Extension(oid, critical=True, value=x509.UnrecognizedExtension(oid, b"\x05\x00"))
    assert refusal(callers, forged_leaf([uri(CALLER.uri)], OURS, extra=[extra])) is Reason.CHAIN_BROKEN


def test_changed_leaf_is_refused(callers: CallerVerifier) -> None:
    """A leaf changed after it was signed is refused."""
    leaf = leaf_of(OURS, CALLER)
    assert refusal(callers, with_bytes(leaf, b"/local", b"/admin", THEIRS)) is Reason.CHAIN_BROKEN


@pytest.mark.parametrize(
    "change",
    [
        lambda good: b"",
        lambda good: b"garbage",
        lambda good: good[:-1],
        lambda good: good + good[:200],
        lambda good: good + b"\0",
        lambda good: b"subject=x\n" + good,
        lambda good: good.replace(b"CERTIFICATE", b"PRIVATE KEY"),
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good[:60] + b"!" + good[61:],
        lambda good: b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        lambda good: good.replace(b"-----END", b"A" * 20_000 + b"\n-----END"),
    ],
)
def test_torn_pem_is_refused(callers: CallerVerifier, change: object) -> None:
    """Only one whole PEM block and nothing else is a leaf."""
    assert callable(change)
    with pytest.raises(CertificateRefused) as refused:
        callers.verify(change(pem(leaf_of(OURS, CALLER))), now=NOW)
    assert refused.value.reason is Reason.CERTIFICATE_MALFORMED


@pytest.mark.parametrize(
    ("days", "reason"),
    [((-2, -1), Reason.CERTIFICATE_EXPIRED), ((1, 2), Reason.CERTIFICATE_NOT_YET_VALID)],
)
def test_leaf_outside_its_validity_is_refused(callers: CallerVerifier, days: tuple[int, int], reason: Reason) -> None:
    """Expired and not yet valid leaves are told apart."""
    assert refusal(callers, forged_leaf([uri(CALLER.uri)], OURS, days=days)) is reason


def test_expiry_is_seen_on_a_remembered_leaf(callers: CallerVerifier) -> None:
    """A leaf that was believed a moment ago is refused once its time is over, and before it began."""
    leaf = leaf_of(OURS, CALLER, valid_for=timedelta(minutes=1))
    assert callers.verify(pem(leaf), now=NOW) == CALLER
    assert callers.verify(pem(leaf), now=leaf.not_valid_after_utc) == CALLER
    with pytest.raises(CertificateRefused) as refused:
        callers.verify(pem(leaf), now=NOW + timedelta(minutes=1))
    assert refused.value.reason is Reason.CERTIFICATE_EXPIRED
    with pytest.raises(CertificateRefused) as refused:
        callers.verify(pem(leaf), now=NOW - DAY)
    assert refused.value.reason is Reason.CERTIFICATE_NOT_YET_VALID


def test_authoritys_end_is_seen_on_a_remembered_leaf() -> None:
    """A leaf that outlives its authority ends with it."""
    short = authority_of(SHANGHAI, valid_for=timedelta(hours=1))
    callers = CallerVerifier({SHANGHAI: [short.certificate]})
    leaf = pem(forged_leaf([uri(CALLER.uri)], short, days=(-1, 5)))
    assert callers.verify(leaf, now=NOW) == CALLER
    with pytest.raises(CertificateRefused) as refused:
        callers.verify(leaf, now=NOW + timedelta(hours=2))
    assert refused.value.reason is Reason.AUTHORITY_NOT_VALID


def test_both_authorities_of_a_rollover_are_believed() -> None:
    """During a rollover leaves of either generation pass; a fresh verifier forgets the old one."""
    old, new = authority_of(SHANGHAI), authority_of(SHANGHAI)
    both = CallerVerifier({SHANGHAI: [old.certificate, new.certificate]})
    for authority in (old, new):
        assert both.verify(pem(leaf_of(authority, CALLER)), now=NOW) == CALLER
    after = CallerVerifier({SHANGHAI: [new.certificate]})
    assert refusal(after, leaf_of(old, CALLER)) is Reason.CHAIN_BROKEN


def test_memory_is_bounded(callers: CallerVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest leaf is forgotten, verified again when it returns, and nothing grows."""
    monkeypatch.setattr(verification, "CACHED_LEAVES_MAX", 2)
    leaves = [pem(leaf_of(OURS, Identity(SHANGHAI, "system", f"s{n}"))) for n in range(4)]
    for leaf in [*leaves, leaves[0]]:
        callers.verify(leaf, now=NOW)
    assert list(callers._verified) == [leaves[3], leaves[0]]


def test_refused_leaf_is_not_remembered(callers: CallerVerifier) -> None:
    """A refusal leaves nothing behind that a later call could find."""
    refusal(callers, forged_leaf([uri(CALLER.uri)], THEIRS))
    assert not callers._verified


def test_time_without_zone_is_our_mistake(callers: CallerVerifier) -> None:
    """A naive time is not guessed at, on a new leaf or a remembered one."""
    leaf = pem(leaf_of(OURS, CALLER))
    for _ in range(2):
        with pytest.raises(TypeError):
            callers.verify(leaf, now=NOW.replace(tzinfo=None))
        callers.verify(leaf, now=NOW)


def test_one_key_under_two_cities_is_refused() -> None:
    """An authority's key belongs to one city, however its certificate is written."""
    twin = forged_authority(THEIRS.certificate.subject, key=OURS.key)
    with pytest.raises(BundleRefused) as refused:
        CallerVerifier({SHANGHAI: [OURS.certificate], SUZHOU: [twin]})
    assert refused.value.reason is Reason.AUTHORITY_SHARED
    assert SHANGHAI in str(refused.value)
    assert SUZHOU in str(refused.value)
    assert verify_distinct_authorities(ROOTS) is ROOTS


def test_gateway_leaf_is_verified_as_a_server() -> None:
    """A gateway's own leaf passes for its city."""
    leaf = leaf_of(OURS, GATEWAY)
    roots = [OURS.certificate]
    assert verify_gateway_leaf(leaf, city=SHANGHAI, roots=roots, now=NOW) == identity_of(leaf)


@pytest.mark.parametrize(
    ("leaf", "city", "reason"),
    [
        (leaf_of(OURS, GATEWAY), NANTONG, Reason.CITY_MISMATCH),
        (leaf_of(OURS, CALLER), SHANGHAI, Reason.ROLE_MISMATCH),
        (forged_leaf([uri(GATEWAY.uri), HOST], THEIRS, usages=BOTH), SHANGHAI, Reason.CHAIN_BROKEN),
        (forged_leaf([uri(GATEWAY.uri)], OURS, usages=BOTH), SHANGHAI, Reason.NAME_FOREIGN),
        (
            forged_leaf([uri(GATEWAY.uri), HOST], OURS, usages=BOTH, days=(-2, -1)),
            SHANGHAI,
            Reason.CERTIFICATE_EXPIRED,
        ),
    ],
)
def test_wrong_gateway_leaf_is_refused(leaf: x509.Certificate, city: str, reason: Reason) -> None:
    """Another city's, another role's, a forged, a nameless and an expired server are refused."""
    with pytest.raises(TrustError) as refused:
        verify_gateway_leaf(leaf, city=city, roots=[OURS.certificate], now=NOW)
    assert refused.value.reason is reason


@pytest.mark.filterwarnings("ignore:Parsed a serial number:UserWarning")
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_never_makes_another_caller(place: int, flip: int) -> None:
    """A leaf with one byte changed is refused with a reason, or still speaks for the same caller.

    The last happens outside what is signed (the count of unused bits of the signature).
    """
    changed = bytearray(DER)
    changed[place % len(DER)] ^= flip
    body = base64.encodebytes(bytes(changed))
    leaf = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    with suppress(TrustError):
        assert CallerVerifier(ROOTS).verify(leaf, now=NOW) == CALLER
