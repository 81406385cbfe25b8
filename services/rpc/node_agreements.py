"""NodeService: what was agreed."""

from __future__ import annotations

import asyncio
from functools import partial

from services.domain.agreement import Agreement
from services.domain.errors import Conflict, Malformed
from services.exchange.deliver import written
from services.exchange.standards import spoken_standard
from services.ports.store import Transaction
from services.rpc.approvals import Granting, agreement_digest
from services.rpc.node_desk import Context
from services.wire.agreements import agreement_from_pb, agreement_to_pb
from yrdx.node.v1 import node_pb2


class Agreements(Granting):
    """What was agreed."""

    async def ImportAgreement(  # noqa: N802 - gRPC's name
        self, request: node_pb2.ImportAgreementRequest, context: Context
    ) -> node_pb2.ImportAgreementResponse:
        """Store one version of an agreement."""
        agreement = agreement_from_pb(request.agreement)
        self._require_possible(agreement)
        if agreement not in await asyncio.to_thread(self.store.read, lambda tx: tx.agreements()):
            await self._grant("agreement", agreement.id, agreement_digest(agreement), request.approvals)
        created = await written(self.store.write(partial(_put_agreement, agreement=agreement)))
        self.host.wake_all()
        stream = "" if agreement.mode == "lookup" else str(agreement.stream)
        return node_pb2.ImportAgreementResponse(stream=stream, created=created)

    async def ListAgreements(  # noqa: N802
        self, request: node_pb2.ListAgreementsRequest, context: Context
    ) -> node_pb2.ListAgreementsResponse:
        """Return every version of every agreement."""
        agreements = await asyncio.to_thread(self.store.read, lambda tx: tx.agreements())
        return node_pb2.ListAgreementsResponse(agreements=[agreement_to_pb(a) for a in agreements])

    def _require_possible(self, agreement: Agreement) -> None:
        if self.parts.city not in (agreement.provider, agreement.consumer):
            raise Malformed(f"the agreement is between {agreement.provider} and {agreement.consumer}, not this city")
        if agreement.provider == agreement.consumer:
            raise Malformed("provider and consumer are the same city")
        if agreement.mode == "pull":
            raise Malformed('mode "pull" is not served by this version: agree on "push"')
        indispensable = self.parts.gate.indispensable(agreement.dataset, spoken_standard(self.parts.gate, agreement))
        if agreement.mode != "lookup" and not agreement.allows(indispensable):
            missing = indispensable - set(agreement.fields)
            raise Malformed(f"fields lacks {', '.join(sorted(missing))}: without these every record would be refused")


def _put_agreement(tx: Transaction, agreement: Agreement) -> bool:
    for present in tx.agreements():
        if (present.id, present.version) == (agreement.id, agreement.version):
            if present != agreement:
                raise Conflict(
                    f"{present.id} version {present.version} stands here with another content: raise its version"
                )
            return False
    tx.put_agreement(agreement)
    return True
