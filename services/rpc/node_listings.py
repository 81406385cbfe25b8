"""NodeService: status, listings and exports. Nothing here changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from services import __version__
from services.domain.batch import StoredBatch
from services.domain.errors import NotFound
from services.domain.partner import PartnerState
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.ahead import read_in_thread
from services.exchange.history import within
from services.exchange.parts import Parts
from services.exchange.release import held_problem
from services.exchange.standards import standard_problems
from services.ports.store import Transaction
from services.rpc.counting import count_records
from services.rpc.exchange_service import stream_name
from services.rpc.node_desk import Context, NodeDesk, state_told
from services.wire.batches import signed_to_pb
from services.wire.times import time_to_pb
from yrdx.node.v1 import node_pb2

PAGE_RECORDS: Final = 1_000
PAGE_BYTES: Final = 1 << 20
AHEAD_PAGES: Final = 2
PAGE_RECEIPTS: Final = 100

_Entry = node_pb2.ExportInboxResponse.Entry


class Listings(NodeDesk):
    """Says how the node stands and what it holds."""

    async def GetStatus(  # noqa: N802 - gRPC's name
        self, request: node_pb2.GetStatusRequest, context: Context
    ) -> node_pb2.GetStatusResponse:
        """Return the node and its streams."""
        return node_pb2.GetStatusResponse(
            city=self.parts.city,
            software=__version__,
            listen=self.host.listen,
            keystore_generation=self.host.generation,
            streams=await asyncio.to_thread(self.store.read, self.stream_statuses),
            start_time=time_to_pb(self.host.started),
        )

    async def ListReceipts(  # noqa: N802
        self, request: node_pb2.ListReceiptsRequest, context: Context
    ) -> node_pb2.ListReceiptsResponse:
        """Return receipts, given and got."""
        entries = await asyncio.to_thread(self.store.read, partial(self._receipts, request=request))
        return node_pb2.ListReceiptsResponse(receipts=entries)

    async def ExportInbox(  # noqa: N802
        self, request: node_pb2.ExportInboxRequest, context: Context
    ) -> AsyncIterator[node_pb2.ExportInboxResponse]:
        """Return accepted records in order: a snapshot, bounded when the call began."""

        def produce(emit: Callable[[node_pb2.ExportInboxResponse], None]) -> None:
            self.store.read(partial(self._inbox_pages, request=request, emit=emit))

        async for page in read_in_thread(produce, AHEAD_PAGES):
            count_records(len(page.entries))
            yield page

    async def ExportOutbox(  # noqa: N802
        self, request: node_pb2.ExportOutboxRequest, context: Context
    ) -> AsyncIterator[node_pb2.ExportOutboxResponse]:
        """Return what was sent and accepted, batch by batch."""

        def produce(emit: Callable[[node_pb2.ExportOutboxResponse], None]) -> None:
            self.store.read(partial(self._outbox_pages, request=request, emit=emit))

        async for page in read_in_thread(produce, AHEAD_PAGES):
            count_records(len(page.entries))
            yield page

    def stream_statuses(self, tx: Transaction) -> list[node_pb2.StreamStatus]:
        """Return every stream's status."""
        paused = {partner.city for partner in tx.partners() if partner.state is PartnerState.PAUSED}
        apart = standard_problems(tx, self.parts.gate, self.parts.clock.now())
        return [self.stream_status(tx, stream, paused, apart) for stream in tx.streams()]

    def stream_status(
        self, tx: Transaction, stream: Stream, paused: set[str], apart: Mapping[StreamName, str]
    ) -> node_pb2.StreamStatus:
        """Return one stream's status.

        Args:
            tx: Transaction.
            stream: The stream.
            paused: Cities that are paused.
            apart: Why versions of its standard keep a stream waiting, by its name.
        """
        state, reason = state_told(stream, paused=bool({stream.name.from_city, stream.name.to_city} & paused))
        status = node_pb2.StreamStatus(
            stream=str(stream.name),
            direction=stream.direction.value,
            state=state,
            state_reason=reason,
            epoch=stream.position.epoch,
            watermark=stream.position.watermark,
        )
        status.standard_problem = apart.get(stream.name, "")
        if stream.direction is Direction.INBOUND:
            _fill_inbound(tx, stream, status)
            status.standard_problem = held_problem(tx, self.parts, stream) or status.standard_problem
        else:
            self._fill_outbound(tx, stream, status)
        return status

    def _fill_outbound(self, tx: Transaction, stream: Stream, status: node_pb2.StreamStatus) -> None:
        progress = tx.stream_progress(stream.id)
        status.submitted, status.acknowledged = progress.submitted, progress.acknowledged
        status.rejected, status.pending, status.void = progress.rejected, progress.pending, progress.void
        status.last_error = self.host.last_error(stream.name)
        if progress.oldest_pending_time is not None:
            age = self.parts.clock.now() - progress.oldest_pending_time
            status.oldest_age_s = max(0.0, age.total_seconds())

    def _inbox_pages(
        self,
        tx: Transaction,
        request: node_pb2.ExportInboxRequest,
        emit: Callable[[node_pb2.ExportInboxResponse], None],
    ) -> None:
        for stream in tx.streams(Direction.INBOUND):
            if stream.name.dataset != request.dataset or request.from_city not in ("", stream.name.from_city):
                continue
            records = tx.iterate_records(
                stream.id, upto_id=tx.last_record_id(stream.id), latest_only=not request.history
            )
            entries = (
                _Entry(epoch=record.epoch, sequence=record.sequence, body=self.parts.codec.decode(record.body))
                for record in records
                if record.body
            )
            for page in _pages(entries):
                emit(node_pb2.ExportInboxResponse(stream=str(stream.name), entries=page))

    def _outbox_pages(
        self,
        tx: Transaction,
        request: node_pb2.ExportOutboxRequest,
        emit: Callable[[node_pb2.ExportOutboxResponse], None],
    ) -> None:
        name = StreamName(self.parts.city, request.to_city, request.dataset)
        stream = tx.stream(name, Direction.OUTBOUND)
        if stream is None:
            raise NotFound(f"nothing was ever submitted to {name}")
        entries = (
            _Entry(epoch=epoch, sequence=sequence, body=self.parts.codec.decode(record.body))
            for epoch, sequence, record in tx.outbox_bodies(stream.id)
        )
        for page in _pages(entries):
            emit(node_pb2.ExportOutboxResponse(stream=str(name), entries=page))

    def _receipts(
        self, tx: Transaction, request: node_pb2.ListReceiptsRequest
    ) -> list[node_pb2.ListReceiptsResponse.ReceiptEntry]:
        wanted = stream_name(request.stream) if request.stream else None
        entries = []
        for stream in tx.streams():
            if wanted in (None, stream.name):
                for epoch in range(1, stream.position.epoch + 1):
                    entries += self._receipts_of(tx, stream, epoch, request)
        return entries

    def _receipts_of(
        self, tx: Transaction, stream: Stream, epoch: int, request: node_pb2.ListReceiptsRequest
    ) -> list[node_pb2.ListReceiptsResponse.ReceiptEntry]:
        limit = request.page_size or PAGE_RECEIPTS
        found = tx.receipted(stream.id, epoch, after_sequence=request.after_sequence, limit=limit)
        sizes = (len(batch.receipt.content) for batch in found if batch.receipt)
        fitting = within(sizes, count_max=limit, bytes_max=PAGE_BYTES)
        return [_receipt_entry(self.parts, stream, batch) for batch in found[:fitting]]


def _pages(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Cut entries into pages that stay below the message limit whatever their bodies' size."""
    page: list[_Entry] = []
    size = 0
    for entry in entries:
        if page and (len(page) >= PAGE_RECORDS or size + len(entry.body) > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(entry)
        size += len(entry.body)
    if page:
        yield page


def _fill_inbound(tx: Transaction, stream: Stream, status: node_pb2.StreamStatus) -> None:
    received, accepted, status.held = tx.inbox_progress(stream.id)
    status.submitted, status.acknowledged, status.rejected = received, accepted, received - accepted


def _receipt_entry(parts: Parts, stream: Stream, batch: StoredBatch) -> node_pb2.ListReceiptsResponse.ReceiptEntry:
    if batch.receipt is None:
        raise NotFound("the batch has no receipt")
    receipt = parts.contents.receipt_from_bytes(batch.receipt.content)
    return node_pb2.ListReceiptsResponse.ReceiptEntry(
        stream=str(stream.name),
        direction=stream.direction.value,
        epoch=batch.epoch,
        first_sequence=batch.first_sequence,
        last_sequence=batch.last_sequence,
        accepted_count=receipt.accepted_count,
        rejected_count=len(receipt.rejections),
        header_hash=batch.header_hash,
        received_time=time_to_pb(receipt.received_time),
        receipt=signed_to_pb(batch.receipt),
    )
