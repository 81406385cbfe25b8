"""One open ``Deliver`` stream at its sender: an opening against a position, then batches against acknowledgements."""

from __future__ import annotations

import asyncio
from typing import Final, TypeAlias

import grpc
from grpc.aio import AioRpcError, StreamStreamCall

from adapters.partner.failures import domain_errors
from services.domain.batch import Batch, Signed
from services.domain.errors import ExchangeError, Malformed, Unavailable
from services.ports.calls import Call
from services.wire.batches import batch_to_pb, signed_from_pb, signed_to_pb
from services.wire.contract import verify_rules
from services.wire.status import error_from
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest, DeliverResponse

OPENING_TIMEOUT_S: Final = 30.0
"""Deadline of an opening: the receiver answers it within one transaction."""

DeliverStream: TypeAlias = "StreamStreamCall[DeliverRequest, DeliverResponse]"
"""gRPC's own; text, since it takes no parameters at run time."""


class GrpcDeliverSession:
    """One open ``Deliver`` stream (`services.ports.channel.DeliverSession`)."""

    def __init__(self, stream: DeliverStream, call: Call) -> None:
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
            async with asyncio.timeout(OPENING_TIMEOUT_S):
                await self._write(DeliverRequest(opening=signed_to_pb(opening)))
                answer = await self._read("position")
        except TimeoutError as error:
            raise Unavailable(f"the partner did not answer an opening within {OPENING_TIMEOUT_S:.0f} s") from error
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
            with domain_errors():
                await self._stream.write(request)
        except asyncio.InvalidStateError as error:  # the partner ended the stream before
            raise await self._end() from error

    async def _read(self, kind: str) -> DeliverResponse:
        with domain_errors():
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
        with domain_errors():
            metadata = await stream.trailing_metadata()
            return error_from(AioRpcError(await stream.code(), None, metadata, await stream.details()))
