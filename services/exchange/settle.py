"""Settle: the receiver's receipt ends a batch for its sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from services.domain.batch import Signed
from services.domain.errors import HeadMismatch, LeaseLost, Malformed
from services.domain.receipt import Receipt
from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.domain.tags import RECEIPT
from services.exchange.cases import answer_steps
from services.exchange.parts import Parts
from services.ports.store import Transaction


class VerifiedReceipt(NamedTuple):
    """A receipt, and the bytes that the stream's receiver signed."""

    receipt: Receipt
    signed: Signed


def verify_receipt(parts: Parts, name: StreamName, signed: Signed) -> VerifiedReceipt:
    """Return a receipt that the stream's receiver signed. Needs no transaction.

    Raises:
        Malformed: Signature, content or stream do not verify.
    """
    parts.verifier.verify(name.to_city, RECEIPT, signed)
    receipt = parts.contents.receipt_from_bytes(signed.content)
    if receipt.stream != name:
        raise Malformed(f"the receipt is for {receipt.stream}")
    return VerifiedReceipt(receipt, signed)


def settle_receipts(
    tx: Transaction, parts: Parts, name: StreamName, fence: int, receipts: Sequence[VerifiedReceipt]
) -> None:
    """Store receipts with their rejections and advance the acknowledged position.

    A receipt that stands already changes nothing. Receipts come in order, so the next one must end the next batch.

    Raises:
        HeadMismatch: A receipt is for a batch that this node did not seal there.
        LeaseLost: Another process settles this stream now.
    """
    stream = tx.stream(name, Direction.OUTBOUND, lock=True)
    if stream is None or stream.fence != fence:
        raise LeaseLost(f"the lease on {name} is another's")
    position = stream.position
    for verified in receipts:
        position = _settle(tx, parts, stream, position, verified)
    if position != stream.position and not tx.update_stream(replace(stream, position=position), expected=stream):
        raise LeaseLost(f"{name} moved while a receipt was stored")


def _settle(tx: Transaction, parts: Parts, stream: Stream, position: Position, verified: VerifiedReceipt) -> Position:
    """Store one receipt and return the acknowledged position after it."""
    receipt, signed = verified
    batch = tx.batch_at(stream.id, receipt.epoch, receipt.first_sequence)
    if batch is None or batch.header_hash != receipt.header_hash:
        raise HeadMismatch(
            f"{stream.name}: the receipt at {receipt.first_sequence} is for a batch that was not sealed here"
        )
    if batch.receipt is not None:
        return position
    if receipt.first_sequence != position.watermark + 1 or receipt.epoch != position.epoch:
        raise HeadMismatch(f"{stream.name}: the receipt at {receipt.first_sequence} is not the next one")
    answer_steps(tx, parts, stream.name, batch, receipt.rejections)
    tx.settle(
        batch,
        signed,
        receipt.rejections,
        accepted=receipt.accepted_count,
        received_time=receipt.received_time,
    )
    return Position(receipt.epoch, batch.last_sequence, batch.header_hash)


def mark_diverged(tx: Transaction, name: StreamName, reason: str) -> None:
    """Stop an outbound stream until an operator decides; idempotent."""
    stream = tx.stream(name, Direction.OUTBOUND, lock=True)
    if stream is not None and stream.state is StreamState.OPEN:
        tx.update_stream(replace(stream, state=StreamState.DIVERGED, state_reason=reason), expected=stream)
