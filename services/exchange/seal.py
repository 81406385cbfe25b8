"""Seal: pending rows into a signed batch, once, before it is first sent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from services.domain import merkle
from services.domain.agreement import Agreement
from services.domain.batch import Batch, BatchHeader, Record, StoredBatch
from services.domain.errors import Diverged, LeaseLost
from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR
from services.domain.outbox import PendingRow
from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.domain.tags import BATCH
from services.exchange.agreements import agreement_in_force
from services.exchange.cases import drop_steps
from services.exchange.parts import Parts
from services.exchange.standards import spoken_standard
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


def seal_pending(tx: Transaction, parts: Parts, name: StreamName, fence: int, *, batches_max: int) -> list[Batch]:
    """Seal the next batches of a stream.

    No batch is larger than the floor of every node's limits, so each stays deliverable for ever.

    Args:
        tx: Transaction.
        parts: Ports.
        name: Outbound stream.
        fence: Fencing number of the caller's lease.
        batches_max: Batches in this transaction; several share its cost.

    Returns:
        The batches, ready to send once the transaction is on disk; none when nothing is pending.

    Raises:
        LeaseLost: Another process seals this stream now.
        Diverged: The stream waits for an operator.
        AgreementMissing: The agreement ended.
        StandardIncompatible: It names no version that is known here.
    """
    before = stream = sendable_stream(tx, name, fence)
    rows = _next_rows(tx, parts, stream, batches_max * BATCH_RECORDS_FLOOR)
    if not rows:
        return []
    agreement = agreement_in_force(tx, name, parts.clock.now())
    sealed: list[Batch] = []
    while rows and len(sealed) < batches_max:
        some = fitting(rows, BATCH_RECORDS_FLOOR, BATCH_BYTES_FLOOR)
        batch, stored = _sign_batch(parts, stream, agreement, [row.record for row in some])
        tx.seal(stored, some)
        stream = replace(stream, sealed=Position(stored.epoch, stored.last_sequence, stored.header_hash))
        sealed.append(batch)
        rows = rows[len(some) :]
    if not tx.update_stream(stream, expected=before):
        raise LeaseLost(f"{name} moved while a batch was sealed")
    return sealed


def _next_rows(tx: Transaction, parts: Parts, stream: Stream, records_max: int) -> list[PendingRow]:
    """Return the next pending rows that the receiver does not have already.

    After a restored backup, a source that is submitted again brings rows that were sent before the restore and were
    taken back from the receiver since (`services.exchange.recover`): they are linked to those, not sent twice.
    """
    while rows := tx.pending(stream.id, records_max=records_max):
        if not tx.recovered_count(stream.id):
            return rows
        rest = tx.claim_recovered(stream.id, rows)
        drop_steps(tx, parts, stream, {row.id for row in rows}.difference(row.id for row in rest))
        if rest:
            return rest
    return []


def fitting(rows: Sequence[PendingRow], records_max: int, bytes_max: int) -> list[PendingRow]:
    """Return the longest run of rows, at least one, that stays within a batch's records and bytes."""
    ends = list(accumulate(len(record.salt) + len(record.body) for _, _, record in rows[:records_max]))
    return list(rows[: max(1, bisect_right(ends, bytes_max))])


def _sign_batch(parts: Parts, stream: Stream, agreement: Agreement, records: list[Record]) -> tuple[Batch, StoredBatch]:
    digest = parts.digests[stream.hash_algorithm]
    first = stream.sealed.watermark + 1
    leaves = merkle.record_leaves(first, records, digest)
    header = BatchHeader(
        hash_algorithm=stream.hash_algorithm,
        stream=stream.name,
        epoch=stream.position.epoch,
        agreement_id=agreement.id,
        agreement_version=agreement.version,
        standard=spoken_standard(parts.gate, agreement),
        first_sequence=first,
        record_count=len(records),
        root=merkle.root(leaves, digest),
        previous_hash=stream.sealed.head,
        sealed_time=parts.clock.now(),
    )
    content = parts.contents.header_to_bytes(header)
    signed = parts.signer.sign(BATCH, content)
    stored = StoredBatch(
        0, stream.id, header.epoch, first, len(records), digest(BATCH + content), signed, b"".join(leaves)
    )
    return Batch(header, signed, records), stored
