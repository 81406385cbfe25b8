"""NodeService: refused rows of both cities."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from services.domain.errors import NotFound
from services.domain.rejection import RejectedRow
from services.domain.stream import Direction, StreamName
from services.exchange.deliver import written
from services.ports.store import Transaction
from services.rpc.node_desk import Context, NodeDesk
from services.wire.times import time_to_pb
from yrdx.node.v1 import node_pb2

PAGE_REJECTIONS: Final = 1_000


class RejectionsDesk(NodeDesk):
    """Lists refused rows and closes them."""

    async def ListRejections(  # noqa: N802 - gRPC's name
        self, request: node_pb2.ListRejectionsRequest, context: Context
    ) -> node_pb2.ListRejectionsResponse:
        """Return refused rows."""
        rows = await asyncio.to_thread(self.store.read, partial(self._rejections, request=request))
        return node_pb2.ListRejectionsResponse(rejections=[_rejected_to_pb(row) for row in rows])

    async def CloseRejection(  # noqa: N802
        self, request: node_pb2.CloseRejectionRequest, context: Context
    ) -> node_pb2.CloseRejectionResponse:
        """Close one by an operator's word."""
        now = self.parts.clock.now()
        work = partial(_close, rejection_id=request.id)
        closed = await written(
            self.store.write(lambda tx: work(tx) and tx.close_rejection(request.id, reason=request.reason, now=now))
        )
        return node_pb2.CloseRejectionResponse(closed=closed)

    def _rejections(self, tx: Transaction, request: node_pb2.ListRejectionsRequest) -> Sequence[RejectedRow]:
        source_id = None
        if request.source:
            name = StreamName(self.parts.city, request.to_city, request.dataset)
            stream = tx.stream(name, Direction.OUTBOUND)
            source = tx.source(stream.id, request.source) if stream else None
            if source is None:
                raise NotFound(f"no source of that name was submitted to {name}")
            source_id = source.id
        limit = request.page_size or PAGE_REJECTIONS
        return tx.rejected_rows(
            after_id=request.after_id, limit=limit, source_id=source_id, open_only=request.open_only
        )


def _close(tx: Transaction, rejection_id: int) -> bool:
    """Make sure that a rejection exists.

    Raises:
        NotFound: It does not.
    """
    found = tx.rejected_rows(after_id=rejection_id - 1, limit=1)
    if not found or found[0].id != rejection_id:
        raise NotFound(f"there is no rejection {rejection_id}: `yrdx rejections ls` lists them")
    return True


def _rejected_to_pb(row: RejectedRow) -> node_pb2.ListRejectionsResponse.RejectedRecord:
    closed = row.closed
    return node_pb2.ListRejectionsResponse.RejectedRecord(
        id=row.id,
        stream=row.stream,
        rejected_by=row.by.value,
        epoch=row.epoch,
        sequence=row.sequence,
        source=row.source,
        file=row.source_label,
        row=row.position,
        column=row.column,
        field_path=row.violation.field_path,
        rule_id=row.violation.rule_id,
        reason=row.violation.reason,
        rejected_time=time_to_pb(row.rejected_time),
        closed_time=time_to_pb(closed.time) if closed else None,
        closed_by_file=closed.source_label if closed else "",
        closed_by_row=closed.position if closed else 0,
        closed_reason=closed.reason if closed else "",
        key=row.key,
    )
