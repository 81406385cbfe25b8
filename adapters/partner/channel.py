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
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from adapters.partner.deliver_session import DeliverStream, GrpcDeliverSession
from adapters.partner.failures import domain_errors
from certs.identity import gateway_host
from services.domain.batch import Signed
from services.domain.errors import ExchangeError, Malformed
from services.domain.limits import Limits
from services.ports.calls import Call, CallObserver, CallSide
from services.ports.channel import DeliverSession, Description, ReceiptedBatch
from services.wire.batches import description_from_pb, message_bytes_max, receipted_from_pb, signed_from_pb
from services.wire.contract import verify_rules
from services.wire.status import grpc_code, status_of
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import BATCH_VIEW_FULL, BATCH_VIEW_RECEIPT, DeliverRequest, DeliverResponse

AnswerT = TypeVar("AnswerT", bound=Message)

CALL_TIMEOUT_S: Final = 30.0
"""Deadline of a call with one answer, which takes the partner one transaction."""

QUESTION_TIMEOUT_S: Final = 10.0
"""Deadline of a typed question: a clerk waits for it."""
BEGINNING_S: Final = 0.1
"""Time in which whoever was given a channel just before it was replaced begins to use it."""

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
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.retiring = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Count who uses the channel: it is not retired before nobody does."""
        self._users += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

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
        with self.kept(), domain_errors():
            answer: bytes = await call(question, timeout=QUESTION_TIMEOUT_S)
        return answer

    async def retire(self, drain_s: float) -> None:
        """Let what is under way end by itself, then close: another channel has taken this one's place.

        Args:
            drain_s: Whatever is still open then is cut.
        """
        self.retiring = True
        await asyncio.sleep(BEGINNING_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        await self.close()

    async def close(self) -> None:
        """Close the channel; calls still open on it end as `Unavailable`."""
        await self._channel.close()

    async def _ask(self, method: str, request: Message, answer: type[AnswerT]) -> AnswerT:
        """Make one call with one answer, and hold that against the contract's rules."""
        with self.kept(), self._observed(method) as call, domain_errors():
            ask = self._channel.unary_unary(
                call.method,
                request_serializer=call.writing(type(request).SerializeToString),
                response_deserializer=call.reading(answer.FromString),
            )
            answered: AnswerT = await ask(request, timeout=CALL_TIMEOUT_S, metadata=_traced(call))
            return verify_rules(answered)

    @asynccontextmanager
    async def _deliver(self) -> AsyncIterator[DeliverSession]:
        with self.kept(), self._observed("Deliver") as call:
            with domain_errors():
                begin = self._channel.stream_stream(
                    call.method,
                    request_serializer=call.writing(DeliverRequest.SerializeToString),
                    response_deserializer=call.reading(DeliverResponse.FromString),
                )
                stream: DeliverStream = begin(metadata=_traced(call))
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


def _traced(call: Call) -> tuple[tuple[str, str], ...]:
    """The partner learns which trace of ours its own belongs to, and nothing else: no state, no baggage."""
    return (("traceparent", call.traceparent),)


def _code_of(error: ExchangeError) -> str:
    """Name the status that an error is, or was: whichever of both sides found it."""
    return grpc_code(status_of(error)).name
