"""Forgeries against one wall at a time: the handshake with the guard off, the guard with the handshake's off.

The guard refuses every one of them. The handshake refuses what TLS and name constraints can see; what they cannot see
is listed here too, so that nobody believes more of it than it does, and an upgrade of grpcio that changes it shows.
A resumed session stands in tests/integration/rpc/test_sessions, TLS 1.2 in tests/integration/rpc/test_tls.
"""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.authority import Authority
from certs.constraint import constrained_pem, name_constraints
from certs.inventory import fingerprint_of
from certs.pem import certificates_to_pem, private_key_to_pem
from certs.revocation import Revocations
from services.domain.errors import Unauthenticated
from tests.integration.rpc.cities import NANTONG, SHANGHAI, SUZHOU
from tests.integration.trust.forgeries import (
    GATEWAY,
    GUARD,
    HANDSHAKE,
    HOST,
    HOUR,
    Forged,
    Make,
    altered,
    answer_to,
    judge,
    minted_by,
    reissued_with,
    serves,
    shanghai_with,
)
from tests.unit.certs.forgery import forged_authority, uri

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def same_name() -> tuple[bytes, bytes]:
    """An authority of the forger's own that copied the name of Nantong's."""
    key = ec.generate_private_key(ec.SECP256R1())
    copied = forged_authority(NANTONG.authority.certificate.subject, key=key)
    return Forged(signer=Authority("320600", copied, key)).pair(copied)


def stuffed() -> tuple[bytes, bytes]:
    """A leaf of Suzhou's authority, with Nantong's real one sent behind it."""
    return Forged(signer=minted_by(SUZHOU)).pair(NANTONG.authority.certificate)


def under_a_leaf() -> tuple[bytes, bytes]:
    """A leaf that signed another one."""
    key, leaf = Forged().certificate()
    return Forged(signer=Authority("320600", leaf, key)).pair(leaf)


FORGERIES: dict[str, tuple[Make, str, bool]] = {
    # what → how it is made, the guard's reason, whether the handshake refuses it too
    "another city's authority minted ours": (Forged(signer=minted_by(SUZHOU)).pair, "CITY_MISMATCH", True),
    "an authority of the same name": (same_name, "CHAIN_BROKEN", True),
    "chain stuffing": (stuffed, "CITY_MISMATCH", True),
    "a DNS name that holds a URI": (
        Forged(signer=minted_by(SUZHOU), names=[x509.DNSName(GATEWAY.uri)]).pair,
        "IDENTITY_MISSING",
        True,
    ),
    "a NUL in the URI's host": (
        lambda: altered(
            Forged(names=[uri("spiffe://320600.yrdx!.evil/gateway/one"), HOST]), b"yrdx!.evil", b"yrdx\0.evil"
        ),
        "IDENTITY_MALFORMED",
        True,
    ),
    "a NUL in the URI's path": (
        lambda: altered(Forged(names=[uri(f"{GATEWAY.uri}!x"), HOST]), b"/one!x", b"/one\0x"),
        "IDENTITY_MALFORMED",
        False,
    ),
    "two URIs of two cities": (
        Forged(names=[uri(GATEWAY.uri), uri("spiffe://310000.yrdx/operator/one"), HOST]).pair,
        "IDENTITY_AMBIGUOUS",
        True,
    ),
    "two URIs of one city": (
        Forged(names=[uri(GATEWAY.uri), uri("spiffe://320600.yrdx/operator/one"), HOST]).pair,
        "IDENTITY_AMBIGUOUS",
        False,
    ),
    "upper case": (Forged(names=[uri("spiffe://320600.yrdx/GATEWAY/one"), HOST]).pair, "IDENTITY_MALFORMED", False),
    "a missing extended usage": (Forged(usages=None).pair, "USAGE_WRONG", False),
    "a wrong extended usage": (Forged(usages=(SERVER,)).pair, "USAGE_WRONG", True),
    "half an extended usage": (Forged(usages=(CLIENT,)).pair, "USAGE_WRONG", False),
    "a leaf used as an authority": (under_a_leaf, "CHAIN_BROKEN", True),
    "an authority as a leaf": (Forged(is_authority=True).pair, "LEAF_IS_AUTHORITY", False),
    "expired": (Forged(begins=-2 * HOUR, ends=-HOUR).pair, "CERTIFICATE_EXPIRED", True),
    "not yet valid": (Forged(begins=HOUR, ends=2 * HOUR).pair, "CERTIFICATE_NOT_YET_VALID", True),
    "a common name alone": (Forged(names=[]).pair, "IDENTITY_MISSING", False),
    "a common name alone that is a host's": (
        Forged(names=[], common_name="gateway.320600.yrdx").pair,
        "IDENTITY_MISSING",
        True,
    ),
}
UNSEEN = [what for what, (_, _, refused) in FORGERIES.items() if not refused]

MORE: dict[str, x509.ExtensionType] = {
    # what else our re-issue could say, and BoringSSL does not hold against the leaf (docs/decisions/0023)
    "usages": x509.ExtendedKeyUsage([CLIENT, SERVER]),
    "usage of servers alone": x509.ExtendedKeyUsage([SERVER]),
    "a policy is required": x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None),
    "addresses and mail are excluded": x509.NameConstraints(
        permitted_subtrees=name_constraints("320600").permitted_subtrees,
        excluded_subtrees=[x509.RFC822Name("."), x509.IPAddress(ip_network("0.0.0.0/0"))],
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_the_guard_refuses(what: str) -> None:
    """No handshake stands before it: it is given each leaf as gRPC would hand it over."""
    make, reason, _ = FORGERIES[what]
    leaf_pem = make()[0].partition(b"-----END CERTIFICATE-----\n")[0] + b"-----END CERTIFICATE-----\n"
    with pytest.raises(Unauthenticated) as refused:
        judge(leaf_pem)
    assert str(refused.value).startswith(f"[{reason}] ")


@pytest.mark.parametrize("what", UNSEEN)
async def test_the_guard_refuses_over_a_real_connection(what: str) -> None:
    """What the handshake cannot see gets as far as the guard, and no further."""
    make, reason, _ = FORGERIES[what]
    async with shanghai_with(GUARD) as server:
        assert (await answer_to(server, make())).startswith(f"UNAUTHENTICATED [{reason}]")


@pytest.mark.parametrize("what", FORGERIES)
async def test_the_handshake_refuses_what_it_can_see(what: str) -> None:
    """With a guard that admits everybody; what the handshake lets through is the guard's alone."""
    make, _, refused = FORGERIES[what]
    async with shanghai_with(HANDSHAKE) as server:
        answer = await answer_to(server, make())
    assert answer.startswith("UNAVAILABLE") if refused else answer == "", answer


@pytest.mark.parametrize("more", MORE)
async def test_nothing_else_in_the_re_issue_would_refuse_more(more: str) -> None:
    """Tried on the handshake alone; one that begins to help after an upgrade of grpcio fails here, to be used then."""
    root = reissued_with(constrained_pem("320600", [NANTONG.authority.certificate]), MORE[more])
    async with shanghai_with(HANDSHAKE, nantong_pem=root) as server:
        assert await answer_to(server, Forged().pair()) == ""
        assert [what for what in UNSEEN if await answer_to(server, FORGERIES[what][0]()) != ""] == []


@pytest.mark.parametrize("wall", [HANDSHAKE, GUARD])
async def test_an_honest_leaf_passes_each_wall(wall: str) -> None:
    """Otherwise the tests above would show nothing."""
    async with shanghai_with(wall) as server:
        assert await answer_to(server, Forged().pair()) == ""
        assert await answer_to(server, NANTONG.leaf("gateway")) == ""


async def test_a_partners_operator_gets_nothing_at_the_nodes_service() -> None:
    """It passes the handshake; only the list of callers keeps it out. Our own operator gets in."""
    async with shanghai_with(GUARD) as server:
        answer = await answer_to(server, NANTONG.leaf("operator"), node=True)
        assert answer.startswith("PERMISSION_DENIED partner operator may not call"), answer
        assert await answer_to(server, SHANGHAI.leaf("operator"), node=True) == ""


async def test_a_revoked_leaf_is_refused_by_the_guard() -> None:
    """TLS has no revocations; the next call after one is refused, on the same connection too."""
    async with shanghai_with(GUARD) as server:
        key, leaf = Forged().certificate()
        pair = certificates_to_pem(leaf), private_key_to_pem(key)
        assert await answer_to(server, pair) == ""
        server.revocations = Revocations(leaves={"320600": frozenset({fingerprint_of(leaf)})})
        assert (await answer_to(server, pair)).startswith("UNAUTHENTICATED [CERTIFICATE_REVOKED]")
        assert await answer_to(server, SUZHOU.leaf("gateway")) == ""


@pytest.mark.parametrize(
    ("names", "common_name", "honest"),
    [
        ([x509.DNSName("*.310000.yrdx")], "x", False),
        ([], "gateway.310000.yrdx", False),
        ([x509.DNSName("gateway.310000.yrdx")], "x", True),
    ],
    ids=["a wildcard server", "a CN-only server", "an honest server"],
)
async def test_a_channel_takes_no_other_servers_name(
    names: list[x509.GeneralName], common_name: str, honest: bool
) -> None:
    """GRPC itself takes wildcards and common names; under our name-constrained re-issue it does not."""
    signer = Authority("310000", SHANGHAI.authority.certificate, SHANGHAI.authority.key)
    pair = Forged(signer=signer, names=names, common_name=common_name).pair()
    assert await serves(pair, SHANGHAI.roots_pem)
    assert await serves(pair, constrained_pem("310000", [SHANGHAI.authority.certificate])) == honest
