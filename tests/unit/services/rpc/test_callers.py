"""Who may call what, and how a caller proves who it is."""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest

from certs.identity import Role
from certs.verification import CallerVerifier
from services.domain.errors import NotPermitted, Unauthenticated
from services.rpc.callers import OWN, PARTNER, Caller, CallerEntry, CallerGuard, current_caller, verify_callers
from tests.unit.services.rpc.calls import NOW, FakeContext, StoppedClock, authority, leaf_pem, peer
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2

EXCHANGE = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"]
NODE = node_pb2.DESCRIPTOR.services_by_name["NodeService"]
DELIVER = "/yrdx.exchange.v1.ExchangeService/Deliver"
STATUS = "/yrdx.node.v1.NodeService/GetStatus"
TABLE = {DELIVER: [CallerEntry(PARTNER, "gateway")], STATUS: [CallerEntry(OWN, "operator"), CallerEntry(OWN, "system")]}
NANTONG, SHANGHAI, SUZHOU = "320600", "310000", "320500"


def verifier(*cities: str) -> CallerVerifier:
    """Return trust in some cities' authorities."""
    return CallerVerifier({city: [authority(city).certificate] for city in cities})


@pytest.fixture
def clock() -> StoppedClock:
    """The node's clock."""
    return StoppedClock()


@pytest.fixture
def guard(clock: StoppedClock) -> CallerGuard:
    """Shanghai's guard, with Nantong and Suzhou as partners."""
    trust = verifier(NANTONG, SHANGHAI, SUZHOU)
    return CallerGuard(TABLE, own_city=SHANGHAI, trust=lambda: trust, clock=clock)


def admit(guard: CallerGuard, method: str, found: dict[str, list[bytes]]) -> Caller:
    """Let a peer call a method."""
    context: Any = FakeContext(found)
    return copy_context().run(guard.admit, method, context)


def test_a_partners_gateway_may_deliver(guard: CallerGuard) -> None:
    """Who called is known by city, role and name, and is no one of our own."""
    caller = admit(guard, DELIVER, peer(leaf_pem(NANTONG, "gateway")))

    assert (caller.identity.uri, caller.own) == ("spiffe://320600.yrdx/gateway/one", False)


def test_the_servicer_asks_who_is_calling(guard: CallerGuard) -> None:
    """Inside the call the caller is known, outside there is none."""
    context: Any = FakeContext(peer(leaf_pem(SHANGHAI, "operator")))
    inside = copy_context()

    caller = inside.run(guard.admit, STATUS, context)

    assert inside.run(current_caller) is caller
    assert caller.own
    with pytest.raises(LookupError):
        copy_context().run(current_caller)


@pytest.mark.parametrize(
    ("method", "city", "role"),
    [
        (DELIVER, NANTONG, "operator"),
        (DELIVER, NANTONG, "system"),
        (DELIVER, SHANGHAI, "gateway"),
        (STATUS, NANTONG, "operator"),
        (STATUS, SHANGHAI, "gateway"),
        ("/yrdx.exchange.v1.ExchangeService/Unknown", NANTONG, "gateway"),
    ],
)
def test_whoever_is_not_in_the_methods_list_gets_nothing(
    guard: CallerGuard, method: str, city: str, role: Role
) -> None:
    """Wrong role, wrong side, a partner's operator at the node's own service, a method without a list."""
    with pytest.raises(NotPermitted, match=method.rpartition("/")[2]):
        admit(guard, method, peer(leaf_pem(city, role)))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (peer(leaf_pem(SHANGHAI, "gateway", issuer=SUZHOU)), "CITY_MISMATCH"),
        (peer(leaf_pem("330100", "gateway")), "CITY_UNKNOWN"),
        (peer(b"-----BEGIN"), "CERTIFICATE_MALFORMED"),
        (peer(leaf_pem(NANTONG, "gateway"), resumed=b"true"), "resumed"),
        ({"x509_pem_cert": [leaf_pem(NANTONG, "gateway")]}, "resumed"),
        ({"ssl_session_reused": [b"false"]}, "no certificate"),
        ({"ssl_session_reused": [b"false"], "x509_pem_cert": [leaf_pem(NANTONG, "gateway")] * 2}, "no certificate"),
        ({}, "resumed"),
    ],
)
def test_whoever_proves_nothing_is_not_authenticated(
    guard: CallerGuard, found: dict[str, list[bytes]], why: str
) -> None:
    """Another city's authority, no partner, no certificate, a resumed session, or one that does not say."""
    with pytest.raises(Unauthenticated, match=why):
        admit(guard, DELIVER, found)


def test_validity_is_judged_on_every_call(guard: CallerGuard, clock: StoppedClock) -> None:
    """A certificate that ends while it is remembered is refused from then on."""
    found = peer(leaf_pem(NANTONG, "gateway"))
    admit(guard, DELIVER, found)

    clock.at = NOW + timedelta(days=91)

    with pytest.raises(Unauthenticated, match="CERTIFICATE_EXPIRED"):
        admit(guard, DELIVER, found)


def test_a_change_of_trust_counts_from_the_next_call(clock: StoppedClock) -> None:
    """A partner that was removed is refused although its leaf was seen before."""
    present = {"trust": verifier(NANTONG)}
    guard = CallerGuard(TABLE, own_city=SHANGHAI, trust=lambda: present["trust"], clock=clock)
    found = peer(leaf_pem(NANTONG, "gateway"))
    admit(guard, DELIVER, found)

    present["trust"] = verifier(SUZHOU)

    with pytest.raises(Unauthenticated, match="CITY_UNKNOWN"):
        admit(guard, DELIVER, found)


def full_table() -> dict[str, list[CallerEntry]]:
    """Return a table that names every method of both services."""
    methods = [f"/{service.full_name}/{method.name}" for service in (EXCHANGE, NODE) for method in service.methods]
    return {method: [CallerEntry(OWN, "operator")] for method in methods}


def test_a_complete_table_is_returned() -> None:
    """Every served method has callers, and no entry is left over."""
    table = full_table()

    assert verify_callers(table, [EXCHANGE, NODE]) is table


@pytest.mark.parametrize("entries", [None, []])
def test_a_method_without_callers_stops_the_start(entries: list[CallerEntry] | None) -> None:
    """An empty list means neither everybody nor nobody: it is a mistake."""
    table = full_table() | ({DELIVER: entries} if entries is not None else {})
    if entries is None:
        del table[DELIVER]

    with pytest.raises(ValueError, match="Deliver"):
        verify_callers(table, [EXCHANGE, NODE])


def test_an_entry_for_nothing_stops_the_start() -> None:
    """A name that was mistyped would leave another method without callers, or be forgotten."""
    with pytest.raises(ValueError, match="Nothing"):
        verify_callers(full_table() | {"/yrdx.Nothing/Here": [CallerEntry(OWN, "operator")]}, [EXCHANGE, NODE])


def test_health_and_reflection_are_for_every_authenticated_caller(clock: StoppedClock) -> None:
    """They need no entry of ours, and still a certificate."""
    trust = verifier(NANTONG, SHANGHAI)
    guard = CallerGuard(full_table(), own_city=SHANGHAI, trust=lambda: trust, clock=clock)

    guard.cover([EXCHANGE, NODE], anybody=[EXCHANGE])

    assert admit(guard, DELIVER, peer(leaf_pem(NANTONG, "operator"))).identity.role == "operator"
    with pytest.raises(Unauthenticated):
        admit(guard, DELIVER, peer(leaf_pem(SUZHOU, "gateway")))
