"""NodeService: what stands at partners, as far as this node knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from services.domain.errors import Malformed, NotFound
from services.domain.standing import Standings
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.ahead import read_in_thread
from services.exchange.merge import merge_pass
from services.ports.store import Transaction
from services.rpc.node_desk import Context, NodeDesk
from yrdx.node.v1 import node_pb2

KEY_BYTES: Final = 16
AHEAD_PAGES: Final = 2


class StandingDesk(NodeDesk):
    """Says what a full file changes. A stream on which nothing was ever submitted has nothing that stands."""

    async def MergeStanding(  # noqa: N802 - gRPC's name
        self, request: node_pb2.MergeStandingRequest, context: Context
    ) -> node_pb2.MergeStandingResponse:
        """Merge some of what was submitted since, where more waits than may."""
        name = self._name(request.to_city, request.dataset)
        stream_id, left = await asyncio.to_thread(self.store.read, partial(_unmerged, name=name))
        if left > request.unmerged_max:
            left = await merge_pass(self.store, stream_id)
        return node_pb2.MergeStandingResponse(left=left)

    async def FindStanding(  # noqa: N802
        self, request: node_pb2.FindStandingRequest, context: Context
    ) -> node_pb2.FindStandingResponse:
        """Return what stands under some keys."""
        name = self._name(request.to_city, request.dataset)
        if len(request.keys) % KEY_BYTES:
            raise Malformed(f"business keys have {KEY_BYTES} bytes each")
        found = await asyncio.to_thread(self.store.read, partial(_find, name=name, keys=request.keys))
        return node_pb2.FindStandingResponse(keys=found.keys, contents=found.contents)

    async def ListStanding(  # noqa: N802
        self, request: node_pb2.ListStandingRequest, context: Context
    ) -> AsyncIterator[node_pb2.ListStandingResponse]:
        """Return everything that stands, page by page."""
        name = self._name(request.to_city, request.dataset)

        def produce(emit: Callable[[node_pb2.ListStandingResponse], None]) -> None:
            self.store.read(partial(_list, name=name, emit=emit))

        async for page in read_in_thread(produce, AHEAD_PAGES):
            yield page

    async def GetOutboxRecords(  # noqa: N802
        self, request: node_pb2.GetOutboxRecordsRequest, context: Context
    ) -> node_pb2.GetOutboxRecordsResponse:
        """Return records by their ids."""
        name = self._name(request.to_city, request.dataset)
        bodies = await asyncio.to_thread(self.store.read, partial(_bodies, name=name, ids=list(request.record_ids)))
        decode = self.parts.codec.decode
        return node_pb2.GetOutboxRecordsResponse(bodies=[decode(body) if body else b"" for body in bodies])

    def _name(self, to_city: str, dataset: str) -> StreamName:
        return StreamName(self.parts.city, to_city, dataset)


def _unmerged(tx: Transaction, name: StreamName) -> tuple[int, int]:
    """Return a stream's id and the records that wait in it."""
    stream = _stream(tx, name)
    return (stream.id, tx.unmerged().get(stream.id, 0)) if stream else (0, 0)


def _find(tx: Transaction, name: StreamName, keys: bytes) -> Standings:
    stream = _stream(tx, name)
    return tx.find_standing(stream.id, keys) if stream else Standings(b"", b"", ())


def _list(tx: Transaction, name: StreamName, emit: Callable[[node_pb2.ListStandingResponse], None]) -> None:
    stream = _stream(tx, name)
    for page in tx.standing_pages(stream.id) if stream else ():
        emit(node_pb2.ListStandingResponse(**page._asdict()))


def _bodies(tx: Transaction, name: StreamName, ids: list[int]) -> list[bytes]:
    stream = _stream(tx, name)
    if stream is None:
        raise NotFound(f"nothing was ever submitted to {name}")
    try:
        return [record.body for record in tx.outbox_records(stream.id, ids)]
    except ValueError as error:
        raise NotFound(f"not all of these are records of {name}") from error


def _stream(tx: Transaction, name: StreamName) -> Stream | None:
    return tx.stream(name, Direction.OUTBOUND)
