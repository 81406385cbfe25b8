"""Durability: what was acknowledged is still there after the node was killed at that very moment."""

from __future__ import annotations

from typing import Final

import grpc

from services.node.conformance.calls import ANSWER_WITHIN_S
from services.node.conformance.partner import Partner, Taken
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import Sealed
from yrdx.exchange.v1 import exchange_pb2

PROMISES: Final = Promises("durability", "“Deliver”: the acknowledgement leaves when that is on disk")

_BATCHES: Final = 6
_RECORDS: Final = 20


@PROMISES.promise(
    "killed",
    "收到第一份确认即用 --kill-command 终止节点，再用 --restart-command 启动 · the node is killed at the first "
    "acknowledgement and started again",
    "凡确认过的都在：水位不低于它，重发得到原回执 · whatever was acknowledged stands: the watermark is not below it, "
    "and a duplicate gets the original receipt",
)
def _killed(partner: Partner) -> str:
    partner.lifecycle.require(kill=True)
    acknowledged = _acknowledged_until_killed(partner)
    partner.lifecycle.restart(partner.serves)
    standing = partner.standing()
    lost = [one for one in acknowledged if one.sealed.last_sequence >= standing.sequence]
    if lost:
        raise Broken(f"丢失已确认的批次 · acknowledged batches were lost: {len(lost)} of {len(acknowledged)}")
    for taken in acknowledged:
        partner.require_same(taken, standing.send(taken.sealed))
    return f"{len(acknowledged)} of {_BATCHES} batches were acknowledged, and all of these stand"


def _acknowledged_until_killed(partner: Partner) -> list[Taken]:
    """Send batches, kill the node at the first acknowledgement, and return all that came before the end."""
    sender = partner.standing()
    requests, sealed = [sender.opening()], list[Sealed]()
    for _ in range(_BATCHES):
        sealed.append(sender.seal(partner.records.bodies(_RECORDS)))
        sender.moved(sealed[-1])
        requests.append(sealed[-1].request)
    signed: list[exchange_pb2.Signed] = []
    with sender.stub() as stub:
        try:
            for answer in stub.Deliver(iter(requests), timeout=ANSWER_WITHIN_S):
                if answer.HasField("acknowledgement"):
                    signed.append(answer.acknowledgement.receipt)
                    if len(signed) == 1:
                        partner.lifecycle.kill()
        except grpc.RpcError as error:  # as it must: the node is dead
            if not signed:
                raise Broken(f"无一确认 · nothing was acknowledged: {error.code().name}") from error
    return [partner.receipted(one, receipt) for one, receipt in zip(sealed, signed, strict=False)]
