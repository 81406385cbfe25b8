"""NodeService: submit and watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from services.domain.errors import Malformed, NotFound, Stopping
from services.domain.outbox import Source, SourceProgress
from services.domain.partner import PartnerState
from services.domain.receipt import Rejection, Violation
from services.domain.rejection import LocalRejection
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.ahead import in_groups, map_ahead
from services.exchange.deliver import written
from services.exchange.submit import (
    CheckedChunk,
    Chunk,
    OpenedSource,
    Submitted,
    SubmittedRow,
    check_chunk,
    open_source,
    submit_chunk,
)
from services.ports.store import Transaction
from services.rpc.counting import count_records
from services.rpc.exchange_service import STOPPING_RETRY_S
from services.rpc.node_desk import Context, NodeDesk, state_told
from services.wire.batches import rejection_to_pb
from yrdx.node.v1 import node_pb2

AHEAD_CHUNKS: Final = 4
WATCH_INTERVAL_S: Final = 0.2


class Submissions(NodeDesk):
    """Puts records into the outbox and follows them."""

    async def Submit(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[node_pb2.SubmitRequest], context: Context
    ) -> AsyncIterator[node_pb2.SubmitResponse]:
        """Take an opening, then chunks, and answer each once it is on disk."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("kind") != "opening":
            raise Malformed("a Submit stream begins with an opening")
        opened = await self._open(first.opening)
        source = opened.source
        yield node_pb2.SubmitResponse(
            opened=node_pb2.SubmitResponse.Opened(
                source=source.name, position=source.position, submitted=source.submitted, cursor=source.cursor
            )
        )
        checked = map_ahead(_chunks(requests), partial(self._checked, opened), AHEAD_CHUNKS)
        # One transaction for all that were checked meanwhile: in order whatever the store, and one sync of the disk for
        # them. Where one is refused, none of them stands, since the next would not begin where the source is.
        async for group in in_groups(checked, AHEAD_CHUNKS):
            for answer in await self._write(opened, group):
                yield answer

    async def GetSource(  # noqa: N802
        self, request: node_pb2.GetSourceRequest, context: Context
    ) -> node_pb2.GetSourceResponse:
        """Say where a source's last run stands."""
        name = StreamName(self.parts.city, request.to_city, request.dataset)
        source = await asyncio.to_thread(self.store.read, partial(_last_run, name=name, prefix=request.source))
        if source is None:
            return node_pb2.GetSourceResponse()
        return node_pb2.GetSourceResponse(
            source=source.name, position=source.position, submitted=source.submitted, cursor=source.cursor
        )

    async def WatchSource(  # noqa: N802
        self, request: node_pb2.WatchSourceRequest, context: Context
    ) -> AsyncIterator[node_pb2.WatchSourceResponse]:
        """Say how far a source is, whenever that changes, until every record is answered or the node stops."""
        name = StreamName(self.parts.city, request.to_city, request.dataset)
        last: node_pb2.WatchSourceResponse | None = None
        while True:
            find = partial(_source_progress, name=name, source_name=request.source)
            stream, progress, paused = await asyncio.to_thread(self.store.read, find)
            answer = _watch_answer(stream, progress, self.host.last_error(name), paused=paused)
            if answer != last:
                yield answer
                last = answer
            if not progress.pending:
                return
            await asyncio.sleep(WATCH_INTERVAL_S)
            if self.host.stopping:
                raise Stopping("the node is stopping: ask again once it serves", retry_after_s=STOPPING_RETRY_S)

    async def _open(self, opening: node_pb2.SubmitRequest.Opening) -> OpenedSource:
        name = StreamName(self.parts.city, opening.to_city, opening.dataset)
        return await written(
            self.store.write(
                partial(
                    open_source,
                    parts=self.parts,
                    stream_name=name,
                    name=opening.source,
                    label=opening.label,
                    again=opening.again,
                )
            )
        )

    async def _checked(self, opened: OpenedSource, chunk: node_pb2.SubmitRequest.Chunk) -> CheckedChunk:
        return await asyncio.to_thread(self._check, opened, chunk)

    async def _write(self, opened: OpenedSource, group: Sequence[CheckedChunk]) -> list[node_pb2.SubmitResponse]:
        def work(tx: Transaction) -> list[Submitted]:
            return [submit_chunk(tx, self.parts, opened, checked) for checked in group]

        submitted = await written(self.store.write(work))
        self.host.wake(opened.stream.name)
        count_records(sum(one.records for one in submitted))
        return [_submitted(checked.chunk, one) for checked, one in zip(group, submitted, strict=True)]

    def _check(self, opened: OpenedSource, chunk: node_pb2.SubmitRequest.Chunk) -> CheckedChunk:
        complete = partial(self.parts.gate.complete_key, opened.terms.dataset, opened.terms.standard)
        rows = [_row_from_pb(record, complete(record.body)) for record in chunk.records]
        return check_chunk(
            self.parts,
            opened.terms,
            Chunk(
                chunk.after_position,
                chunk.upto_position,
                rows,
                [_refused_from_pb(refused) for refused in chunk.refused],
                chunk.cursor,
                chunk.mapping,
                chunk.reread,
            ),
        )


async def _chunks(requests: AsyncIterator[node_pb2.SubmitRequest]) -> AsyncIterator[node_pb2.SubmitRequest.Chunk]:
    async for request in requests:
        if request.WhichOneof("kind") != "chunk":
            raise Malformed("after the opening a Submit stream holds chunks only")
        yield request.chunk


def _row_from_pb(record: node_pb2.SubmitRequest.Record, body: bytes) -> SubmittedRow:
    normalisations = tuple(record.normalisations)
    return SubmittedRow(record.position, body, record.content, normalisations, record.mends_rejection)


def _refused_from_pb(refused: node_pb2.SubmitRequest.RefusedRow) -> LocalRejection:
    violation = Violation(refused.field_path, refused.rule_id, refused.reason)
    return LocalRejection(refused.position, refused.column, violation, refused.key, refused.mends_rejection)


def _submitted(chunk: Chunk, submitted: Submitted) -> node_pb2.SubmitResponse:
    """Answer a chunk: with the rows that this node refused, not with those that its caller did."""
    refused = submitted.rejected[len(chunk.rejected) :]
    return node_pb2.SubmitResponse(
        submitted=node_pb2.SubmitResponse.Submitted(
            position=chunk.upto_position,
            submitted=submitted.records,
            rejections=[rejection_to_pb(Rejection(one.position, one.violation)) for one in refused],
        )
    )


def _last_run(tx: Transaction, name: StreamName, prefix: str) -> Source | None:
    stream = tx.stream(name, Direction.OUTBOUND)
    runs = tx.sources(stream.id, prefix) if stream else ()
    return runs[-1] if runs else None


def _source_progress(tx: Transaction, name: StreamName, source_name: str) -> tuple[Stream, SourceProgress, bool]:
    stream = tx.stream(name, Direction.OUTBOUND)
    source = tx.source(stream.id, source_name) if stream else None
    if stream is None or source is None:
        raise NotFound(f"no source of that name was submitted to {name}")
    partner = tx.partner(name.to_city)
    paused = partner is not None and partner.state is PartnerState.PAUSED
    return stream, tx.source_progress(source.id), paused


def _watch_answer(
    stream: Stream, progress: SourceProgress, last_error: str, *, paused: bool
) -> node_pb2.WatchSourceResponse:
    state, reason = state_told(stream, paused=paused)
    return node_pb2.WatchSourceResponse(
        submitted=progress.submitted,
        acknowledged=progress.acknowledged,
        rejected=progress.rejected,
        pending=progress.pending,
        void=progress.void,
        state=state,
        state_reason=reason or last_error,
    )
