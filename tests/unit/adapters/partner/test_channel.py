"""The calling side: what is sent, what comes back, and every way in which a call can end. No sockets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import AioRpcError, UsageError

from adapters.partner.channel import BEGINNING_S, CALL_TIMEOUT_S, GrpcPartnerChannel, PartnerCredentials
from services.domain.errors import (
    AgreementMissing,
    ExchangeError,
    Malformed,
    TooLarge,
    Unavailable,
)
from services.domain.limits import Limits
from services.ports.channel import PartnerChannel
from services.wire.batches import limits_to_pb, signed_to_pb
from services.wire.times import time_to_pb
from tests.observer import FakeCalls
from tests.unit.adapters.partner.fakes import ACKNOWLEDGED, BATCH, POSITION, SIGNED, FakeChannel, FakeStream, failure
from yrdx.exchange.v1 import exchange_pb2


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeChannel:
    """The channel that a `GrpcPartnerChannel` opens."""
    channel = FakeChannel()
    monkeypatch.setattr(grpc.aio, "secure_channel", lambda *_, **__: channel)
    return channel


@pytest.fixture
def calls() -> FakeCalls:
    """What a channel tells of its calls."""
    return FakeCalls()


@pytest.fixture
def partner(fake: FakeChannel, calls: FakeCalls) -> GrpcPartnerChannel:
    """A channel to Shanghai."""
    return GrpcPartnerChannel("310000", "gateway.example:7320", PartnerCredentials(b"roots", b"chain", b"key"), calls)


def description(city: str = "310000", **changes: Any) -> exchange_pb2.DescribeResponse:
    """Return what a partner says of itself."""
    return exchange_pb2.DescribeResponse(
        city=city,
        limits=limits_to_pb(Limits()),
        node_time=time_to_pb(datetime(2026, 1, 1, tzinfo=UTC)),
        **changes,
    )


def test_a_channel_believes_one_partner_and_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this partner's roots count, and only its gateway's name; the key does not show."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda *args: seen.setdefault("tls", args))
    monkeypatch.setattr(
        grpc.aio,
        "secure_channel",
        lambda target, _, options: seen.update(target=target, **dict(options)) or FakeChannel(),
    )
    credentials = PartnerCredentials(roots_pem=b"roots", chain_pem=b"chain", key_pem=b"PRIVATE")

    GrpcPartnerChannel("310000", "10.0.0.1:7320", credentials, FakeCalls())

    assert seen["tls"] == (b"roots", b"PRIVATE", b"chain")
    assert (seen["target"], seen["grpc.ssl_target_name_override"]) == ("10.0.0.1:7320", "gateway.310000.yrdx")
    assert seen["grpc.keepalive_time_ms"] == 60_000
    assert "PRIVATE" not in repr(credentials)


async def test_describe_returns_what_the_partner_says(fake: FakeChannel, partner: PartnerChannel) -> None:
    """A question has a deadline, and an answer is in our words."""
    fake.answers["Describe"] = lambda _: description(software="9.9")

    found = await partner.describe()

    assert (found.city, found.software, found.limits) == ("310000", "9.9", Limits())
    assert fake.timeouts == [CALL_TIMEOUT_S]


@pytest.mark.parametrize(
    "answer", [description(city="320500"), description(city="x"), exchange_pb2.DescribeResponse(city="310000")]
)
async def test_a_wrong_description_is_refused(
    fake: FakeChannel, partner: PartnerChannel, answer: exchange_pb2.DescribeResponse
) -> None:
    """Another city, or a description that breaks the contract, is not believed."""
    fake.answers["Describe"] = lambda _: answer

    with pytest.raises(Malformed):
        await partner.describe()


async def test_receipts_come_with_whether_there_are_more(fake: FakeChannel, partner: PartnerChannel) -> None:
    """The request names stream, epoch, place and view; the answer is in order."""
    requests: list[exchange_pb2.ListReceiptsRequest] = []
    batch = exchange_pb2.ReceiptedBatch(header=signed_to_pb(SIGNED), receipt=signed_to_pb(SIGNED), leaves=b"l" * 32)

    def answer(request: exchange_pb2.ListReceiptsRequest) -> exchange_pb2.ListReceiptsResponse:
        requests.append(request)
        return exchange_pb2.ListReceiptsResponse(batches=[batch], more=True)

    fake.answers["ListReceipts"] = answer
    name = "320600/310000/social.contribution/0"

    (found,), more = await partner.list_receipts(name, 2, after_sequence=5, full=True)

    assert (found.signed_header, found.leaves, more) == (SIGNED, b"l" * 32, True)
    assert requests == [
        exchange_pb2.ListReceiptsRequest(stream=name, epoch=2, after_sequence=5, view=exchange_pb2.BATCH_VIEW_FULL)
    ]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (failure(AgreementMissing("m")), AgreementMissing),
        (AioRpcError(StatusCode.UNAVAILABLE, details="Socket closed"), Unavailable),
        (AioRpcError(StatusCode.DEADLINE_EXCEEDED), Unavailable),
        (AioRpcError(StatusCode.RESOURCE_EXHAUSTED, details="Received message larger than max (9 vs. 4)"), TooLarge),
        (UsageError("Channel is closed."), Unavailable),
        (asyncio.CancelledError(), Unavailable),
    ],
)
async def test_whatever_grpc_raises_is_one_of_our_errors(
    fake: FakeChannel, partner: PartnerChannel, raised: BaseException, kind: type[ExchangeError]
) -> None:
    """Rich statuses, bare codes, a closed channel, and a status CANCELLED that looks like our own cancellation."""

    def answer(_: Message) -> None:
        raise raised

    fake.answers["Describe"] = answer

    with pytest.raises(kind) as caught:
        await partner.describe()
    assert caught.value.__cause__ is raised


async def test_our_own_cancellation_stays_one(fake: FakeChannel, partner: PartnerChannel) -> None:
    """A task that is cancelled ends as cancelled, also inside a call."""
    fake.stream = FakeStream(asyncio.Event().wait())

    async def receive() -> None:
        async with partner.deliver() as session:
            await session.receive()

    task = asyncio.create_task(receive())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.stream.cancelled


async def test_a_session_opens_sends_and_receives(fake: FakeChannel, partner: PartnerChannel) -> None:
    """Opening against position, batch against acknowledgement; leaving the context ends the call."""
    fake.stream = FakeStream(POSITION, ACKNOWLEDGED)

    async with partner.deliver() as session:
        assert await session.open(SIGNED) == SIGNED
        await session.send(BATCH)
        assert await session.receive() == (7, SIGNED)
        assert not fake.stream.cancelled

    assert [request.WhichOneof("kind") for request in fake.stream.written] == ["opening", "batch"]
    assert fake.stream.cancelled


async def test_closing_closes_the_channel(fake: FakeChannel, partner: PartnerChannel) -> None:
    """The node closes a channel when another takes its place."""
    await partner.close()

    assert fake.closed


async def test_a_channel_that_was_replaced_closes_once_nobody_keeps_it(
    fake: FakeChannel, partner: GrpcPartnerChannel
) -> None:
    """A session asks, writes to its store, and asks again: in between it has no call open, and the channel stays."""
    with partner.kept():
        retiring = asyncio.create_task(partner.retire(60))
        await asyncio.sleep(2 * BEGINNING_S)
        assert partner.retiring
        assert not fake.closed
    await retiring
    assert fake.closed
