"""Who gets through TLS, who through the guard, and to what."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Channel
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]  # the same

from services.domain.errors import NotPermitted, Unauthenticated, Unavailable
from tests.integration.rpc.cities import NANTONG, SHANGHAI, STRANGER, SUZHOU, ToyServer, make_server
from yrdx.node.v1 import node_pb2, node_pb2_grpc


async def test_a_partners_gateway_is_known(shanghai: ToyServer) -> None:
    """Both ends verified each other, and the servicer knows who calls."""
    channel = shanghai.partner(NANTONG.leaf("gateway"))

    assert (await channel.describe()).city == SHANGHAI.code
    assert shanghai.exchange.callers == ["spiffe://320600.yrdx/gateway/one"]
    await channel.close()


async def test_without_a_certificate_there_is_no_handshake(shanghai: ToyServer) -> None:
    """A caller that shows nothing is cut before any method."""
    async with shanghai.plain(None) as channel:
        assert await status_code(channel) is StatusCode.UNAVAILABLE
    assert shanghai.exchange.callers == []


async def test_an_unknown_authority_gets_no_handshake(shanghai: ToyServer) -> None:
    """A city that is no partner is cut before any method."""
    channel = shanghai.partner(STRANGER.leaf("gateway"))

    with pytest.raises(Unavailable):
        await channel.describe()
    assert shanghai.exchange.callers == []
    await channel.close()


async def test_a_partners_authority_cannot_speak_for_another_city(shanghai: ToyServer) -> None:
    """Suzhou's authority mints a leaf that says Nantong: TLS takes it, the guard does not."""
    channel = shanghai.partner(SUZHOU.leaf("gateway", claim=NANTONG.code))

    with pytest.raises(Unauthenticated, match="CITY_MISMATCH"):
        await channel.describe()
    assert shanghai.exchange.callers == []
    await channel.close()


async def test_a_caller_believes_only_its_partners_authority(shanghai: ToyServer) -> None:
    """A gateway whose chain ends elsewhere is not talked to."""
    channel = shanghai.partner(NANTONG.leaf("gateway"), believing=SUZHOU)

    with pytest.raises(Unavailable):
        await channel.describe()
    await channel.close()


@pytest.mark.parametrize("role", ["system", "operator"])
async def test_only_gateways_speak_for_a_city(shanghai: ToyServer, role: str) -> None:
    """A partner's clerk or system is not its gateway."""
    channel = shanghai.partner(NANTONG.leaf("system" if role == "system" else "operator"))

    with pytest.raises(NotPermitted, match=role):
        await channel.describe()
    await channel.close()


async def test_a_partners_operator_gets_nothing_from_the_node(shanghai: ToyServer) -> None:
    """Operators administer their own city's node alone."""
    async with shanghai.plain(NANTONG.leaf("operator")) as channel:
        with pytest.raises(AioRpcError) as caught:
            await node_pb2_grpc.NodeServiceStub(channel).GetStatus(node_pb2.GetStatusRequest())
    assert caught.value.code() is StatusCode.PERMISSION_DENIED

    async with shanghai.plain(SHANGHAI.leaf("operator")) as channel:
        status = await node_pb2_grpc.NodeServiceStub(channel).GetStatus(node_pb2.GetStatusRequest())
    assert status.city == SHANGHAI.code


async def test_a_method_that_does_not_exist_is_unimplemented(shanghai: ToyServer) -> None:
    """A caller of a newer version learns that this node is older."""
    async with shanghai.plain(SHANGHAI.leaf("operator")) as channel:
        newer: Any = channel.unary_unary("/yrdx.node.v1.NodeService/Newer")
        with pytest.raises(AioRpcError) as caught:
            await newer(b"")
    assert caught.value.code() is StatusCode.UNIMPLEMENTED


async def test_health_and_reflection_answer_every_authenticated_caller(shanghai: ToyServer) -> None:
    """Also a partner's operator; but nobody whose certificate proves nothing."""
    async with shanghai.plain(NANTONG.leaf("operator")) as channel:
        assert await health(channel) == health_pb2.HealthCheckResponse.SERVING
        assert "yrdx.exchange.v1.ExchangeService" in await services(channel)
    async with shanghai.plain(SUZHOU.leaf("operator", claim=NANTONG.code)) as channel:
        with pytest.raises(AioRpcError) as caught:
            await health(channel)
    assert caught.value.code() is StatusCode.UNAUTHENTICATED


async def test_new_trust_counts_without_a_restart(shanghai: ToyServer) -> None:
    """A partner that was just added gets in; one whose trust ended is refused on its open connection too."""
    open_channel = shanghai.partner(NANTONG.leaf("gateway"))
    await open_channel.describe()

    chain_pem, key_pem = SHANGHAI.leaf("gateway")
    shanghai.trust.replace(chain_pem=chain_pem, key_pem=key_pem, roots_pem=SHANGHAI.roots_pem + STRANGER.roots_pem)
    shanghai.callers[:] = [STRANGER]

    new_channel = shanghai.partner(STRANGER.leaf("gateway"))
    assert (await new_channel.describe()).city == SHANGHAI.code
    with pytest.raises(Unauthenticated, match="CITY_UNKNOWN"):
        await open_channel.describe()
    for channel in (open_channel, new_channel):
        await channel.close()


async def test_an_incomplete_table_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a method that nobody may call, or anybody, is not built."""
    monkeypatch.delitem(make_server.__globals__["CALLERS"], "/yrdx.exchange.v1.ExchangeService/Deliver")

    with pytest.raises(ValueError, match="Deliver"):
        make_server([NANTONG])


async def status_code(channel: Channel) -> StatusCode:
    """Return how a call to the health service ends."""
    try:
        await health(channel)
    except AioRpcError as error:
        return error.code()
    return StatusCode.OK


async def health(channel: Channel) -> int:
    """Ask the health service about the exchange."""
    request = health_pb2.HealthCheckRequest(service="yrdx.exchange.v1.ExchangeService")
    answer = await health_pb2_grpc.HealthStub(channel).Check(request)
    return int(answer.status)


async def services(channel: Channel) -> list[str]:
    """Ask reflection what is served."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    answer = await call.read()
    assert answer is not grpc.aio.EOF
    return [service.name for service in answer.list_services_response.service]
