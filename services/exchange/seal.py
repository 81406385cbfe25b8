"""Seal: pending rows into a signed batch, once, before it is first sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.domain import merkle
from services.domain.batch import Batch, BatchHeader, Record, StoredBatch
from services.domain.errors import Diverged, LeaseLost
from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR
from services.domain.outbox import PendingRow
from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.domain.tags import BATCH
from services.exchange.agreements import agreement_in_force
from services.exchange.parts import Parts
from services.ports.store import Transaction


def sendable_stream(tx: Transaction, name: StreamName, fence: int) -> Stream:
    """Return an outbound stream, locked, if this lease holder may seal and settle on it.

    Raises:
        LeaseLost: Another holder took the lease since; a zombie may only send identical bytes again.
        Diverged: The stream waits for an operator.
    """
    stream = tx.stream(name, Direction.OUTBOUND, lock=True)
    if stream is None or stream.fence != fence:
        raise LeaseLost(f"the lease on {name} is another's")
    if stream.state is not StreamState.OPEN:
        raise Diverged(f"{name} is {stream.state}: {stream.state_reason}")
    return stream


def seal_next(tx: Transaction, parts: Parts, name: StreamName, fence: int) -> Batch | None:
    """Seal the next batch of a stream.

    The batch is never larger than the floor of every node's limits, so it stays deliverable for ever.

    Returns:
        The batch, ready to send once the transaction is on disk; None when nothing is pending.

    Raises:
        LeaseLost: Another process seals this stream now.
        Diverged: The stream waits for an operator.
        AgreementMissing: The agreement ended.
    """
    stream = sendable_stream(tx, name, fence)
    rows = fitting(_next_rows(tx, stream), BATCH_BYTES_FLOOR)
    if not rows:
        return None
    records = [Record(row.salt, row.body) for row in rows]
    batch, stored = _sign_batch(tx, parts, stream, records)
    tx.seal(stored, rows)
    sealed = Position(stream.position.epoch, stored.last_sequence, stored.header_hash)
    if not tx.update_stream(replace(stream, sealed=sealed), expected=stream):
        raise LeaseLost(f"{name} moved while a batch was sealed")
    return batch


def _next_rows(tx: Transaction, stream: Stream) -> list[PendingRow]:
    """Return the next pending rows that the receiver does not have already.

    After a restored backup, a source that is submitted again brings rows that were sent before the restore and were
    taken back from the receiver since (`services.exchange.recover`): they are linked to those, not sent twice.
    """
    while rows := tx.pending(stream.id, records_max=BATCH_RECORDS_FLOOR):
        if not tx.recovered_count(stream.id):
            return rows
        if rest := tx.claim_recovered(stream.id, rows):
            return rest
    return []


def fitting(rows: Sequence[PendingRow], bytes_max: int) -> list[PendingRow]:
    """Return the longest run of rows, at least one, that stays within a batch's bytes."""
    sizes = [len(row.salt) + len(row.body) for row in rows]
    while len(sizes) > 1 and sum(sizes) > bytes_max:
        sizes.pop()
    return list(rows[: len(sizes)])


def _sign_batch(tx: Transaction, parts: Parts, stream: Stream, records: list[Record]) -> tuple[Batch, StoredBatch]:
    now = parts.clock.now()
    agreement = agreement_in_force(tx, stream.name, now)
    digest = parts.digests[stream.hash_algorithm]
    first = stream.sealed.watermark + 1
    leaves = merkle.record_leaves(first, records, digest)
    header = BatchHeader(
        hash_algorithm=stream.hash_algorithm,
        stream=stream.name,
        epoch=stream.position.epoch,
        agreement_id=agreement.id,
        agreement_version=agreement.version,
        standard=agreement.standard,
        first_sequence=first,
        record_count=len(records),
        root=merkle.root(leaves, digest),
        previous_hash=stream.sealed.head,
        sealed_time=now,
    )
    content = parts.contents.header_to_bytes(header)
    signed = parts.signer.sign(BATCH, content)
    stored = StoredBatch(
        0, stream.id, header.epoch, first, len(records), digest(BATCH + content), signed, b"".join(leaves)
    )
    return Batch(header, signed, records), stored
