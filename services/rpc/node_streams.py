"""NodeService: the operator's acts on streams after a restored backup."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from services.domain.errors import Conflict, Malformed
from services.domain.opening import OpeningAnswer
from services.domain.stream import Direction, Stream, StreamName, StreamState
from services.exchange.deliver import written
from services.exchange.dial import make_opening, read_answer
from services.exchange.recover import (
    allow_replay,
    finish_recovery,
    next_epoch_known,
    open_epoch,
    stream_of,
    take_back,
)
from services.ports.channel import PartnerChannel
from services.ports.store import Transaction
from services.rpc.exchange_service import stream_name
from services.rpc.node_desk import Context
from services.rpc.node_listings import Listings
from yrdx.node.v1 import node_pb2


class Streams(Listings):
    """The operator's acts after a restored backup."""

    async def RecoverStream(  # noqa: N802 - gRPC's name
        self, request: node_pb2.RecoverStreamRequest, context: Context
    ) -> node_pb2.RecoverStreamResponse:
        """Allow a replay (inbound) or take back what was sent (outbound)."""
        name = _partners_stream(request.stream)
        if name.to_city == self.parts.city:
            await written(self.store.write(partial(allow_replay, name=name)))
            records = 0
        else:
            records = await self._take_back_all(name)
        self.host.wake_all()
        return node_pb2.RecoverStreamResponse(status=await self._status(name), records=records)

    async def OpenEpoch(  # noqa: N802
        self, request: node_pb2.OpenEpochRequest, context: Context
    ) -> node_pb2.OpenEpochResponse:
        """End a diverged epoch and begin the next one after the partner's position."""
        name = _partners_stream(request.stream)
        channel = await self.host.channel(name.to_city)
        with channel.kept():
            answer = await self._ask_position(name, channel)
            with suppress(Conflict, Malformed):  # as far as the histories agree, nothing may be sent a second time
                await self._take_back_epoch(name, channel)
        void, reason = request.void_unacknowledged, request.reason
        work = partial(open_epoch, parts=self.parts, name=name, answer=answer, void=void, reason=reason)
        records = await written(self.store.write(work))
        self.host.wake_all()
        return node_pb2.OpenEpochResponse(status=await self._status(name), records=records)

    async def _take_back_all(self, name: StreamName) -> int:
        stream = await self._outbound(name)
        if stream.state is not StreamState.DIVERGED:
            raise Conflict(f"{name} is {stream.state}: only a DIVERGED stream is recovered")
        channel = await self.host.channel(name.to_city)
        with channel.kept():
            answer = await self._ask_position(name, channel)
            recovered = await self._take_back_epochs(name, channel, answer.position.epoch)
        await written(self.store.write(partial(finish_recovery, name=name, answer=answer)))
        return recovered

    async def _take_back_epochs(self, name: StreamName, channel: PartnerChannel, newest: int) -> int:
        recovered = 0
        while True:
            recovered += await self._take_back_epoch(name, channel)
            if (await self._outbound(name)).position.epoch >= newest:
                return recovered
            epoch = (await self._outbound(name)).position.epoch + 1
            await written(self.store.write(partial(next_epoch_known, name=name, epoch=epoch)))

    async def _take_back_epoch(self, name: StreamName, channel: PartnerChannel) -> int:
        recovered = 0
        while True:
            at = (await self._outbound(name)).position
            batches, more = await channel.list_receipts(str(name), at.epoch, after_sequence=at.watermark, full=True)
            work = partial(take_back, parts=self.parts, name=name, batches=batches)
            recovered += await written(self.store.write(work))
            if not more:
                return recovered

    async def _ask_position(self, name: StreamName, channel: PartnerChannel) -> OpeningAnswer:
        """Open the stream once, only to learn the receiver's signed position."""
        opening = await written(self.store.write(partial(make_opening, parts=self.parts, name=name)))
        async with channel.deliver() as session:
            return read_answer(self.parts, name, opening, await session.open(opening))

    async def _outbound(self, name: StreamName) -> Stream:
        return await written(self.store.write(partial(stream_of, name=name, direction=Direction.OUTBOUND)))

    async def _status(self, name: StreamName) -> node_pb2.StreamStatus:
        direction = Direction.INBOUND if name.to_city == self.parts.city else Direction.OUTBOUND

        def read(tx: Transaction) -> node_pb2.StreamStatus:
            stream = tx.stream(name, direction)
            return self.stream_status(tx, stream, set(), {}) if stream else node_pb2.StreamStatus()

        return await asyncio.to_thread(self.store.read, read)


def _partners_stream(text: str) -> StreamName:
    name = stream_name(text)
    if name.is_register:
        raise Conflict(f"{name} is this city's own register, which nobody else holds: run its syncs again")
    return name
