"""Records and batches: the unit of sending, signing and receipting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.domain.stream import StreamName


class Record(NamedTuple):
    """One record on the wire; both empty once the payload is deleted, or when it was rejected.

    Attributes:
        salt: 16 random bytes, so that the leaf says nothing about the body.
        body: Serialised ``RecordBody`` through the payload codec, verbatim.
    """

    salt: bytes
    body: bytes


class Signed(NamedTuple):
    """Bytes with a signature over ``tag ‖ content`` (see `services.domain.tags`)."""

    content: bytes
    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What a sender signs for a batch (``yrdx.exchange.v1.BatchHeader``, same meanings)."""

    hash_algorithm: str
    stream: StreamName
    epoch: int
    agreement_id: str
    agreement_version: int
    standard: str
    first_sequence: int
    record_count: int
    root: bytes
    previous_hash: bytes
    sealed_time: datetime

    @property
    def last_sequence(self) -> int:
        """Sequence of the batch's last record."""
        return self.first_sequence + self.record_count - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it is sent.

    Attributes:
        header: What ``signed_header.content`` says.
        signed_header: The header's bytes, verbatim, with the sender's signature.
        records: As many as the header says.
        original_receipt: In a replay to a restored receiver: the receipt it once issued.
    """

    header: BatchHeader
    signed_header: Signed
    records: Sequence[Record]
    original_receipt: Signed | None = None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A sealed (outbound) or applied (inbound) batch without its payload.

    Attributes:
        id: Row id, 0 before it is stored.
        stream_id: Row id of its stream.
        epoch: Epoch.
        first_sequence: First sequence.
        record_count: Records.
        header_hash: The batch's identity, 32 bytes.
        signed_header: Header with the sender's signature.
        leaves: Leaf digests, 32 bytes each, in sequence; kept for ever.
        receipt: The receiver's signed receipt; None while an outbound batch is not acknowledged.
    """

    id: int
    stream_id: int
    epoch: int
    first_sequence: int
    record_count: int
    header_hash: bytes
    signed_header: Signed
    leaves: bytes
    receipt: Signed | None = None

    @property
    def last_sequence(self) -> int:
        """Sequence of the batch's last record."""
        return self.first_sequence + self.record_count - 1
