"""Recover: the operator's acts after a restored backup, and the next epoch of a diverged stream.

* A restored **receiver** finds itself behind its own receipts (RECOVERING). `allow_replay` lets the sender send its
  original batches with their receipts, which are imported, never issued again.
* A restored **sender** finds the receiver ahead (DIVERGED). `take_back` imports what the receiver holds: batches this
  node had sealed, with receipts and records. Rows still pending here that stand in them are recognised by their
  leaves; the others wait for their source to be submitted again and are then linked, not sent twice.
* Two histories that really differ go on in a new epoch (`open_epoch`) after the receiver's position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.domain import merkle
from services.domain.batch import BatchHeader, Record, Signed, StoredBatch
from services.domain.errors import Conflict, HeadMismatch, NotFound, RootInvalid
from services.domain.opening import OpeningAnswer
from services.domain.outbox import PendingRow, RecoveredRow
from services.domain.receipt import Receipt, Violation
from services.domain.standing import UNKNOWN_CONTENT, WITHDRAWN
from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.domain.tags import BATCH
from services.exchange.cases import Place, answer_steps, moves_of, take_steps, void_steps
from services.exchange.parts import Parts
from services.exchange.settle import verify_receipt
from services.exchange.submit import RETRACT
from services.ports.channel import ReceiptedBatch
from services.ports.store import Transaction


def stream_of(tx: Transaction, name: StreamName, direction: Direction) -> Stream:
    """Return a stream, locked.

    Raises:
        NotFound: There is none of that name and direction.
    """
    stream = tx.stream(name, direction, lock=True)
    if stream is None:
        raise NotFound(f"no {direction} stream {name} here: `yrdx outbox ls` and `yrdx inbox ls` list them")
    return stream


def allow_replay(tx: Transaction, name: StreamName) -> None:
    """Let the sender of a RECOVERING inbound stream replay its original batches; idempotent.

    Raises:
        NotFound: No such stream.
        Conflict: The stream is not RECOVERING.
    """
    stream = stream_of(tx, name, Direction.INBOUND)
    if stream.state is StreamState.REPLAY:
        return
    if stream.state is not StreamState.RECOVERING:
        raise Conflict(f"{name} is {stream.state}: only a RECOVERING stream takes a replay")
    reason = "an operator lets the sender replay its original batches"
    _swap(tx, stream, replace(stream, state=StreamState.REPLAY, state_reason=reason))


@dataclass(frozen=True, slots=True)
class _TakenBatch:
    """A batch that came back from the receiver, verified against our own signature and its receipt."""

    header: BatchHeader
    receipt: Receipt
    signed_receipt: Signed
    stored: StoredBatch
    records: Sequence[Record]


def take_back(tx: Transaction, parts: Parts, name: StreamName, batches: Sequence[ReceiptedBatch]) -> int:
    """Import batches that this node sealed before it was restored, in order after its present position.

    Args:
        tx: Transaction.
        parts: Ports.
        name: DIVERGED outbound stream.
        batches: Next batches of the stream in the full view of ``ListReceipts``.

    Returns:
        Records whose payload came back without a pending row here.

    Raises:
        HeadMismatch: A batch does not continue what was acknowledged here: only a new epoch helps.
        SignatureInvalid, RootInvalid: A batch is not one that this node signed and the partner receipted.
    """
    recovered = 0
    for item in batches:
        stream = stream_of(tx, name, Direction.OUTBOUND)
        taken = _verify_taken(parts, stream, item)
        sealed = tx.unacknowledged(stream.id, taken.header.epoch, after_sequence=stream.position.watermark, limit=1)
        if sealed and sealed[0].header_hash == taken.stored.header_hash:
            _settle(tx, parts, stream, sealed[0], taken)
        else:
            if sealed:
                # Sealed after the restore, while the batch of before was still under way: the receiver applied that
                # one, so ours can never be applied in this epoch and its rows are pending again.
                tx.reopen_unacknowledged(stream.id, taken.header.epoch)
                stream = _sealed_nothing(tx, stream)
            recovered += _import(tx, parts, stream, taken)
        _advance(tx, stream, taken)
    return recovered


def next_epoch_known(tx: Transaction, name: StreamName, epoch: int) -> None:
    """Follow the receiver into the epoch that this node had opened before it was restored."""
    stream = stream_of(tx, name, Direction.OUTBOUND)
    while stream.position.epoch < epoch:
        tx.close_epoch(stream.id, stream.position)
        begin = Position(stream.position.epoch + 1, 0, stream.position.head)
        moved = replace(stream, position=begin, sealed=begin, closed=stream.position)
        _swap(tx, stream, moved)
        stream = moved


def finish_recovery(tx: Transaction, name: StreamName, answer: OpeningAnswer) -> None:
    """Open an outbound stream again once it stands where the receiver stands.

    Raises:
        HeadMismatch: It does not.
    """
    stream = stream_of(tx, name, Direction.OUTBOUND)
    if stream.position != answer.position:
        raise HeadMismatch(
            f"{name}: after taking back everything this node stands at epoch {stream.position.epoch}, sequence "
            f"{stream.position.watermark}, the receiver at epoch {answer.position.epoch}, sequence "
            f"{answer.position.watermark}: `yrdx stream new-epoch {name} --reason …`"
        )
    _swap(tx, stream, replace(stream, state=StreamState.OPEN, state_reason=""))


def open_epoch(
    tx: Transaction, parts: Parts, name: StreamName, answer: OpeningAnswer, *, void: bool, reason: str
) -> int:
    """End the epoch of an outbound stream where the receiver stands and begin the next one.

    Args:
        tx: Transaction.
        parts: Ports.
        name: Outbound stream.
        answer: The receiver's present position.
        void: Declare sealed, unacknowledged records undeliverable (VOID) instead of sending them anew.
        reason: Why, kept with void records.

    Returns:
        Records that are pending again, or void.
    """
    stream = stream_of(tx, name, Direction.OUTBOUND)
    epoch = stream.position.epoch
    if void:
        void_steps(tx, parts, stream, epoch)
    count = (
        tx.void_unacknowledged(stream.id, epoch, reason=reason) if void else tx.reopen_unacknowledged(stream.id, epoch)
    )
    tx.close_epoch(stream.id, answer.position)
    begin = Position(answer.position.epoch + 1, 0, answer.position.head)
    moved = replace(
        stream, position=begin, sealed=begin, closed=answer.position, state=StreamState.OPEN, state_reason=""
    )
    _swap(tx, stream, moved)
    return count


def _verify_taken(parts: Parts, stream: Stream, item: ReceiptedBatch) -> _TakenBatch:
    name = stream.name
    parts.verifier.verify(name.from_city, BATCH, item.signed_header)
    header = parts.contents.header_from_bytes(item.signed_header.content)
    receipt, _ = verify_receipt(parts, name, item.receipt)
    digest = parts.digests[header.hash_algorithm]
    header_hash = digest(BATCH + item.signed_header.content)
    leaves = merkle.split_leaves(item.leaves)
    if len(leaves) != header.record_count or merkle.root(leaves, digest) != header.root:
        raise RootInvalid(f"{name}: the leaves at {header.first_sequence} are not those of the signed header")
    if receipt.header_hash != header_hash or header.stream != name:
        raise RootInvalid(f"{name}: the receipt at {header.first_sequence} is for another batch")
    if (header.epoch, header.first_sequence) != (stream.position.epoch, stream.position.watermark + 1):
        raise HeadMismatch(f"{name}: the batch at {header.first_sequence} is not the next one here")
    if header.previous_hash != stream.position.head:
        raise HeadMismatch(f"{name}: the batch at {header.first_sequence} does not continue this node's history")
    stored = StoredBatch(
        0, stream.id, header.epoch, header.first_sequence, header.record_count, header_hash,
        item.signed_header, item.leaves, item.receipt,
    )  # fmt: skip
    return _TakenBatch(header, receipt, item.receipt, stored, item.records)


def _import(tx: Transaction, parts: Parts, stream: Stream, taken: _TakenBatch) -> int:
    digest = parts.digests[taken.header.hash_algorithm]
    leaves = merkle.split_leaves(taken.stored.leaves)
    pending = tx.pending(stream.id, records_max=len(leaves))
    rows: list[PendingRow | RecoveredRow] = []
    used = 0
    for sequence, (leaf, record) in enumerate(zip(leaves, taken.records, strict=True), taken.header.first_sequence):
        candidate = pending[used] if used < len(pending) else None
        if candidate and merkle.record_leaf(sequence, candidate.record, digest) == leaf:
            rows.append(candidate)
            used += 1
        else:
            rows.append(_recovered(parts, stream, taken.header, sequence, leaf, record))
    stored = tx.import_batch(taken.stored, rows, taken.receipt.rejections, now=parts.clock.now())
    answer_steps(tx, parts, stream.name, stored, taken.receipt.rejections)
    _take_steps_back(tx, parts, stream, taken, rows)
    return len(rows) - used


def _take_steps_back(
    tx: Transaction, parts: Parts, stream: Stream, taken: _TakenBatch, rows: Sequence[PendingRow | RecoveredRow]
) -> None:
    """Keep what records say of cases that came back without a pending row here."""
    bodies = (
        (sequence, parts.codec.decode(row.body))
        for sequence, row in enumerate(rows, taken.header.first_sequence)
        if isinstance(row, RecoveredRow) and row.key
    )
    moves = moves_of(parts, stream.name.dataset, taken.header.standard, bodies)
    epoch = taken.header.epoch
    take_steps(tx, parts, stream, [(move, Place(None, epoch, sequence)) for sequence, move in moves.items()])


def _recovered(
    parts: Parts, stream: Stream, header: BatchHeader, sequence: int, leaf: bytes, record: Record
) -> RecoveredRow:
    """Return what came back for one sequence; nothing where the receiver keeps no payload (rejected, deleted)."""
    if not record.body:
        return RecoveredRow(b"", b"", b"")
    if merkle.record_leaf(sequence, record, parts.digests[header.hash_algorithm]) != leaf:
        raise RootInvalid(f"{stream.name}: the record at {sequence} is not the one that was signed")
    verdict = parts.gate.check(stream.name.dataset, header.standard, [parts.codec.decode(record.body)])[0]
    if isinstance(verdict, Violation):
        return RecoveredRow(b"", record.salt, record.body)
    content = WITHDRAWN if verdict.operation == RETRACT else UNKNOWN_CONTENT
    return RecoveredRow(verdict.key, record.salt, record.body, content)


def _settle(tx: Transaction, parts: Parts, stream: Stream, batch: StoredBatch, taken: _TakenBatch) -> None:
    receipt = taken.receipt
    answer_steps(tx, parts, stream.name, batch, receipt.rejections)
    tx.settle(
        batch,
        taken.signed_receipt,
        receipt.rejections,
        accepted=receipt.accepted_count,
        received_time=receipt.received_time,
    )


def _sealed_nothing(tx: Transaction, stream: Stream) -> Stream:
    """Say that no batch is sealed beyond the acknowledged position."""
    reopened = replace(stream, sealed=stream.position)
    _swap(tx, stream, reopened)
    return reopened


def _advance(tx: Transaction, stream: Stream, taken: _TakenBatch) -> None:
    position = Position(taken.header.epoch, taken.header.last_sequence, taken.stored.header_hash)
    sealed = max(stream.sealed, position, key=lambda p: (p.epoch, p.watermark))
    _swap(tx, stream, replace(stream, position=position, sealed=sealed))


def _swap(tx: Transaction, expected: Stream, stream: Stream) -> None:
    if not tx.update_stream(stream, expected=expected):
        raise Conflict(f"{stream.name} moved meanwhile: run the command again")
