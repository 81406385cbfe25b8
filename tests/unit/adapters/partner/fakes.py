"""A partner behind gRPC that answers what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import EOF, AioRpcError, Metadata

from services.domain.batch import Batch, BatchHeader, Record, Signed
from services.domain.errors import (
    ExchangeError,
)
from services.domain.stream import StreamName
from services.wire.batches import signed_to_pb
from services.wire.status import DETAILS_KEY, grpc_code, status_of
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
