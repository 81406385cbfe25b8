"""Verify: a received batch is held against everything that needs no store, before its turn to be applied comes.

Whatever is wrong inside a record is a verdict, from which its rejection in the receipt is made; only header,
signature, root and size are errors. This is where receiving costs processor time, and nothing here waits for a disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.domain import merkle
from services.domain.batch import Batch, BatchHeader
from services.domain.course import Move
from services.domain.errors import Malformed, NotPermitted, Rejected, RootInvalid, TooLarge
from services.domain.receipt import Violation
from services.domain.tags import BATCH
from services.exchange.cases import moves_of
from services.exchange.parts import Parts
from services.exchange.standards import is_ahead
from services.ports.gate import Passed

UNDECODABLE: Final = Violation("", "record.codec", "记录无法解码 (the payload codec cannot decode the record)")
_WRONG_SALT: Final = Violation("", "record.salt", "盐值须为 16 字节 (the salt must have 16 bytes)")


@dataclass(frozen=True, slots=True)
class VerifiedBatch:
    """A batch whose signature and root verify, with the gate's verdict on each record.

    Attributes:
        batch: As sent.
        header_hash: The batch's identity.
        leaves: Leaves, 32 bytes each.
        verdicts: One per record.
        held: Its standard is a compatible addition that is not known here yet: nobody reads it before it is.
        moves: By sequence, what records that passed say of cases; those of a held batch say it when it is released.
    """

    batch: Batch
    header_hash: bytes
    leaves: bytes
    verdicts: Sequence[Passed | Violation]
    held: bool
    moves: Mapping[int, Move]

    @property
    def header(self) -> BatchHeader:
        """The batch's header."""
        return self.batch.header


def verify_batch(parts: Parts, batch: Batch, caller_city: str, fields: Sequence[str]) -> VerifiedBatch:
    """Verify everything about a batch that needs no store.

    Args:
        parts: Ports.
        batch: As received.
        caller_city: City that the connection proved.
        fields: Fields that the agreement lets through.

    Raises:
        NotPermitted: The batch is not on a stream from the caller to this city.
        TooLarge: Over this node's limits.
        SignatureInvalid, RootInvalid, DatasetUnknown: As they say.
    """
    header = batch.header
    if (header.stream.from_city, header.stream.to_city) != (caller_city, parts.city):
        raise NotPermitted(f"{header.stream} is not a stream from {caller_city} to {parts.city}")
    _require_size(parts, batch)
    digest = parts.digests.get(header.hash_algorithm)
    if digest is None:
        raise Malformed(f"hash algorithm {header.hash_algorithm} is not known here")
    parts.verifier.verify(caller_city, BATCH, batch.signed_header)
    leaves = merkle.record_leaves(header.first_sequence, batch.records, digest)
    if merkle.root(leaves, digest) != header.root:
        raise RootInvalid("the records' Merkle root is not the header's")
    header_hash = digest(BATCH + batch.signed_header.content)
    held = is_ahead(parts.inbox_gate, header.stream.dataset, header.standard)
    verdicts, bodies = _judged(parts, batch, fields)
    moves = {} if held else _moves(parts, header, verdicts, bodies)
    return VerifiedBatch(batch, header_hash, b"".join(leaves), verdicts, held, moves)


def _require_size(parts: Parts, batch: Batch) -> None:
    limits, count = parts.limits, len(batch.records)
    if count != batch.header.record_count or not count:
        raise Malformed(f"the header says {batch.header.record_count} records, the batch holds {count}")
    if count > limits.batch_records_max:
        raise TooLarge(f"a batch holds at most {limits.batch_records_max} records here")
    if sum(len(record.salt) + len(record.body) for record in batch.records) > _bytes_max(parts, count):
        raise TooLarge(f"a batch holds at most {limits.batch_bytes_max} bytes here")


def _bytes_max(parts: Parts, count: int) -> int:
    """A single record may fill a batch alone: it is then judged by the record's own limit at the gate."""
    return (
        max(parts.limits.batch_bytes_max, parts.limits.record_bytes_max + 16)
        if count == 1
        else parts.limits.batch_bytes_max
    )


def _judged(parts: Parts, batch: Batch, fields: Sequence[str]) -> tuple[list[Passed | Violation], list[bytes]]:
    """Return the gate's verdicts, and the decoded bodies."""
    broken = {offset: _WRONG_SALT for offset, record in enumerate(batch.records) if len(record.salt) != 16}
    bodies: list[bytes] = []
    for offset, record in enumerate(batch.records):
        try:
            bodies.append(parts.codec.decode(record.body))
        except Rejected:
            bodies.append(b"")
            broken[offset] = UNDECODABLE
    verdicts = parts.inbox_gate.check(batch.header.stream.dataset, batch.header.standard, bodies, fields=fields)
    for offset, violation in broken.items():
        verdicts[offset] = violation
    return verdicts, bodies


def _moves(
    parts: Parts, header: BatchHeader, verdicts: Sequence[Passed | Violation], bodies: Sequence[bytes]
) -> dict[int, Move]:
    """Return what the records that passed say of cases, by sequence."""
    passed = (
        (sequence, body)
        for sequence, (verdict, body) in enumerate(zip(verdicts, bodies, strict=True), header.first_sequence)
        if isinstance(verdict, Passed)
    )
    return moves_of(parts, header.stream.dataset, header.standard, passed)
