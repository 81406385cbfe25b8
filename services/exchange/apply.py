"""Apply: a verified batch takes effect once, in one transaction with its evidence.

The transaction holds the stream's row, so it is short: what costs time was done by `services.exchange.verify`. What
is out of order is an error and changes nothing; what is wrong inside a record is a rejection in the receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.domain.agreement import Agreement
from services.domain.batch import BatchHeader, Signed, StoredBatch
from services.domain.errors import (
    ContentConflict,
    Diverged,
    EpochClosed,
    EpochUnknown,
    HeadMismatch,
    Malformed,
    SequenceGap,
    Unavailable,
)
from services.domain.inbox import Accepted
from services.domain.opening import ConflictStatement
from services.domain.receipt import Receipt, Rejection, Violation
from services.domain.standard import StandardVersion
from services.domain.stream import Direction, Position, Stream, StreamState
from services.domain.tags import CONFLICT, RECEIPT
from services.exchange.agreements import named_agreement
from services.exchange.cases import Place, impossible_steps, take_steps
from services.exchange.open import require_live_partner
from services.exchange.parts import Parts
from services.exchange.refuse import refuse_received
from services.exchange.standards import require_readable
from services.exchange.verify import VerifiedBatch
from services.ports.gate import Passed
from services.ports.store import Transaction

_SUPERSEDED: Final = Violation(
    "", "mends.superseded", "此后已接收该对象的更新记录 (a newer record of this subject was accepted since)"
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What to answer. ``conflict`` is returned, not raised: its statement must be committed first."""

    watermark: int
    receipt: Signed | None
    conflict: ContentConflict | None = None
    duplicate: bool = False
    accepted: int = 0
    rejections: Sequence[Rejection] = ()


def apply_batch(tx: Transaction, parts: Parts, verified: VerifiedBatch) -> Applied:
    """Apply a verified batch once: records, rejections, evidence, receipt and watermark, all or none.

    Raises:
        SequenceGap, HeadMismatch, EpochClosed, EpochUnknown, Diverged, AgreementMissing, StandardIncompatible,
            PartnerPaused: Nothing was changed.
        Unavailable: Another connection moved the stream at the same time; send again.
    """
    header = verified.header
    stream = tx.stream(header.stream, Direction.INBOUND, lock=True)
    if stream is None:
        raise EpochUnknown(f"{header.stream} was never opened here")
    if _already_applied(tx, stream, header):
        return _answer_again(tx, parts, stream, verified)
    _require_next(stream, header)
    require_live_partner(tx, header.stream.from_city)
    agreement_of(tx, parts, header)
    receipt, signed = _receipt(tx, parts, stream, verified)
    stored = StoredBatch(
        0, stream.id, header.epoch, header.first_sequence, header.record_count,
        verified.header_hash, verified.batch.signed_header, verified.leaves, signed,
    )  # fmt: skip
    stored = tx.apply(stored, _accepted(verified, receipt), received_time=receipt.received_time)
    if verified.held:
        tx.hold(stored)
    refuse_received(tx, parts, stream, header, _refused_since(verified, receipt))
    _move_cases(tx, parts, stream, verified, receipt)
    position = Position(header.epoch, header.last_sequence, verified.header_hash)
    if not tx.update_stream(replace(stream, position=position, sealed=position), expected=stream):
        raise Unavailable(f"{header.stream} moved while a batch was applied: send again", retry_after_s=0.1)
    return Applied(header.last_sequence, signed, accepted=receipt.accepted_count, rejections=receipt.rejections)


def agreement_of(tx: Transaction, parts: Parts, header: BatchHeader) -> Agreement:
    """Return the agreement that a header names.

    Raises:
        AgreementMissing: Unknown here, or not in force when the batch was sealed.
        StandardIncompatible: The header's standard goes beyond it, or can not even be kept here.
    """
    agreement = named_agreement(tx, header.stream, header.agreement_id, header.agreement_version, header.sealed_time)
    require_readable(parts.gate, agreement, header.standard)
    return agreement


def _already_applied(tx: Transaction, stream: Stream, header: BatchHeader) -> bool:
    present = stream.position
    if header.epoch == present.epoch:
        return header.first_sequence <= present.watermark
    if header.epoch > present.epoch:
        raise EpochUnknown(f"{stream.name} is in epoch {present.epoch} here: open it again")
    closed = tx.closed_epoch(stream.id, header.epoch)
    if closed is None or header.first_sequence > closed.watermark:
        raise EpochClosed(f"epoch {header.epoch} of {stream.name} is closed; it is in epoch {present.epoch}")
    return True


def _answer_again(tx: Transaction, parts: Parts, stream: Stream, verified: VerifiedBatch) -> Applied:
    """Return the original receipt of a duplicate, or the signed statement of a conflict."""
    header = verified.header
    stored = tx.batch_at(stream.id, header.epoch, header.first_sequence)
    if stored is not None and stored.header_hash == verified.header_hash:
        return Applied(stored.last_sequence, stored.receipt, duplicate=True)
    applied = stored or tx.batch_covering(stream.id, header.epoch, header.first_sequence)
    if applied is None:
        raise HeadMismatch(f"sequence {header.first_sequence} of {stream.name} has no batch here")
    now = parts.clock.now()
    statement = ConflictStatement(stream.name, applied.signed_header, verified.batch.signed_header, now)
    signed = parts.signer.sign(CONFLICT, parts.contents.conflict_to_bytes(statement))
    tx.add_conflict(stream.id, signed, now=now)
    return Applied(
        stream.position.watermark,
        None,
        ContentConflict(
            f"{stream.name}: sequence {header.first_sequence} was applied with another content",
            parts.contents.signed_to_bytes(signed),
        ),
    )


def _require_next(stream: Stream, header: BatchHeader) -> None:
    if stream.state not in (StreamState.OPEN, StreamState.REPLAY):
        raise Diverged(f"{stream.name} is {stream.state} at the receiver: {stream.state_reason}")
    if header.first_sequence > stream.position.watermark + 1:
        raise SequenceGap(stream.position.watermark + 1)
    if header.previous_hash != stream.position.head:
        raise HeadMismatch(f"the batch at {header.first_sequence} of {stream.name} does not continue the header chain")
    if header.hash_algorithm != stream.hash_algorithm:
        raise Malformed(f"{stream.name} uses {stream.hash_algorithm} in this epoch")


def _receipt(tx: Transaction, parts: Parts, stream: Stream, verified: VerifiedBatch) -> tuple[Receipt, Signed]:
    """Make the batch's receipt; in a replay take the original one, which is imported, never issued again."""
    if stream.state is StreamState.REPLAY:
        return _original_receipt(parts, verified)
    header = verified.header
    rejections = _rejections(tx, parts, stream, verified)
    receipt = Receipt(
        header.stream, header.epoch, verified.header_hash, header.first_sequence, header.record_count,
        header.record_count - len(rejections), rejections, parts.clock.now(),
    )  # fmt: skip
    return receipt, parts.signer.sign(RECEIPT, parts.contents.receipt_to_bytes(receipt))


def _original_receipt(parts: Parts, verified: VerifiedBatch) -> tuple[Receipt, Signed]:
    signed = verified.batch.original_receipt
    if signed is None:
        raise Diverged(f"{verified.header.stream} is in a replay: only batches with their original receipt are taken")
    parts.verifier.verify(parts.city, RECEIPT, signed)
    receipt = parts.contents.receipt_from_bytes(signed.content)
    if receipt.header_hash != verified.header_hash:
        raise Malformed("the original receipt is for another batch")
    added = bool(StandardVersion.parse(verified.header.standard).addition)  # then it may have been accepted unread
    for offset, verdict in _refused_since(verified, receipt).items():
        if not added:
            sequence = receipt.first_sequence + offset
            raise Diverged(f"sequence {sequence} was accepted once but the gate refuses it now ({verdict.rule_id})")
    return receipt, signed


def _refused_since(verified: VerifiedBatch, receipt: Receipt) -> dict[int, Violation]:
    """Return what the gate refuses although its receipt accepts it, by offset: only a replay brings such records."""
    refused = {rejection.sequence - receipt.first_sequence for rejection in receipt.rejections}
    return {
        offset: verdict
        for offset, verdict in enumerate(verified.verdicts)
        if isinstance(verdict, Violation) and offset not in refused
    }


def _rejections(tx: Transaction, parts: Parts, stream: Stream, verified: VerifiedBatch) -> tuple[Rejection, ...]:
    found = {
        sequence: verdict
        for sequence, verdict in enumerate(verified.verdicts, verified.header.first_sequence)
        if isinstance(verdict, Violation)
    }
    found |= _superseded(tx, stream, verified)
    if verified.moves:
        moves = {sequence: move for sequence, move in verified.moves.items() if sequence not in found}
        found |= impossible_steps(tx, parts, stream.name, moves)
    return tuple(Rejection(sequence, found[sequence]) for sequence in sorted(found))


def _superseded(tx: Transaction, stream: Stream, verified: VerifiedBatch) -> dict[int, Violation]:
    """Return which records mend a row of whose subject a newer one was accepted since, by sequence."""
    header = verified.header
    mending = [
        (sequence, verdict)
        for sequence, verdict in enumerate(verified.verdicts, header.first_sequence)
        if isinstance(verdict, Passed) and verdict.mends
    ]
    if not mending:
        return {}
    newer = tx.superseded(stream.id, [(verdict.key, verdict.mends) for _, verdict in mending], header.epoch)
    return {sequence: _SUPERSEDED for sequence, verdict in mending if verdict.key in newer}


def _move_cases(tx: Transaction, parts: Parts, stream: Stream, verified: VerifiedBatch, receipt: Receipt) -> None:
    """Let cases take the steps that the receipt accepts: in a replay those that were accepted at first."""
    if verified.moves:
        refused = {rejection.sequence for rejection in receipt.rejections}
        moves = ((sequence, move) for sequence, move in verified.moves.items() if sequence not in refused)
        take_steps(tx, parts, stream, [(move, Place(None, receipt.epoch, sequence)) for sequence, move in moves])


def _accepted(verified: VerifiedBatch, receipt: Receipt) -> Accepted:
    refused = {rejection.sequence - receipt.first_sequence for rejection in receipt.rejections}
    accepted = [
        (offset, verdict)
        for offset, verdict in enumerate(verified.verdicts)
        if isinstance(verdict, Passed) and offset not in refused
    ]
    offsets = [offset for offset, _ in accepted]
    operations, keys, _ = zip(*(passed for _, passed in accepted), strict=True) if accepted else ((), (), ())
    return Accepted(offsets, operations, keys, [verified.batch.records[offset] for offset in offsets])
