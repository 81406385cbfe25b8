"""Dial: the sender's opening, and whether the receiver's position continues its own history."""

from __future__ import annotations

from dataclasses import dataclass

from services.domain.batch import Signed
from services.domain.errors import HeadMismatch, LeaseLost, Malformed
from services.domain.opening import Opening, OpeningAnswer
from services.domain.stream import Direction, Position, Stream, StreamName
from services.domain.tags import OPENING, POSITION
from services.exchange.agreements import agreement_in_force
from services.exchange.parts import Parts
from services.exchange.seal import sendable_stream
from services.exchange.standards import spoken_standard
from services.ports.store import Transaction


@dataclass(frozen=True, slots=True)
class Resume:
    """Where sending goes on.

    Attributes:
        epoch: Epoch of the batches to send.
        after_sequence: Send batches that begin after this sequence.
        replay_until: The receiver was restored: send the original batches with their receipts up to this sequence,
            then open again. 0: no replay.
    """

    epoch: int
    after_sequence: int
    replay_until: int = 0


def make_opening(tx: Transaction, parts: Parts, name: StreamName, *, fence: int | None = None) -> Signed:
    """Sign an opening that shows the last receipt this node holds.

    Args:
        tx: Transaction.
        parts: Ports.
        name: Outbound stream.
        fence: The caller's lease; None for an operator's act on a stream that does not run.

    Raises:
        LeaseLost, Diverged: With a fence: this process may not send.
        AgreementMissing: No agreement is in force.
        StandardIncompatible: It names no version that is known here.
    """
    stream = tx.stream(name, Direction.OUTBOUND) if fence is None else sendable_stream(tx, name, fence)
    if stream is None:
        raise LeaseLost(f"{name} does not exist here")
    now = parts.clock.now()
    agreement = agreement_in_force(tx, name, now)
    opening = Opening(
        stream=name,
        epoch=stream.position.epoch,
        hash_algorithm=stream.hash_algorithm,
        agreement_id=agreement.id,
        agreement_version=agreement.version,
        standard=spoken_standard(parts.gate, agreement),
        last_receipt=_last_receipt(tx, stream),
        closed=stream.closed,
        opened_time=now,
    )
    return parts.signer.sign(OPENING, parts.contents.opening_to_bytes(opening))


def _last_receipt(tx: Transaction, stream: Stream) -> Signed | None:
    at = stream.position if stream.position.watermark else stream.closed
    if at is None or not at.watermark:
        return None
    batch = tx.batch_ending_at(stream.id, at.epoch, at.watermark)
    return batch.receipt if batch else None


def read_answer(parts: Parts, name: StreamName, opening: Signed, signed: Signed) -> OpeningAnswer:
    """Return the receiver's position once its signature and its link to our opening verify.

    Raises:
        Malformed: It answers another opening or stream, or does not verify.
    """
    parts.verifier.verify(name.to_city, POSITION, signed)
    answer = parts.contents.answer_from_bytes(signed.content)
    hashes = {digest(OPENING + opening.content) for digest in parts.digests.values()}
    if answer.stream != name or answer.opening_hash not in hashes:
        raise Malformed(f"the position answers another opening than the one sent for {name}")
    return answer


def resume_from(tx: Transaction, name: StreamName, fence: int, answer: OpeningAnswer) -> Resume:
    """Decide where to go on: only where our own sealed batch ends with the receiver's head.

    Raises:
        HeadMismatch: The histories differ; an operator decides.
        LeaseLost, Diverged: This process may not send.
    """
    stream = sendable_stream(tx, name, fence)
    theirs, ours = answer.position, stream.position
    if _own_head_at(tx, stream, theirs) != theirs.head:
        raise HeadMismatch(
            f"{name}: the receiver stands at epoch {theirs.epoch}, sequence {theirs.watermark}; this node sealed no "
            f"such batch (it knows epoch {ours.epoch}, sequence {stream.sealed.watermark}). If this node was restored "
            f"from a backup: `yrdx stream recover {name}`; otherwise `yrdx stream new-epoch {name} --reason …`"
        )
    if (theirs.epoch, theirs.watermark) >= (ours.epoch, ours.watermark):
        return Resume(ours.epoch, ours.watermark)
    if not answer.replay:
        raise HeadMismatch(
            f"{name}: the receiver stands at sequence {theirs.watermark} although it acknowledged {ours.watermark}"
        )
    until = ours.watermark if theirs.epoch == ours.epoch else _end_of_epoch(tx, stream, theirs.epoch)
    return Resume(theirs.epoch, theirs.watermark, replay_until=until)


def _own_head_at(tx: Transaction, stream: Stream, at: Position) -> bytes | None:
    """Return the hash of our header that ends at a position, or None when we sealed none there."""
    if at.watermark:
        batch = tx.batch_ending_at(stream.id, at.epoch, at.watermark)
        return batch.header_hash if batch else None
    if at.epoch == 1:
        return Position().head
    closed = tx.closed_epoch(stream.id, at.epoch - 1)
    return closed.head if closed else None


def _end_of_epoch(tx: Transaction, stream: Stream, epoch: int) -> int:
    closed = tx.closed_epoch(stream.id, epoch)
    return closed.watermark if closed else 0
