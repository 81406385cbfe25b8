"""NodeService: what arrives, for those who write it elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from services.domain.errors import NotFound
from services.domain.inbox import StoredRecord
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.deliver import written
from services.exchange.history import within
from services.ports.store import Transaction
from services.rpc.counting import count_records
from services.rpc.exchange_service import stream_name
from services.rpc.node_desk import Context, NodeDesk
from yrdx.node.v1 import node_pb2

PAGE_RECORDS: Final = 1_000
PAGE_BYTES: Final = 1 << 20
WATCH_INTERVAL_S: Final = 0.5
"""How often the inbox is looked at while it is followed."""

_Page = node_pb2.WatchInboxResponse


class InboxDesk(NodeDesk):
    """Hands accepted records on, in the order of each stream."""

    async def WatchInbox(  # noqa: N802 - gRPC's name
        self, request: node_pb2.WatchInboxRequest, context: Context
    ) -> AsyncIterator[node_pb2.WatchInboxResponse]:
        """Return records after a position of each stream; without end when they are followed."""
        after = {stream_name(one.stream): one.position for one in request.after}
        if request.name:
            named = partial(_acknowledged, watcher=request.name, dataset=request.dataset)
            after = await asyncio.to_thread(self.store.read, named) | after
        while True:
            find = partial(_next_pages, request=request, after=after)
            pages = await asyncio.to_thread(self.store.read, find)
            for name, records in pages:
                count_records(len(records))
                yield self._page(name, records)
                after[name] = records[-1].id
            if not pages:
                if not request.follow:
                    return
                await asyncio.sleep(WATCH_INTERVAL_S)

    async def AcknowledgeInbox(  # noqa: N802
        self, request: node_pb2.AcknowledgeInboxRequest, context: Context
    ) -> node_pb2.AcknowledgeInboxResponse:
        """Keep how far a watcher has come."""
        name = stream_name(request.stream)
        work = partial(_acknowledge, watcher=request.name, name=name, position=request.position)
        return node_pb2.AcknowledgeInboxResponse(position=await written(self.store.write(work)))

    def _page(self, name: StreamName, records: Sequence[StoredRecord]) -> node_pb2.WatchInboxResponse:
        decode = self.parts.codec.decode
        return _Page(
            stream=str(name),
            entries=[
                _Page.Entry(
                    position=record.id,
                    epoch=record.epoch,
                    sequence=record.sequence,
                    operation=record.operation,
                    key=record.key,
                    body=decode(record.body),
                )
                for record in records
            ],
        )


def _next_pages(
    tx: Transaction, request: node_pb2.WatchInboxRequest, after: dict[StreamName, int]
) -> list[tuple[StreamName, Sequence[StoredRecord]]]:
    pages: list[tuple[StreamName, Sequence[StoredRecord]]] = []
    for stream in _inbound(tx, request.dataset):
        if request.from_city in ("", stream.name.from_city):
            records = tx.records(stream.id, after_id=after.get(stream.name, 0), limit=PAGE_RECORDS)
            sizes = (len(record.body) for record in records)
            fitting = records[: within(sizes, count_max=PAGE_RECORDS, bytes_max=PAGE_BYTES)]
            if fitting:
                pages.append((stream.name, fitting))
    return pages


def _inbound(tx: Transaction, dataset: str) -> list[Stream]:
    return [stream for stream in tx.streams(Direction.INBOUND) if stream.name.dataset == dataset]


def _acknowledged(tx: Transaction, watcher: str, dataset: str) -> dict[StreamName, int]:
    return {stream.name: tx.watched(watcher, stream.id) for stream in _inbound(tx, dataset)}


def _acknowledge(tx: Transaction, watcher: str, name: StreamName, position: int) -> int:
    stream = tx.stream(name, Direction.INBOUND)
    if stream is None:
        raise NotFound(f"nothing ever arrived on {name}: `yrdx inbox ls` lists streams")
    if position > tx.last_record_id(stream.id):
        raise NotFound(f"{name} has no record at position {position} yet")
    return tx.put_watched(watcher, stream.id, position)
