"""NodeService: where a record that was sent comes from."""

from __future__ import annotations

import asyncio
from functools import partial

from services.domain.errors import NotFound
from services.domain.outbox import Lineage
from services.domain.stream import Direction, StreamName
from services.ports.store import Transaction
from services.rpc.exchange_service import stream_name
from services.rpc.node_desk import Context, NodeDesk
from services.wire.times import time_to_pb
from yrdx.node.v1 import node_pb2


class LineageDesk(NodeDesk):
    """Answers a partner's question about one record: which row of which file was that?"""

    async def GetLineage(  # noqa: N802 - gRPC's name
        self, request: node_pb2.GetLineageRequest, context: Context
    ) -> node_pb2.GetLineageResponse:
        """Return where a record comes from."""
        find = partial(_lineage, name=stream_name(request.stream), epoch=request.epoch, sequence=request.sequence)
        epoch, found = await asyncio.to_thread(self.store.read, find)
        return node_pb2.GetLineageResponse(
            epoch=epoch,
            source=found.source,
            file=found.source_label,
            row=found.position,
            mapping=found.mapping,
            normalisations=found.normalisations,
            submitted_time=time_to_pb(found.submitted_time),
        )


def _lineage(tx: Transaction, name: StreamName, epoch: int, sequence: int) -> tuple[int, Lineage]:
    """Find a record; epoch 0 is the present one.

    Raises:
        NotFound: No such stream goes out from here, or no batch holds the sequence.
    """
    stream = tx.stream(name, Direction.OUTBOUND)
    if stream is None:
        raise NotFound(f"nothing was ever sent on {name}: `yrdx outbox ls` lists streams")
    epoch = epoch or stream.sealed.epoch
    batch = tx.batch_covering(stream.id, epoch, sequence)
    if batch is None:
        raise NotFound(f"{name} sent no record with sequence {sequence} in epoch {epoch}")
    return epoch, tx.lineage(batch, sequence)
