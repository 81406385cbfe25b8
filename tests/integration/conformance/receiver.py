"""A small receiver of another make: one partner, one agreement, a journal on disk. Sound; `faults` are made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from services.domain import errors, merkle
from services.domain.batch import Record
from services.domain.tags import BATCH, OPENING, POSITION
from services.node.conformance.sender import SHA256
from services.wire.batches import limits_to_pb
from services.wire.contract import parse_content, verify_rules
from services.wire.status import DETAILS_KEY, grpc_code, status_of
from tests.integration.conformance.promises import LIMITS, Promises, now
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc


class Receiver(Promises, exchange_pb2_grpc.ExchangeServiceServicer):
    """Serves one partner by the protocol."""

    def Describe(self, request: Any, context: Any) -> exchange_pb2.DescribeResponse:  # noqa: N802 - gRPC's name
        """Say who this is."""
        with _told(context):
            self.admit(_leaf(context))
            agreement = exchange_pb2.DescribeResponse.Agreement(
                **{name: getattr(self.agreement, name) for name in ("id", "version", "provider", "consumer")},
                dataset=self.agreement.dataset,
                standard=self.agreement.standard,
            )
            return exchange_pb2.DescribeResponse(
                city=self.city,
                software="double",
                datasets=[exchange_pb2.DescribeResponse.Dataset(name=self.agreement.dataset, standards=["1"])],
                agreements=[agreement],
                limits=limits_to_pb(LIMITS),
                node_time=now(),
            )

    def Deliver(self, request_iterator: Any, context: Any) -> Iterator[exchange_pb2.DeliverResponse]:  # noqa: N802
        """Take an opening, then batches."""
        with _told(context):
            self.admit(_leaf(context))
            yield exchange_pb2.DeliverResponse(position=self._opened(next(request_iterator, None)))
            for request in request_iterator:
                with self.lock:
                    answer = self._acknowledged(request)
                yield exchange_pb2.DeliverResponse(acknowledgement=answer)

    def ListReceipts(self, request: Any, context: Any) -> exchange_pb2.ListReceiptsResponse:  # noqa: N802
        """Return receipts again."""
        with _told(context):
            self.admit(_leaf(context))
            if request.stream != str(self.agreement.stream):
                raise errors.NotPermitted("another city's stream")
            found = [
                one
                for one in sorted(self.applied, key=lambda one: one.header.first_sequence)
                if one.header.epoch == request.epoch and one.header.first_sequence > request.after_sequence
            ]
            page = found[: request.page_size or 2]
            is_full = request.view == exchange_pb2.BATCH_VIEW_FULL
            batches = [one.evidence if is_full else _brief(one.evidence) for one in page]
            return exchange_pb2.ListReceiptsResponse(batches=batches, more=len(found) > len(page))

    def _opened(self, request: exchange_pb2.DeliverRequest | None) -> exchange_pb2.Signed:
        if request is None or verify_rules(request).WhichOneof("kind") != "opening":
            raise errors.Malformed("an opening comes first")
        self.verify(OPENING, request.opening)
        opening = parse_content(exchange_pb2.Opening, request.opening.content)
        if opening.stream.split("/")[:2] != [self.partner.city, self.city]:
            raise errors.NotPermitted("not the caller's stream to here")
        self._agreed(opening, datetime.now(UTC))
        with self.lock:
            self._enter(opening)
            answer = exchange_pb2.Position(
                stream=opening.stream,
                position=self.position,
                opening_hash=SHA256(OPENING + request.opening.content),
                answered_time=now(),
            )
        return self.key.sign(POSITION, answer)

    def _enter(self, opening: exchange_pb2.Opening) -> None:
        if opening.epoch <= self.position.epoch:
            return
        if opening.epoch != self.position.epoch + 1 or opening.closed != self.position:
            raise errors.EpochUnknown("it does not continue where this stands")
        self.commit("closed", content := self.position.SerializeToString())
        self.remember("closed", content)

    def _agreed(self, said: Any, at: datetime) -> None:
        agreement = self.agreement
        named = (said.stream, said.agreement_id, said.agreement_version)
        if named != (str(agreement.stream), agreement.id, agreement.version) or not agreement.in_force(at):
            raise errors.AgreementMissing("no such agreement")
        if said.standard != agreement.standard:
            raise errors.StandardIncompatible("no such standard")

    def _acknowledged(self, request: exchange_pb2.DeliverRequest) -> exchange_pb2.Acknowledgement:
        if verify_rules(request).WhichOneof("kind") != "batch":
            raise errors.Malformed("batches follow")
        batch = request.batch
        header = parse_content(exchange_pb2.BatchHeader, batch.header.content)
        if header.stream != str(self.agreement.stream):
            raise errors.Malformed("another stream than was opened")
        self._agreed(header, header.sealed_time.ToDatetime(UTC))
        if len(batch.records) != header.record_count:
            raise errors.Malformed("another count")
        self.verify_size(batch.records)
        self.verify(BATCH, batch.header)
        leaves = merkle.record_leaves(header.first_sequence, [Record(r.salt, r.body) for r in batch.records], SHA256)
        self.verify_root(header.root, leaves)
        if header.hash_algorithm != exchange_pb2.HASH_ALGORITHM_SHA256:
            raise errors.Malformed("another algorithm")
        receipt = self._former(header, batch) or self._apply(header, batch, leaves)
        return exchange_pb2.Acknowledgement(watermark=self.position.watermark, receipt=receipt)

    def _former(self, header: exchange_pb2.BatchHeader, batch: exchange_pb2.Batch) -> exchange_pb2.Signed | None:
        position = self.position
        if header.epoch > position.epoch:
            raise errors.EpochUnknown("not begun")
        for one in self.applied:
            if one.header.epoch == header.epoch and one.header.first_sequence <= header.first_sequence <= one.last:
                if one.hash == SHA256(BATCH + batch.header.content):
                    return self.again(one)
                signed: exchange_pb2.Signed | None = self.contradicted(one, header, batch)
                return signed
        if header.epoch < position.epoch:
            raise errors.EpochClosed("closed")
        return None

    def _apply(
        self, header: exchange_pb2.BatchHeader, batch: exchange_pb2.Batch, leaves: Sequence[bytes]
    ) -> exchange_pb2.Signed:
        self.verify_next(header, self.position)
        found = self.judge(header, batch.records)
        evidence = exchange_pb2.ReceiptedBatch(
            header=batch.header,
            receipt=self.receipt(header, batch, found),
            leaves=b"".join(leaves),
            records=[exchange_pb2.Record() if place in found else one for place, one in enumerate(batch.records)],
        )
        self.remember("batch", content := evidence.SerializeToString())
        self.commit("batch", content)
        return evidence.receipt


@contextmanager
def _told(context: Any) -> Iterator[None]:
    """End a call as its error says."""
    try:
        yield
    except errors.ExchangeError as error:
        status = status_of(error)
        context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
        context.abort(grpc_code(status), status.message)


def _leaf(context: Any) -> bytes:
    leaf: bytes = context.auth_context()["x509_pem_cert"][0]
    return leaf


def _brief(evidence: exchange_pb2.ReceiptedBatch) -> exchange_pb2.ReceiptedBatch:
    return exchange_pb2.ReceiptedBatch(header=evidence.header, receipt=evidence.receipt)
