"""Conflicts: the same range with another content is refused with a signed statement, and nothing is overwritten."""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from services.domain.tags import CONFLICT
from services.node.conformance.partner import Partner, Taken
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import Sealed
from yrdx.exchange.v1 import exchange_pb2

PROMISES: Final = Promises("conflicts", "“Deliver”: covers applied sequences with another content")

_STATEMENT: Final = (
    "ABORTED CONTENT_CONFLICT，附签名的 Conflict，含双方批头 · with a signed Conflict that holds both headers"
)


@PROMISES.promise("same_range", "同一序号范围，另一内容 · another content for the same range", _STATEMENT)
def _same_range(partner: Partner) -> str:
    return _offered(partner, later=0)[1]


@PROMISES.promise("inside_range", "从已接收范围的中间开始 · a batch that begins inside an applied range", _STATEMENT)
def _inside_range(partner: Partner) -> str:
    return _offered(partner, later=1)[1]


@PROMISES.promise(
    "nothing_overwritten",
    "冲突之后重发原批次，并取回其记录 · after a conflict the original is sent again, and its records asked for",
    "原回执，原记录 · the original receipt and the original records",
)
def _nothing_overwritten(partner: Partner) -> str:
    taken, _ = _offered(partner, later=0)
    standing = partner.standing()
    partner.require_same(taken, standing.send(taken.sealed))
    first = taken.sealed.header.first_sequence
    (listed, *_) = partner.listed(standing, after=first - 1, full=True) or [exchange_pb2.ReceiptedBatch()]
    if listed.header.content != taken.sealed.batch.header.content:
        raise Broken("ListReceipts 给出另一批头 · returns another header")
    if [one.body for one in listed.records] != [one.body for one in taken.sealed.batch.records]:
        raise Broken("ListReceipts 给出另一些记录 · returns other records")
    return "unchanged"


def _offered(partner: Partner, *, later: int) -> tuple[Taken, str]:
    """Take a batch, offer another one for its range, and verify the statement about both.

    Args:
        partner: Asks.
        later: How many records after the first one the other batch begins.
    """
    before = partner.standing()
    taken = partner.take_good(before.copy(), 2)
    first = before.sequence + later
    offered = before.seal(partner.records.bodies(2 - later), first_sequence=first)
    with partner.unmoved() as sender:
        answered = sender.send(offered)
        told = partner.require_refused(answered, [StatusCode.ABORTED], ["CONTENT_CONFLICT"])
    _verify_statement(partner, taken, offered, answered.detail(exchange_pb2.Signed))
    return taken, told


def _verify_statement(partner: Partner, taken: Taken, offered: Sealed, signed: exchange_pb2.Signed | None) -> None:
    if signed is None:
        raise Broken("状态中没有签名的 Conflict · the status holds no signed Conflict")
    statement = partner.target.said(exchange_pb2.Conflict, CONFLICT, signed)
    if statement.stream != partner.sender.stream or statement.offered_header != offered.batch.header:
        raise Broken("Conflict 未含所发批头 · does not hold the header that was offered")
    if statement.applied_header.content != taken.sealed.batch.header.content:
        raise Broken("Conflict 未含已接收批头 · does not hold the header that was applied")
