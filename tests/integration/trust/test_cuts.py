"""Open calls under trust that ends: cut with a status, at once, and nobody else notices."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from grpc.aio import AioRpcError

from certs.authority import serial_number
from certs.identity import Identity
from certs.inventory import fingerprint_of
from certs.pem import certificate_from_pem, certificates_to_pem, private_key_to_pem
from certs.revocation import Revocations
from certs.verification import CallerVerifier
from services.ports.host import Cut
from services.rpc.live import under_agreement
from tests.integration.rpc.cities import NANTONG, STREAM, SUZHOU, ToyServer, make_server, serving
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc

STREAMS = 40
SIGNED = exchange_pb2.Signed(content=b"x", key_id="0" * 32, signature=b"0" * 64)
OPENING = exchange_pb2.DeliverRequest(opening=SIGNED)


@pytest.fixture
async def server() -> AsyncIterator[ToyServer]:
    """Shanghai, with Nantong and Suzhou as partners."""
    async with serving(make_server([NANTONG, SUZHOU])) as server:
        yield server


class Streams:
    """Open Deliver streams of one gateway, each answered once."""

    def __init__(self, server: ToyServer, pair: tuple[bytes, bytes]) -> None:
        self.channel = server.plain(pair)
        self.stub = exchange_pb2_grpc.ExchangeServiceStub(self.channel)
        self.calls: list[grpc.aio.StreamStreamCall[exchange_pb2.DeliverRequest, exchange_pb2.DeliverResponse]] = []

    async def open(self, count: int) -> None:
        """Open streams and wait until each is answered."""
        self.calls = [self.stub.Deliver() for _ in range(count)]
        for call in self.calls:
            await call.write(OPENING)
        for call in self.calls:
            assert isinstance(await call.read(), exchange_pb2.DeliverResponse)

    async def codes(self, *, within_s: float = 5.0) -> set[tuple[grpc.StatusCode, str]]:
        """Return how the streams ended."""
        async with asyncio.timeout(within_s):
            return {(await call.code(), (await call.details() or "").partition("]")[0]) for call in self.calls}

    def all_open(self) -> bool:
        """Whether none has ended."""
        return not any(call.done() for call in self.calls)


async def recheck(server: ToyServer, revocations: Revocations) -> Cut:
    """Revoke, as a node does it: the state of trust first, then the open calls."""
    server.revocations = revocations
    return await server.server.live.recheck(time.monotonic)


def leaf_of(pair: tuple[bytes, bytes]) -> x509.Certificate:
    """The certificate of a pair."""
    return certificate_from_pem(pair[0])


def grains() -> list[str]:
    """Names of the ways to take a gateway's trust away."""
    return ["leaf", "serial", "authority", "city"]


def revoked(grain: str, leaf: x509.Certificate) -> Revocations:
    """Revoke a leaf of Nantong in one of the ways."""
    authority = fingerprint_of(NANTONG.authority.certificate)
    return {
        "leaf": Revocations(leaves={"320600": frozenset({fingerprint_of(leaf)})}),
        "serial": Revocations(serials={authority: frozenset({leaf.serial_number})}),
        "authority": Revocations(authorities=frozenset({authority})),
        "city": Revocations(cities=frozenset({"320600"})),
    }[grain]


@pytest.mark.parametrize("grain", grains())
async def test_forty_streams_are_cut_at_once_and_the_other_partner_sees_nothing(server: ToyServer, grain: str) -> None:
    """As foretold: each gets its status with the reason, new calls are refused, the other partner's stay open."""
    pair = NANTONG.leaf("gateway")
    theirs, others = Streams(server, pair), Streams(server, SUZHOU.leaf("gateway"))
    await theirs.open(STREAMS)
    await others.open(3)
    roots = {city.code: [city.authority.certificate] for city in (NANTONG, SUZHOU)}
    later = CallerVerifier(roots, revoked(grain, leaf_of(pair)))
    foreseen = server.server.live.would_cut(later, datetime.now(UTC))
    assert (foreseen.calls, foreseen.others) == (STREAMS, 3)
    assert theirs.all_open()

    cut = await recheck(server, revoked(grain, leaf_of(pair)))

    assert (cut.calls, cut.others) == (STREAMS, 3)
    assert cut.times_s[STREAMS // 2] < 0.5  # client and server share one loop here; `cert drill revoke` measures
    reason = {"city": "CITY_REVOKED", "authority": "AUTHORITY_REVOKED"}.get(grain, "CERTIFICATE_REVOKED")
    assert await theirs.codes() == {(grpc.StatusCode.UNAUTHENTICATED, f"[{reason}")}
    with pytest.raises(AioRpcError, match=reason):
        await theirs.stub.Describe(exchange_pb2.DescribeRequest(), timeout=5)
    assert others.all_open()
    await others.stub.Describe(exchange_pb2.DescribeRequest(), timeout=5)


async def test_a_unary_call_under_way_is_cut(server: ToyServer) -> None:
    """Its caller does not wait until its deadline, and its servicer lets go."""
    pair = NANTONG.leaf("gateway")
    stub = exchange_pb2_grpc.ExchangeServiceStub(server.plain(pair))
    call = stub.ListReceipts(exchange_pb2.ListReceiptsRequest(stream=STREAM, epoch=1), timeout=30)
    while not len(server.server.live):  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)

    await recheck(server, revoked("leaf", leaf_of(pair)))

    async with asyncio.timeout(2):
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
    assert server.exchange.closed.is_set()
    assert not len(server.server.live)


async def test_a_stream_whose_reader_is_stuck_is_cut_too(server: ToyServer) -> None:
    """A client that sends without reading blocks the servicer in its answer; it gets its status all the same.

    The client is gRPC's for threads: the one for asyncio says INTERNAL of its own accord when its blocked write fails
    before it has looked for the status that came.
    """
    pair = NANTONG.leaf("gateway")
    server.exchange.reading.set()
    large = exchange_pb2.DeliverRequest(
        opening=exchange_pb2.Signed(content=b"x" * 1_000_000, key_id="0" * 32, signature=b"0" * 64)
    )
    with server.blocking(pair) as channel:
        call = exchange_pb2_grpc.ExchangeServiceStub(channel).Deliver(repeat(large))
        await asyncio.sleep(1.0)
        assert len(server.server.live) == 1

        await recheck(server, revoked("leaf", leaf_of(pair)))

        assert not len(server.server.live)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(_code_behind_answers, call) is grpc.StatusCode.UNAUTHENTICATED


def _code_behind_answers(call: Iterator[exchange_pb2.DeliverResponse]) -> grpc.StatusCode:
    """Take what was queued before, and return the status: only then does gRPC show it."""
    try:
        deque(call, maxlen=0)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_a_stream_does_not_outlive_its_certificate(server: ToyServer) -> None:
    """TLS looks at the end of a certificate once; the sweep cuts what goes on after it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    leaf = NANTONG.authority.issue(
        Identity("320600", "gateway", "one"),
        key.public_key(),
        now=now,
        serial=serial_number(lambda size: b"\x07" * size),
        valid_for=timedelta(seconds=3),
    )
    streams = Streams(server, (certificates_to_pem(leaf), private_key_to_pem(key)))
    await streams.open(3)
    sweep = asyncio.create_task(server.server.live.sweep(time.monotonic))
    assert await streams.codes(within_s=6) == {(grpc.StatusCode.UNAUTHENTICATED, "[CERTIFICATE_EXPIRED")}
    late = datetime.now(UTC) - leaf.not_valid_after_utc
    assert timedelta(0) < late < timedelta(seconds=2)
    sweep.cancel()


async def test_a_revocation_between_admission_and_registration_is_found(server: ToyServer) -> None:
    """The registry judges again whoever was admitted under another state of trust."""
    pair = NANTONG.leaf("gateway")
    live, guard = server.server.live, server.guard
    caller = guard.recheck(guard.judge(pair[0]))
    server.revocations = revoked("leaf", leaf_of(pair))
    with pytest.raises(Exception, match="CERTIFICATE_REVOKED"):
        live.enter("/x", None, caller)
    assert not len(live)


def test_an_agreement_that_was_revoked_is_refused_under_way() -> None:
    """A stream says what it delivers under after it registered, so a revocation before that is seen too."""
    under_agreement("NT-SH-1", frozenset())
    with pytest.raises(Exception, match="revoked"):
        under_agreement("NT-SH-1", frozenset({"NT-SH-1"}))
