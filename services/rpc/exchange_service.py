"""ExchangeService: what partners' gateways call. Bytes in, use case, bytes out; no decision is made here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from services import __version__
from services.domain.agreement import Agreement
from services.domain.batch import Batch, BatchHeader
from services.domain.errors import Malformed, Stopping
from services.domain.stream import StreamName
from services.domain.tags import BUNDLE_ACK
from services.exchange.accept import Reception
from services.exchange.ahead import until_set
from services.exchange.apply import Applied
from services.exchange.deliver import written
from services.exchange.history import receipted_batches
from services.exchange.open import require_live_partner
from services.exchange.parts import Parts
from services.exchange.quota import Quotas
from services.ports.host import Host
from services.ports.store import Store, Transaction
from services.rpc.callers import current_caller
from services.rpc.counting import count_records
from services.rpc.live import under_agreement
from services.rpc.node_desk import Context
from services.rpc.partner_bundles import read_offered, take_offered
from services.wire.batches import batch_from_pb, receipted_to_pb, signed_from_pb, signed_to_pb
from services.wire.times import time_to_pb
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc

_log = structlog.get_logger("yrdx.exchange")

STOPPING_RETRY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ExchangeServicer(exchange_pb2_grpc.ExchangeServiceServicer):
    """Serves partners.

    Attributes:
        parts: Ports.
        store: Store.
        quotas: Quotas of all agreements.
        host: The running node around it.
        stopping: Set when the node stops: open streams end after the batches that were read.
        applied: Told of each batch that was answered, for logs and metrics.
    """

    parts: Parts
    store: Store
    quotas: Quotas
    host: Host
    stopping: asyncio.Event
    applied: Callable[[BatchHeader, Applied], None]

    async def Describe(  # noqa: N802 - gRPC's name
        self, request: exchange_pb2.DescribeRequest, context: Context
    ) -> exchange_pb2.DescribeResponse:
        """Say who this node is, and which agreements it holds with the caller."""
        city = current_caller().identity.city
        agreements = await asyncio.to_thread(self.store.read, partial(_agreements_with, city=city))
        limits = self.parts.limits
        return exchange_pb2.DescribeResponse(
            city=self.parts.city,
            software=__version__,
            datasets=[
                exchange_pb2.DescribeResponse.Dataset(name=name, standards=list(standards))
                for name, standards in self.parts.gate.datasets.items()
            ],
            agreements=[_agreement_to_pb(agreement) for agreement in agreements],
            limits=exchange_pb2.DescribeResponse.Limits(
                batch_records_max=limits.batch_records_max,
                batch_bytes_max=limits.batch_bytes_max,
                record_bytes_max=limits.record_bytes_max,
                batches_in_flight_max=limits.batches_in_flight_max,
            ),
            node_time=time_to_pb(self.parts.clock.now()),
            keystore_generation=self.host.generation,
            keystore_fingerprint=self.host.fingerprint,
        )

    async def Deliver(  # noqa: N802
        self, request_iterator: AsyncIterator[exchange_pb2.DeliverRequest], context: Context
    ) -> AsyncIterator[exchange_pb2.DeliverResponse]:
        """Take an opening, then batches, and acknowledge each once it is on disk."""
        reception = Reception(self.parts, self.store, self.quotas, current_caller().identity.city, self._applied)
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("kind") != "opening":
            raise Malformed("a Deliver stream begins with an opening")
        answer = await reception.open(signed_from_pb(first.opening))
        opening = self.parts.contents.opening_from_bytes(first.opening.content)
        under_agreement(opening.agreement_id, await asyncio.to_thread(self.store.read, _revoked_agreements))
        yield exchange_pb2.DeliverResponse(position=signed_to_pb(answer))
        batches = self._batches(until_set(requests, self.stopping))
        async for watermark, receipt in reception.acknowledge(batches):
            yield exchange_pb2.DeliverResponse(
                acknowledgement=exchange_pb2.Acknowledgement(watermark=watermark, receipt=signed_to_pb(receipt))
            )
        if self.stopping.is_set():
            raise Stopping("the node is stopping: open the stream again", retry_after_s=STOPPING_RETRY_S)

    async def ListReceipts(  # noqa: N802
        self, request: exchange_pb2.ListReceiptsRequest, context: Context
    ) -> exchange_pb2.ListReceiptsResponse:
        """Return receipts of the caller's own stream again."""
        page = partial(
            _receipts_page,
            name=stream_name(request.stream),
            caller_city=current_caller().identity.city,
            request=request,
        )
        batches, more = await asyncio.to_thread(self.store.read, page)
        return exchange_pb2.ListReceiptsResponse(batches=batches, more=more)

    async def OfferBundle(  # noqa: N802
        self, request: exchange_pb2.OfferBundleRequest, context: Context
    ) -> exchange_pb2.OfferBundleResponse:
        """Take a later version of the caller's own bundle; the acknowledgement is signed once it is in use."""
        city, signed = current_caller().identity.city, read_offered(request.bundle, now=self.parts.clock.now())
        work = partial(take_offered, city=city, signed=signed, host=self.host)
        await written(self.store.write(work))
        await self.host.trust_changed()
        _log.info("bundle.taken", city=city, version=signed.bundle.version)
        acknowledgement = exchange_pb2.BundleAcknowledgement(
            city=self.parts.city,
            bundle_city=city,
            version=signed.bundle.version,
            digest=bytes.fromhex(signed.digest),
            acknowledged_time=time_to_pb(self.parts.clock.now()),
        )
        answer = self.parts.signer.sign(BUNDLE_ACK, acknowledgement.SerializeToString(deterministic=True))
        return exchange_pb2.OfferBundleResponse(acknowledgement=signed_to_pb(answer))

    def _applied(self, header: BatchHeader, applied: Applied) -> None:
        count_records(header.record_count)
        self.applied(header, applied)

    async def _batches(self, requests: AsyncIterator[exchange_pb2.DeliverRequest]) -> AsyncIterator[Batch]:
        async for request in requests:
            if request.WhichOneof("kind") != "batch":
                raise Malformed("after the opening a Deliver stream holds batches only")
            yield batch_from_pb(request.batch, self.parts.contents)


def _revoked_agreements(tx: Transaction) -> frozenset[str]:
    return tx.revoked_agreements()


def stream_name(text: str) -> StreamName:
    """Parse a stream's name from a request.

    Raises:
        Malformed: It has another shape.
    """
    try:
        return StreamName.parse(text)
    except ValueError as error:
        raise Malformed(str(error)) from error


def _receipts_page(
    tx: Transaction, name: StreamName, caller_city: str, request: exchange_pb2.ListReceiptsRequest
) -> tuple[list[exchange_pb2.ReceiptedBatch], bool]:
    require_live_partner(tx, caller_city)
    found, more = receipted_batches(
        tx,
        name,
        caller_city,
        request.epoch,
        after_sequence=request.after_sequence,
        page_size=request.page_size,
        full=request.view == exchange_pb2.BATCH_VIEW_FULL,
    )
    return [receipted_to_pb(batch) for batch in found], more


def _agreements_with(tx: Transaction, city: str) -> list[Agreement]:
    return [a for a in tx.agreements() if city in (a.provider, a.consumer)]


def _agreement_to_pb(agreement: Agreement) -> exchange_pb2.DescribeResponse.Agreement:
    return exchange_pb2.DescribeResponse.Agreement(
        id=agreement.id,
        version=agreement.version,
        provider=agreement.provider,
        consumer=agreement.consumer,
        dataset=agreement.dataset,
        standard=agreement.standard,
        mode=agreement.mode,
    )
