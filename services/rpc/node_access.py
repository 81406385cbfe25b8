"""NodeService: who asked what, and what it came to."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from services.domain.access import Access
from services.ports.store import Transaction
from services.rpc.node_desk import Context, NodeDesk
from services.wire.times import time_from_pb, time_to_pb
from yrdx.node.v1 import node_pb2

PAGE_ACCESSES: Final = 1_000


class AccessDesk(NodeDesk):
    """Reads the access log to auditors. A person is asked about by number; the log itself names nobody."""

    async def ListAccesses(  # noqa: N802 - gRPC's name
        self, request: node_pb2.ListAccessesRequest, context: Context
    ) -> node_pb2.ListAccessesResponse:
        """Return a page of accesses."""
        found = await asyncio.to_thread(self.store.read, partial(self._accesses, request=request))
        return node_pb2.ListAccessesResponse(accesses=map(_to_pb, found))

    def _accesses(self, tx: Transaction, request: node_pb2.ListAccessesRequest) -> list[Access]:
        subject = self.host.pseudonym(list(request.subject)) if request.subject else None
        since = time_from_pb(request.since_time) if request.HasField("since_time") else None
        limit = request.page_size or PAGE_ACCESSES
        return list(tx.accesses(after_id=request.after_id, limit=limit, subject=subject, since=since))


def _to_pb(access: Access) -> node_pb2.ListAccessesResponse.Access:
    return node_pb2.ListAccessesResponse.Access(
        id=access.id,
        access_time=time_to_pb(access.time),
        side=access.side.value,
        asked_city=access.asked_city,
        caller_city=access.caller_city,
        caller=access.caller,
        question=access.question,
        agreement_id=access.agreement_id,
        agreement_version=access.agreement_version,
        purpose=access.purpose,
        legal_basis=access.legal_basis,
        request_id=access.request_id,
        clerk_reference=access.clerk_reference,
        subject=access.subject,
        outcome=access.outcome,
    )
