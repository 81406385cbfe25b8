"""A small receiver of another make: one partner, one agreement, a journal on disk. Sound; `faults` are made from it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from certs.bundle import CityBundle
from certs.errors import CertificateRefused, SignatureRefused
from certs.identity import Identity
from certs.verification import CallerVerifier
from services.domain import errors, merkle
from services.domain.agreement import Agreement
from services.domain.batch import Record
from services.domain.limits import Limits
from services.domain.receipt import Violation
from services.domain.stream import GENESIS
from services.domain.tags import BATCH, CONFLICT, OPENING, POSITION, RECEIPT
from services.node.conformance.sender import SHA256, Key
from services.wire.batches import limits_to_pb
from services.wire.contract import parse_content, verify_rules
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate
from services.wire.status import DETAILS_KEY, grpc_code, status_of
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc
from yrdx.exchange.v1.exchange_pb2 import StreamPosition
from yrdx.types.v1 import types_pb2

LIMITS: Final = Limits()


@dataclass
class Applied:
    """A batch that was applied.

    Attributes:
        header: What its header says.
        hash: Its identity.
        evidence: Signed header, receipt, leaves, and the records that were accepted.
    """

    header: exchange_pb2.BatchHeader
    hash: bytes
    evidence: exchange_pb2.ReceiptedBatch

    @property
    def last(self) -> int:
        """Its last sequence."""
        return self.header.first_sequence + self.header.record_count - 1


@dataclass
class Receiver(exchange_pb2_grpc.ExchangeServiceServicer):
    """Serves one partner.

    Attributes:
        city: Its own city.
        key: Signs.
        partner: The only city that it knows.
        agreement: What it takes from there.
        journal: File that it commits to.
    """

    city: str
    key: Key
    partner: CityBundle
    agreement: Agreement
    journal: Path
    applied: list[Applied] = field(default_factory=list)
    closed: list[StreamPosition] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        """Read the journal."""
        self.gate = ContractGate(load_datasets(), record_bytes_max=LIMITS.record_bytes_max)
        self.callers = CallerVerifier({self.partner.city: self.partner.roots})
        for line in self.journal.read_text(encoding="ascii").splitlines() if self.journal.exists() else ():
            kind, content = json.loads(line)
            self.remember(kind, base64.b64decode(content))

    # What a fault replaces.

    def admit(self, pem: bytes) -> Identity:
        """Return who is calling."""
        try:
            identity = self.callers.verify(pem, now=datetime.now(UTC))
        except CertificateRefused as error:
            raise errors.Unauthenticated(str(error)) from error
        if identity.role != "gateway":
            raise errors.NotPermitted("gateways alone call here")
        return identity

    def verify(self, tag: bytes, signed: exchange_pb2.Signed) -> None:
        """Verify a signature of the partner's."""
        key = self.partner.signing_key(signed.key_id)
        try:
            if key is None:
                raise errors.SignatureInvalid("no such key")
            key.verify(signed.signature, tag + signed.content)
        except SignatureRefused as error:
            raise errors.SignatureInvalid(str(error)) from error

    def verify_root(self, root: bytes, leaves: Sequence[bytes]) -> None:
        """Compare a root."""
        if merkle.root(leaves, SHA256) != root:
            raise errors.RootInvalid("another root")

    def verify_size(self, records: Sequence[Any]) -> None:
        """Hold a batch against the limits."""
        size = sum(len(one.salt) + len(one.body) for one in records)
        if len(records) > LIMITS.batch_records_max or size > LIMITS.batch_bytes_max:
            raise errors.TooLarge("over the limits")

    def verify_next(self, header: exchange_pb2.BatchHeader, position: StreamPosition) -> None:
        """Make sure that a batch continues the stream."""
        if header.first_sequence > position.watermark + 1:
            raise errors.SequenceGap(position.watermark + 1)
        if header.previous_hash != position.head:
            raise errors.HeadMismatch("another head")

    def judge(self, header: exchange_pb2.BatchHeader, records: Sequence[Any]) -> dict[int, Violation]:
        """Return what is wrong with which record, by its place."""
        bodies = [one.body for one in records]
        verdicts = self.gate.check(self.agreement.dataset, self.agreement.standard, bodies)
        found = {place: one for place, one in enumerate(verdicts) if isinstance(one, Violation)}
        found |= {place: Violation("", "record.salt", "-") for place, one in enumerate(records) if len(one.salt) != 16}
        return found | self._superseded(header, bodies, found)

    def again(self, applied: Applied) -> exchange_pb2.Signed:
        """Return what a duplicate is answered."""
        return applied.evidence.receipt

    def contradicted(self, applied: Applied, header: exchange_pb2.BatchHeader, batch: exchange_pb2.Batch) -> Any:
        """Refuse another content for an applied range."""
        statement = exchange_pb2.Conflict(
            stream=str(self.agreement.stream),
            applied_header=applied.evidence.header,
            offered_header=batch.header,
            refused_time=_now(),
        )
        raise errors.ContentConflict("another content", self.key.sign(CONFLICT, statement).SerializeToString())

    def commit(self, kind: str, content: bytes) -> None:
        """Write to disk what happened."""
        with self.journal.open("a", encoding="ascii") as file:
            file.write(json.dumps([kind, base64.b64encode(content).decode()]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    # The rest of the protocol.

    def remember(self, kind: str, content: bytes) -> None:
        """Take over what happened."""
        if kind == "closed":
            self.closed.append(StreamPosition.FromString(content))
            return
        evidence = exchange_pb2.ReceiptedBatch.FromString(content)
        header = exchange_pb2.BatchHeader.FromString(evidence.header.content)
        self.applied.append(Applied(header, SHA256(BATCH + evidence.header.content), evidence))

    @property
    def position(self) -> StreamPosition:
        """Where the stream stands."""
        epoch = self.closed[-1].epoch + 1 if self.closed else 1
        watermark = max((one.last for one in self.applied if one.header.epoch == epoch), default=0)
        return StreamPosition(epoch=epoch, watermark=watermark, head=self.applied[-1].hash if self.applied else GENESIS)

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
                node_time=_now(),
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
                answered_time=_now(),
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

    def receipt(
        self, header: exchange_pb2.BatchHeader, batch: exchange_pb2.Batch, found: dict[int, Violation]
    ) -> exchange_pb2.Signed:
        """Sign a receipt."""
        receipt = exchange_pb2.Receipt(
            **{name: getattr(header, name) for name in ("stream", "epoch", "first_sequence", "record_count")},
            header_hash=SHA256(BATCH + batch.header.content),
            accepted_count=header.record_count - len(found),
            rejections=[
                exchange_pb2.Rejection(
                    sequence=header.first_sequence + place,
                    field_path=found[place].field_path,
                    rule_id=found[place].rule_id,
                    reason=found[place].reason,
                )
                for place in sorted(found)
            ],
            received_time=_now(),
        )
        return self.key.sign(RECEIPT, receipt)

    def _superseded(
        self, header: exchange_pb2.BatchHeader, bodies: Sequence[bytes], found: dict[int, Violation]
    ) -> dict[int, Violation]:
        mending = {
            place: body
            for place, content in enumerate(bodies)
            if place not in found and (body := types_pb2.RecordBody.FromString(content)).mends
        }
        return {
            place: Violation("", "mends.superseded", "-")
            for place, body in mending.items()
            if self._has_newer(header.epoch, body.key, body.mends)
        }

    def _has_newer(self, epoch: int, key: bytes, sequence: int) -> bool:
        accepted = (
            (one.header.first_sequence + place, types_pb2.RecordBody.FromString(record.body).key)
            for one in self.applied
            if one.header.epoch == epoch
            for place, record in enumerate(one.evidence.records)
            if record.body
        )
        return any(found == key and at > sequence for at, found in accepted)


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


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
