"""What a receiver promises, a method for each: `faults` are receivers that break one."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
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
from services.domain.limits import Limits
from services.domain.receipt import Violation
from services.domain.stream import GENESIS
from services.domain.tags import BATCH, CONFLICT, RECEIPT
from services.node.conformance.sender import SHA256, Key
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate
from yrdx.exchange.v1 import exchange_pb2
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
class Promises:
    """A receiver's state, and what it promises, each in a method of its own.

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
            refused_time=now(),
        )
        raise errors.ContentConflict("another content", self.key.sign(CONFLICT, statement).SerializeToString())

    def commit(self, kind: str, content: bytes) -> None:
        """Write to disk what happened."""
        with self.journal.open("a", encoding="ascii") as file:
            file.write(json.dumps([kind, base64.b64encode(content).decode()]) + "\n")
            file.flush()
            os.fsync(file.fileno())

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
            received_time=now(),
        )
        return self.key.sign(RECEIPT, receipt)

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


def now() -> Timestamp:
    """Return the present time."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
