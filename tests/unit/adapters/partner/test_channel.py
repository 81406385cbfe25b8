"""The calling side: what is sent, what comes back, and every way in which a call can end. No sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import EOF, AioRpcError, Metadata, UsageError

from adapters.partner import channel as module
from adapters.partner.channel import GrpcDeliverSession, GrpcPartnerChannel, PartnerCredentials
from services.domain.batch import Batch, BatchHeader, Record, Signed
from services.domain.errors import (
    AgreementMissing,
    ContentConflict,
    ExchangeError,
    Malformed,
    SequenceGap,
    TooLarge,
    Unavailable,
)
from services.domain.limits import Limits
from services.domain.stream import StreamName
from services.ports.calls import CallSide
from services.ports.channel import PartnerChannel
from services.wire.batches import limits_to_pb, signed_to_pb
from services.wire.status import DETAILS_KEY, grpc_code, status_of
from services.wire.times import time_to_pb
from tests.observer import FakeCalls
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest, DeliverResponse

Pairs = tuple[tuple[str, str], ...]

SIGNED = Signed(b"content", "0" * 32, b"s" * 64)
BATCH = Batch(
    BatchHeader(
        "SHA256",
        StreamName("320600", "310000", "social.contribution"),
        1,
        "NT-SH-2026-001",
        1,
        "1",
        1,
        1,
        bytes(32),
        bytes(32),
        datetime(2026, 1, 1, tzinfo=UTC),
    ),
    SIGNED,
    [Record(b"s" * 16, b"body")],
)
POSITION = DeliverResponse(position=signed_to_pb(SIGNED))
ACKNOWLEDGED = DeliverResponse(acknowledgement=exchange_pb2.Acknowledgement(watermark=7, receipt=signed_to_pb(SIGNED)))


def failure(error: ExchangeError) -> AioRpcError:
    """Return what grpc.aio raises when a partner answers an error."""
    status = status_of(error)
    metadata = Metadata((DETAILS_KEY, status.SerializeToString()))
    return AioRpcError(grpc_code(status), Metadata(), metadata, status.message)


class FakeChannel:
    """A channel whose unary calls are answered by functions."""

    def __init__(self) -> None:
        """Begin without answers."""
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.timeouts: list[float | None] = []
        self.metadata: list[Pairs] = []
        self.stream = FakeStream()
        self.closed = False

    def unary_unary(self, method: str, **_: Any) -> Callable[..., Awaitable[Any]]:
        """Return a call that is answered, or fails with what the function raises."""

        async def call(request: Message, timeout: float | None = None, metadata: Pairs = ()) -> object:  # noqa: ASYNC109 - gRPC's name
            self.metadata.append(metadata)
            self.timeouts.append(timeout)
            return self.answers[method.rpartition("/")[2]](request)

        return call

    def stream_stream(self, method: str, **_: Any) -> Callable[..., FakeStream]:
        """Return the one stream."""

        def begin(metadata: Pairs = ()) -> FakeStream:
            self.metadata.append(metadata)
            return self.stream

        return begin

    async def close(self) -> None:
        """Close."""
        self.closed = True


class FakeStream:
    """A Deliver call: answers by a list, an end by a status."""

    def __init__(self, *answers: Any, end: ExchangeError | None = None) -> None:
        """Answer in order, then end: with OK, or with an error's status."""
        self.answers = list(answers)
        self.written: list[DeliverRequest] = []
        self.error = failure(end) if end else None
        self.ended = False
        self.cancelled = False

    async def write(self, request: DeliverRequest) -> None:
        """Take a request, as long as the call is open."""
        if self.ended:
            raise asyncio.InvalidStateError("RPC already finished.")
        self.written.append(request)

    async def read(self) -> object:
        """Return the next answer; at the end what grpc.aio does there."""
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return await answer if asyncio.iscoroutine(answer) else answer
        self.ended = True
        if self.error:
            raise self.error
        return EOF

    async def code(self) -> StatusCode:
        """Return the code."""
        return self.error.code() if self.error else StatusCode.OK

    async def details(self) -> str | None:
        """Return the text."""
        return self.error.details() if self.error else ""

    async def trailing_metadata(self) -> Metadata:
        """Return the rich status."""
        return self.error.trailing_metadata() if self.error else Metadata()

    def cancel(self) -> bool:
        """Cancel."""
        self.cancelled = True
        return True


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
def partner(fake: FakeChannel, calls: FakeCalls) -> PartnerChannel:
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
    assert fake.timeouts == [module.CALL_TIMEOUT_S]


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


@pytest.mark.parametrize(
    "answer", [ACKNOWLEDGED, DeliverResponse(), DeliverResponse(position=exchange_pb2.Signed(content=b"x"))]
)
async def test_an_answer_of_the_wrong_kind_is_refused(answer: DeliverResponse) -> None:
    """An acknowledgement is no position, and an empty or broken answer is nothing at all."""
    with pytest.raises(Malformed):
        await session_of(FakeStream(answer)).open(SIGNED)


async def test_an_opening_that_is_not_answered_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner that hangs is one that is not there."""
    monkeypatch.setattr(module, "CALL_TIMEOUT_S", 0.01)

    with pytest.raises(Unavailable, match="did not answer"):
        await session_of(FakeStream(asyncio.Event().wait())).open(SIGNED)


async def test_the_end_of_a_stream_says_why() -> None:
    """Sender and receiver side of a session learn the same error, whichever notices first."""
    statement = exchange_pb2.Signed(content=b"c", key_id="0" * 32, signature=b"s" * 64).SerializeToString()
    for end in (SequenceGap(5), ContentConflict("m", statement)):
        session = session_of(FakeStream(end=end))
        for _ in range(2):
            with pytest.raises(type(end)) as caught:
                await session.receive()
            assert vars(caught.value) == vars(end)
        with pytest.raises(type(end)):
            await session.send(BATCH)


async def test_a_stream_that_ends_well_is_opened_again() -> None:
    """A partner may end a stream at any time without an error; that is no reason to stop."""
    session = session_of(FakeStream())

    with pytest.raises(Unavailable, match="ended the stream"):
        await session.receive()
    with pytest.raises(Unavailable, match="ended the stream"):
        await session.send(BATCH)


async def test_closing_closes_the_channel(fake: FakeChannel, partner: PartnerChannel) -> None:
    """The node closes a channel when another takes its place."""
    await partner.close()

    assert fake.closed


def session_of(stream: FakeStream) -> GrpcDeliverSession:
    """Return a session over a fake call."""
    untyped: Any = stream
    return GrpcDeliverSession(untyped, FakeCalls().begin(CallSide.CLIENT, "/test/Deliver"))
