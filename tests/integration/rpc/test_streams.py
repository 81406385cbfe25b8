"""Streams and calls under bad conditions: sizes, gaps, slow and vanished peers, deadlines, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from adapters.partner import channel as partner_channel
from adapters.partner.channel import GrpcPartnerChannel
from services.domain.batch import Batch, BatchHeader, Record, Signed
from services.domain.errors import ContentConflict, Malformed, SequenceGap, TooLarge, Unavailable
from services.domain.stream import StreamName
from services.ports.channel import DeliverSession
from services.rpc.server import AddressTaken
from services.wire.contract import ContractBroken
from tests.integration.rpc.cities import NANTONG, STREAM, ToyServer, make_server, serving

OPENING = Signed(b"opening", "0" * 32, b"s" * 64)
HEADER = BatchHeader(
    "SHA256", StreamName.parse(STREAM), 1, "A", 1, "1", 1, 1, bytes(32), bytes(32), datetime(2026, 1, 1, tzinfo=UTC)
)


def batch(body_bytes: int) -> Batch:
    """Return a batch of one record."""
    return Batch(HEADER, OPENING, [Record(bytes(16), bytes(body_bytes))])


@pytest.fixture
async def partner(shanghai: ToyServer) -> AsyncIterator[GrpcPartnerChannel]:
    """Nantong's channel to Shanghai."""
    channel = shanghai.partner(NANTONG.leaf("gateway"))
    yield channel
    await channel.close()


async def test_a_streams_error_reaches_both_sides_of_the_session(
    shanghai: ToyServer, partner: GrpcPartnerChannel
) -> None:
    """The gap tells receiving and sending from where to send again."""
    shanghai.exchange.reading.set()
    async with partner.deliver() as session:
        assert await session.open(OPENING) == OPENING
        await session.send(batch(10))
        for attempt in (session.receive(), session.receive(), session.send(batch(10))):
            with pytest.raises(SequenceGap) as caught:
                await attempt
            assert caught.value.expected_sequence == 77


async def test_a_message_over_the_limit_is_too_large(shanghai: ToyServer, partner: GrpcPartnerChannel) -> None:
    """The transport itself refuses what no batch can be, and the sender learns that it is the size."""
    shanghai.exchange.reading.set()
    async with partner.deliver() as session:
        await session.open(OPENING)
        await session.send(batch(9 * 2**20))
        with pytest.raises(TooLarge):
            await session.receive()


async def test_a_request_that_breaks_the_contract_names_the_field(partner: GrpcPartnerChannel) -> None:
    """The caller is told field and rule; the servicer never sees it."""
    with pytest.raises(ContractBroken) as caught:
        await partner.list_receipts("nonsense", 1, after_sequence=0, full=False)

    assert [(one.field_path, one.rule_id) for one in caught.value.violations] == [("stream", "string.pattern")]


async def test_an_opening_that_breaks_the_contract_ends_the_stream(partner: GrpcPartnerChannel) -> None:
    """Messages inside a stream are held against the contract too."""
    async with partner.deliver() as session:
        with pytest.raises(Malformed):
            await session.open(Signed(b"opening", "not a key", b"s" * 64))


async def test_a_slow_reader_slows_its_sender(partner: GrpcPartnerChannel) -> None:
    """Sending waits once the receiver does not read: a bounded number of megabytes is on the way."""
    sent: list[int] = []

    async def send_all(session: DeliverSession) -> None:
        for number in range(64):
            await session.send(batch(2**20))
            sent.append(number)

    async with partner.deliver() as session:
        await session.open(OPENING)  # the toy reads nothing more until it is told to
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_all(session), 0.5)
    assert len(sent) < 32


async def test_a_client_that_vanishes_frees_its_servicer(shanghai: ToyServer) -> None:
    """A connection that is cut in the middle of a stream ends the servicer's work at once."""
    channel = shanghai.partner(NANTONG.leaf("gateway"))
    async with channel.deliver() as session:
        await session.open(OPENING)
        await channel.close()
        await asyncio.wait_for(shanghai.exchange.closed.wait(), 2)
        with pytest.raises(Unavailable):
            await session.receive()


async def test_leaving_a_session_ends_it_at_the_receiver(shanghai: ToyServer, partner: GrpcPartnerChannel) -> None:
    """Nothing lingers after the context, also when it was left by an error."""

    async def fail_inside() -> None:
        async with partner.deliver() as session:
            await session.open(OPENING)
            raise ContentConflict("found by the sender")

    with pytest.raises(ContentConflict):
        await fail_inside()
    await asyncio.wait_for(shanghai.exchange.closed.wait(), 2)


async def test_a_question_has_a_deadline(
    shanghai: ToyServer, partner: GrpcPartnerChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that does not answer is unavailable, and stops working on the question."""
    monkeypatch.setattr(partner_channel, "CALL_TIMEOUT_S", 0.2)

    with pytest.raises(Unavailable):
        await partner.list_receipts(STREAM, 1, after_sequence=0, full=False)
    await asyncio.wait_for(shanghai.exchange.closed.wait(), 2)


async def test_a_server_that_is_gone_is_unavailable_and_found_again(partner: GrpcPartnerChannel) -> None:
    """The same channel reaches the node again after its restart."""
    chain_pem, key_pem = NANTONG.leaf("gateway")
    async with serving(make_server([NANTONG])) as first:
        address = first.address
        channel = first.partner((chain_pem, key_pem))
        await channel.describe()
    with pytest.raises(Unavailable):
        await channel.describe()
    async with serving(make_server([NANTONG], listen=address)):
        for _ in range(40):
            try:
                await channel.describe()
                break
            except Unavailable:
                await asyncio.sleep(0.1)
        assert (await channel.describe()).city == "310000"
    await channel.close()


async def test_a_taken_port_is_an_error(shanghai: ToyServer) -> None:
    """Two nodes never share an address unnoticed; the error says which and why."""
    with pytest.raises(AddressTaken, match=rf"{shanghai.address}.*in use"):
        make_server([NANTONG], listen=shanghai.address)


async def test_an_address_of_another_machine_is_an_error() -> None:
    """The operating system's reason is told."""
    with pytest.raises(AddressTaken, match=r"192\.0\.2\.1"):
        make_server([NANTONG], listen="192.0.2.1:7320")


async def test_a_stop_lets_open_streams_end(shanghai: ToyServer, partner: GrpcPartnerChannel) -> None:
    """A stream that ends within the time given ends well; new calls are not taken any more."""
    async with partner.deliver() as session:
        await session.open(OPENING)
        stop = asyncio.create_task(shanghai.server.stop(5))
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await partner.describe()
        shanghai.exchange.reading.set()
        await session.send(batch(10))
        with pytest.raises(SequenceGap):
            await session.receive()
    await asyncio.wait_for(stop, 2)


async def test_a_stop_ends_what_does_not_end_by_itself(shanghai: ToyServer, partner: GrpcPartnerChannel) -> None:
    """After the time given every stream is cut, and its sender may try again later."""
    async with partner.deliver() as session:
        await session.open(OPENING)
        await asyncio.wait_for(shanghai.server.stop(0.1), 2)
        with pytest.raises(Unavailable):
            await session.receive()


async def test_health_says_when_a_node_stops(shanghai: ToyServer) -> None:
    """Whoever watches is told NOT_SERVING before the end."""
    async with shanghai.plain(NANTONG.leaf("gateway")) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="yrdx.exchange.v1.ExchangeService")
        )
        states = [(await watch.read()).status]
        stop = asyncio.create_task(shanghai.server.stop(0.2))
        states.append((await watch.read()).status)
        await stop
    assert states == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
