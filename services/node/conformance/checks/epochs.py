"""Epochs: a new one continues the old, and the old one answers duplicates for ever and takes nothing new."""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from services.node.conformance.partner import Partner, Taken
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import Sender
from yrdx.exchange.v1.exchange_pb2 import StreamPosition

PROMISES: Final = Promises("epochs", "“Deliver”, Opening; “Batches”")


@PROMISES.promise(
    "wrong_end",
    "开启新纪元，但所述旧纪元的终点有误 · a new epoch that says wrongly where the old one ended",
    "FAILED_PRECONDITION EPOCH_UNKNOWN",
)
def _wrong_end(partner: Partner) -> str:
    with partner.unmoved() as sender:
        closed = StreamPosition(epoch=sender.epoch, watermark=sender.sequence, head=sender.head)
        opening = sender.opening(epoch=sender.epoch + 1, closed=closed)
        return partner.require_refused(sender.deliver(opening), [StatusCode.FAILED_PRECONDITION], ["EPOCH_UNKNOWN"])


@PROMISES.promise(
    "next",
    "开启新纪元并发送一批 · a new epoch is opened, and a batch sent",
    "位置在新纪元的 0，head 承接旧纪元；批次从 1 起被接收 · the position is 0 of the new epoch, its head continues the "
    "old one; the batch is taken from sequence 1",
)
def _next(partner: Partner) -> str:
    old, new = _epoch_after(partner)[1:]
    standing = partner.standing()
    if (standing.epoch, standing.sequence, standing.head) != (old.epoch + 1, 1, old.head):
        raise Broken(f"epoch {standing.epoch}, watermark {standing.sequence - 1}, or another head")
    partner.take_good(new, 2)
    return f"epoch {new.epoch}"


@PROMISES.promise(
    "closed_duplicate",
    "重发已关闭纪元的一批 · a batch of a closed epoch is sent again",
    "原回执，逐字节相同 · the original receipt, byte for byte",
    clause="“Deliver”: was applied before, same header hash",
)
def _closed_duplicate(partner: Partner) -> str:
    taken, _, new = _epoch_after(partner)
    partner.require_same(taken, new.deliver(new.opening(), taken.sealed.request))
    return "the same"


@PROMISES.promise(
    "closed",
    "向已关闭的纪元发送新批次 · a new batch for a closed epoch",
    "FAILED_PRECONDITION EPOCH_CLOSED",
)
def _closed(partner: Partner) -> str:
    _, old, new = _epoch_after(partner)
    answered = new.deliver(new.opening(), old.seal(partner.records.bodies(1)).request)
    return partner.require_refused(answered, [StatusCode.FAILED_PRECONDITION], ["EPOCH_CLOSED"])


def _epoch_after(partner: Partner) -> tuple[Taken, Sender, Sender]:
    """Take a batch, open the next epoch, and return the batch with the sender at the end of the old and in the new."""
    old = partner.standing()
    taken = partner.take_good(old, 2)
    closed = StreamPosition(epoch=old.epoch, watermark=old.sequence - 1, head=old.head)
    new = old.copy(epoch=old.epoch + 1, sequence=1, closed=closed)
    opening = new.opening()
    partner.position(opening, new.deliver(opening))
    return taken, old, new
