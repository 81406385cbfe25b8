"""Every call is told once at each of its ends, and both tell the same."""

from __future__ import annotations

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from adapters.partner.channel import GrpcPartnerChannel
from services.domain.batch import Signed
from services.domain.errors import SequenceGap
from services.ports.calls import Call, CallSide
from tests.integration.rpc.cities import NANTONG, ToyServer
from tests.integration.rpc.test_streams import batch

OPENING = Signed(b"opening", "0" * 32, b"s" * 64)


def ends(shanghai: ToyServer) -> tuple[Call, Call]:
    """Return the one call as its client and as its server told it."""
    calls = shanghai.calls.ended
    assert len(calls) == 2
    client, server = sorted(calls, key=lambda call: call.side)
    assert (client.side, server.side) == (CallSide.CLIENT, CallSide.SERVER)
    return client, server


async def test_both_ends_tell_the_same_of_a_question(shanghai: ToyServer) -> None:
    """Method, status and bytes; the server knows the client's trace, so two logs can be laid side by side."""
    channel = shanghai.partner(NANTONG.leaf("gateway"))
    await channel.describe()
    await channel.close()

    client, server = ends(shanghai)
    assert (client.method, client.code, client.city) == (server.method, "OK", "310000")
    assert (server.code, server.city, server.role) == ("OK", NANTONG.code, "gateway")
    assert (client.bytes_out, client.bytes_in) == (server.bytes_in, server.bytes_out)
    assert client.bytes_in > 0
    assert client.traceparent in shanghai.calls.begun


async def test_a_stream_is_one_call_whatever_it_carries(shanghai: ToyServer) -> None:
    """Its status is the error that ended it, on both sides."""
    channel = shanghai.partner(NANTONG.leaf("gateway"))
    shanghai.exchange.reading.set()
    with pytest.raises(SequenceGap):
        await _delivered(channel)
    await channel.close()

    client, server = ends(shanghai)
    assert (client.code, server.code, client.records) == ("OUT_OF_RANGE", "OUT_OF_RANGE", 1)
    assert (client.bytes_out, client.bytes_in) == (server.bytes_in, server.bytes_out)


async def _delivered(channel: GrpcPartnerChannel) -> None:
    async with channel.deliver() as session:
        await session.open(OPENING)
        await session.send(batch(10))
        await session.receive()


async def test_a_health_check_is_a_call_like_any_other(shanghai: ToyServer) -> None:
    """The standard services pass the same edge; an abort of their own keeps its status."""
    async with shanghai.plain(NANTONG.leaf("gateway")) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest())
        with pytest.raises(Exception, match="NOT_FOUND"):
            await stub.Check(health_pb2.HealthCheckRequest(service="nobody"))

    assert [(call.method, call.code) for call in shanghai.calls.ended] == [
        ("/grpc.health.v1.Health/Check", "OK"),
        ("/grpc.health.v1.Health/Check", "NOT_FOUND"),
    ]
