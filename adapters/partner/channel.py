"""One partner's gateway over mutual TLS: implements `services.ports.channel.PartnerChannel` with grpc.aio.

gRPC compares DNS names only, and with any root it is given; so it is given this partner's roots alone, and the one
name that only this partner's gateway may carry. A channel never learns new certificates: after a rotation the node
opens another and closes this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import AioRpcError, StreamStreamCall, UsageError

from certs.identity import gateway_host
from services.domain.batch import Batch, Signed
from services.domain.errors import ExchangeError, Malformed, Unavailable
from services.domain.limits import Limits
from services.ports.calls import Call, CallObserver, CallSide
from services.ports.channel import DeliverSession, Description, ReceiptedBatch
from services.wire.batches import (
    batch_to_pb,
    description_from_pb,
    message_bytes_max,
    receipted_from_pb,
    signed_from_pb,
    signed_to_pb,
)
from services.wire.contract import verify_rules
from services.wire.status import error_from, grpc_code, status_of
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import BATCH_VIEW_FULL, BATCH_VIEW_RECEIPT, DeliverRequest, DeliverResponse

AnswerT = TypeVar("AnswerT", bound=Message)

CALL_TIMEOUT_S: Final = 30.0
"""Deadline of a question, and of an opening: the receiver answers both within one transaction."""

QUESTION_TIMEOUT_S: Final = 10.0
"""Deadline of a typed question: a clerk waits for it."""

CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no bound: an idle stream is a healthy one
    # When to call again is decided above (adapters/partner/retry.py); gRPC shall not add its two minutes to that.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", message_bytes_max(Limits())),
    ("grpc.enable_http_proxy", 0),  # the way to a partner is configured, not inherited from the environment
)

_SERVICE: Final = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"].full_name
_Stream: TypeAlias = "StreamStreamCall[DeliverRequest, DeliverResponse]"  # text: no parameters at run time


@dataclass(frozen=True, slots=True)
class PartnerCredentials:
    """What a channel shows and believes.

    Attributes:
        roots_pem: This partner's authorities and nobody else's.
        chain_pem: Own gateway leaf, and what stands between it and its authority.
        key_pem: The leaf's private key, PKCS#8.
    """

    roots_pem: bytes
    chain_pem: bytes
    key_pem: bytes = field(repr=False)


class GrpcPartnerChannel:
    """A channel to one partner; make it inside the running event loop.

    Attributes:
        retiring: Another channel took its place (`retire`).
    """

    def __init__(self, city: str, endpoint: str, credentials: PartnerCredentials, observer: CallObserver) -> None:
        """Prepare a channel; it connects with the first call.

        Args:
            city: The partner's city code.
            endpoint: "host:port" of its gateway.
            credentials: Certificates of both sides.
            observer: Is told of every call.
        """
        self._city = city
        self._channel = grpc.aio.secure_channel(
            endpoint,
            grpc.ssl_channel_credentials(credentials.roots_pem, credentials.key_pem, credentials.chain_pem),
            options=[*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", gateway_host(city))],
        )
        self._observer = observer
        self._leases = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.retiring = False

    async def describe(self) -> Description:
        """Ask who the partner is.

        Raises:
            Malformed: Its answer breaks the contract, or names another city.
        """
        answer = await self._ask("Describe", exchange_pb2.DescribeRequest(), exchange_pb2.DescribeResponse)
        if answer.city != self._city:
            raise Malformed(f"the gateway of {self._city} describes itself as another city's")
        return description_from_pb(answer)

    def deliver(self) -> AbstractAsyncContextManager[DeliverSession]:
        """Open a ``Deliver`` stream; leaving the context cancels it."""
        return self._deliver()

    async def list_receipts(
        self, stream: str, epoch: int, *, after_sequence: int, full: bool
    ) -> tuple[Sequence[ReceiptedBatch], bool]:
        """Return receipts after a sequence and whether there are more."""
        request = exchange_pb2.ListReceiptsRequest(
            stream=stream,
            epoch=epoch,
            after_sequence=after_sequence,
            view=BATCH_VIEW_FULL if full else BATCH_VIEW_RECEIPT,
        )
        page = await self._ask("ListReceipts", request, exchange_pb2.ListReceiptsResponse)
        return [receipted_from_pb(batch) for batch in page.batches], page.more

    async def offer_bundle(self, bundle: bytes) -> Signed:
        """Hand over this city's bundle and return the partner's signed acknowledgement, not verified yet."""
        request = exchange_pb2.OfferBundleRequest(bundle=bundle)
        answer = await self._ask("OfferBundle", request, exchange_pb2.OfferBundleResponse)
        return signed_from_pb(answer.acknowledgement)

    async def ask(self, method: str, question: bytes) -> bytes:
        """Ask a question of a typed service, both ways as serialised messages.

        Raises:
            ExchangeError: What the partner answered instead.
        """
        call: Any = self._channel.unary_unary(method)  # without serializers; grpc's types know only those with
        with self._lease(), _domain_errors():
            answer: bytes = await call(question, timeout=QUESTION_TIMEOUT_S)
        return answer

    async def retire(self, drain_s: float) -> None:
        """Let what is under way end by itself, then close: another channel has taken this one's place.

        Args:
            drain_s: Whatever is still open then is cut.
        """
        self.retiring = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        await self.close()

    async def close(self) -> None:
        """Close the channel; calls still open on it end as `Unavailable`."""
        await self._channel.close()

    async def _ask(self, method: str, request: Message, answer: type[AnswerT]) -> AnswerT:
        """Make one call with one answer, and hold that against the contract's rules."""
        with self._lease(), self._observed(method) as call, _domain_errors():
            ask = self._channel.unary_unary(
                call.method,
                request_serializer=call.writing(type(request).SerializeToString),
                response_deserializer=call.reading(answer.FromString),
            )
            answered: AnswerT = await ask(request, timeout=CALL_TIMEOUT_S, metadata=_traced(call))
            return verify_rules(answered)

    @asynccontextmanager
    async def _deliver(self) -> AsyncIterator[DeliverSession]:
        with self._lease(), self._observed("Deliver") as call:
            with _domain_errors():
                begin = self._channel.stream_stream(
                    call.method,
                    request_serializer=call.writing(DeliverRequest.SerializeToString),
                    response_deserializer=call.reading(DeliverResponse.FromString),
                )
                stream: _Stream = begin(metadata=_traced(call))
            try:
                yield GrpcDeliverSession(stream, call)
            finally:
                stream.cancel()

    @contextmanager
    def _observed(self, method: str) -> Iterator[Call]:
        """Tell the observer of a call, and how it ended."""
        call = self._observer.begin(CallSide.CLIENT, f"/{_SERVICE}/{method}")
        call.city, call.role = self._city, "gateway"
        try:
            yield call
            call.code = grpc.StatusCode.OK.name
        except ExchangeError as error:
            call.code = _code_of(error)
            raise
        finally:
            self._observer.end(call)

    @contextmanager
    def _lease(self) -> Iterator[None]:
        """Count who uses the channel: closing it cancels their calls."""
        self._leases += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._leases -= 1
            if not self._leases:
                self._idle.set()


class GrpcDeliverSession:
    """One open ``Deliver`` stream (`services.ports.channel.DeliverSession`)."""

    def __init__(self, stream: _Stream, call: Call) -> None:
        """Take over a stream that was just begun.

        Args:
            stream: gRPC's.
            call: What is told of it.
        """
        self._stream = stream
        self._call = call

    async def open(self, opening: Signed) -> Signed:
        """Send the opening and return the receiver's signed position.

        Raises:
            Unavailable: No answer in time.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._write(DeliverRequest(opening=signed_to_pb(opening)))
                answer = await self._read("position")
        except TimeoutError as error:
            raise Unavailable(f"the partner did not answer an opening within {CALL_TIMEOUT_S:.0f} s") from error
        return signed_from_pb(answer.position)

    async def send(self, batch: Batch) -> None:
        """Send one batch; returns when flow control let it go, so a slow receiver slows its sender."""
        await self._write(DeliverRequest(batch=batch_to_pb(batch)))
        self._call.records += len(batch.records)

    async def receive(self) -> tuple[int, Signed]:
        """Return the next acknowledgement: (watermark, signed receipt)."""
        acknowledgement = (await self._read("acknowledgement")).acknowledgement
        return acknowledgement.watermark, signed_from_pb(acknowledgement.receipt)

    async def _write(self, request: DeliverRequest) -> None:
        try:
            with _domain_errors():
                await self._stream.write(request)
        except asyncio.InvalidStateError as error:  # the partner ended the stream before
            raise await self._end() from error

    async def _read(self, kind: str) -> DeliverResponse:
        with _domain_errors():
            answer = await self._stream.read()
        if not isinstance(answer, DeliverResponse):
            raise await self._end()
        if verify_rules(answer).WhichOneof("kind") != kind:
            raise Malformed(f"the partner answered with another message than the {kind}")
        return answer

    async def _end(self) -> ExchangeError:
        """Return why the stream ended."""
        stream = self._stream
        if await stream.code() is grpc.StatusCode.OK:
            return Unavailable("the partner ended the stream")
        with _domain_errors():
            metadata = await stream.trailing_metadata()
            return error_from(AioRpcError(await stream.code(), None, metadata, await stream.details()))


def _traced(call: Call) -> tuple[tuple[str, str], ...]:
    """The partner learns which trace of ours its own belongs to, and nothing else: no state, no baggage."""
    return (("traceparent", call.traceparent),)


def _code_of(error: ExchangeError) -> str:
    """Name the status that an error is, or was: whichever of both sides found it."""
    return grpc_code(status_of(error)).name


@contextmanager
def _domain_errors() -> Iterator[None]:
    """Turn what gRPC raises into what the partner answered.

    A status CANCELLED, also of a channel that was closed here, comes out of grpc.aio as `asyncio.CancelledError`,
    as if this task had been cancelled. It was not, so it must not end as one.
    """
    try:
        yield
    except AioRpcError as error:
        raise error_from(error) from error
    except UsageError as error:
        raise Unavailable("the channel to the partner was closed here: a new one takes its place") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("the call was cancelled on the way, not by this node's own wish") from error
