"""Duplicates: the original receipt, byte for byte, on any connection and however long ago."""

from __future__ import annotations

import time
from typing import Final

from services.node.conformance.partner import Partner, Taken
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import Sealed
from yrdx.exchange.v1 import exchange_pb2

PROMISES: Final = Promises("duplicates", "“Deliver”: was applied before, same header hash")

_ORIGINAL: Final = "原回执，逐字节相同 · the original receipt, byte for byte"


@PROMISES.promise("same_stream", "同一条流上发两次 · a batch is sent twice on one stream", _ORIGINAL)
def _same_stream(partner: Partner) -> str:
    sender = partner.standing()
    opening, sealed = sender.opening(), sender.seal(partner.records.bodies(2))
    answered = sender.deliver(opening, sealed.request, sealed.request)
    taken = partner.receipted(sealed, (answered.receipts or [exchange_pb2.Signed()])[0])
    if len(answered.receipts) != 2:
        partner.require_same(taken, sender.send(sealed))
    partner.require_same(taken, answered)
    return f"{len(answered.receipts)} × the same"


@PROMISES.promise("reconnected", "重新连接后再发 · it is sent again on a new connection", _ORIGINAL)
def _reconnected(partner: Partner) -> str:
    sender = partner.standing()
    taken = partner.take_good(sender, 2)
    return _again(partner, taken)


@PROMISES.promise(
    "behind_others",
    "其后又有批次，再发较早的一批 · an older batch is sent again after newer ones",
    _ORIGINAL,
)
def _behind_others(partner: Partner) -> str:
    sender = partner.standing()
    taken = partner.take_good(sender, 2)
    for _ in range(3):
        partner.take_good(sender, 1)
    return _again(partner, taken)


@PROMISES.promise(
    "later",
    "等待之后（--duplicate-after，及首次测试保留的批次）再发 · it is sent again after a wait (--duplicate-after), "
    "and so is the batch kept from the first run",
    _ORIGINAL,
)
def _later(partner: Partner) -> str:
    taken = partner.take_good(partner.standing(), 2)
    time.sleep(partner.duplicate_after_s)
    _again(partner, taken)
    kept = partner.kept.load()
    partner.kept.save(taken.sealed.batch, taken.signed)
    if kept is None:
        return f"{partner.duplicate_after_s:.0f} s; the batch is kept for later runs"
    try:
        _again(partner, _earlier(kept))
    except Broken as broken:
        began_anew = f"若节点是重新建立的，请删除 · if the node was set up anew, remove {partner.kept.path}"
        raise Broken(f"较早一次测试的批次 · a batch of an earlier run: {broken}（{began_anew}）") from broken
    return f"{partner.duplicate_after_s:.0f} s, and a batch of an earlier run"


@PROMISES.promise("restarted", "节点重启之后再发 · it is sent again after the node was restarted", _ORIGINAL)
def _restarted(partner: Partner) -> str:
    partner.lifecycle.require()
    taken = partner.take_good(partner.standing(), 2)
    partner.lifecycle.restart(partner.serves)
    return _again(partner, taken)


def _again(partner: Partner, taken: Taken) -> str:
    partner.require_same(taken, partner.standing().send(taken.sealed))
    return "the same"


def _earlier(kept: exchange_pb2.Batch) -> Taken:
    """Return a batch of an earlier run; its receipt was verified when it was kept."""
    header = exchange_pb2.BatchHeader.FromString(kept.header.content)
    receipt = exchange_pb2.Receipt.FromString(kept.original_receipt.content)
    batch = exchange_pb2.Batch(header=kept.header, records=kept.records)
    return Taken(Sealed(header, batch), kept.original_receipt, receipt)
