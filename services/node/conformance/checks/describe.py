"""What a node says about itself to a partner."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import grpc

from services.domain.agreement import CLOCK_SKEW
from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR
from services.node.conformance.partner import Partner, asked
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import UNKNOWN_FIELD
from yrdx.exchange.v1 import exchange_pb2

PROMISES: Final = Promises("describe", "“Services”, Describe")


def _described(partner: Partner) -> Any:  # noqa: ANN401 - the contract's message
    answered = partner.describe(partner.identity.leaf)
    if answered.code is not grpc.StatusCode.OK:
        raise Broken(f"答复 · answered: {answered.told}")
    return answered.answers[0]


@PROMISES.promise("city", "问它是谁 · it is asked who it is", "其信任包中的城市 · the city of its bundle")
def _city(partner: Partner) -> str:
    said = _described(partner)
    if said.city != partner.target.city:
        raise Broken("自称另一城市 · it says another city")
    return f"{said.city}, {said.software}"


@PROMISES.promise(
    "limits",
    "问它的上限 · it is asked for its limits",
    f"不低于 {BATCH_RECORDS_FLOOR} 条、{BATCH_BYTES_FLOOR} 字节，另两项已给出 · never below these, the others stated",
    clause="“Limits”",
)
def _limits(partner: Partner) -> str:
    limits = _described(partner).limits
    found = (
        f"{limits.batch_records_max} records, {limits.batch_bytes_max} bytes, {limits.record_bytes_max} bytes a "
        f"record, {limits.batches_in_flight_max} batches in flight"
    )
    floors = limits.batch_records_max >= BATCH_RECORDS_FLOOR and limits.batch_bytes_max >= BATCH_BYTES_FLOOR
    if not (floors and limits.record_bytes_max and limits.batches_in_flight_max):
        raise Broken(found)
    return found


@PROMISES.promise(
    "agreements",
    "问它与本市的协议 · it is asked for its agreements with us",
    "含本次协议，且无他人的协议；数据集和标准版本已列出 · ours is there, nobody else's, and its dataset",
)
def _agreements(partner: Partner) -> str:
    said, sender = _described(partner), partner.sender
    foreign = [one.id for one in said.agreements if partner.identity.city not in (one.provider, one.consumer)]
    if foreign:
        raise Broken("列出了他人的协议 · it lists an agreement of others")
    if not any(one.name == sender.dataset and sender.standard in one.standards for one in said.datasets):
        raise Broken(f"未列出 · not listed: {sender.dataset} {sender.standard}")
    return f"{sender.agreement_id} v{sender.agreement_version}"


@PROMISES.promise(
    "clock",
    "问它的时间 · it is asked for its time",
    "与本机相差不超过 5 分钟 · at most 5 minutes from this machine's",
    clause="“Batches”",
)
def _clock(partner: Partner) -> str:
    skew = _described(partner).node_time.ToDatetime(UTC) - datetime.now(UTC)
    if abs(skew) > CLOCK_SKEW:
        raise Broken(f"{skew.total_seconds():+.0f} s")
    return f"{skew.total_seconds():+.1f} s"


@PROMISES.promise(
    "unknown_field",
    "请求中含未知字段 · the request holds an unknown field",
    "忽略该字段并作答 · it is ignored, the request answered",
)
def _unknown_field(partner: Partner) -> str:
    with partner.sender.stub() as stub:
        answered = asked(stub.Describe, exchange_pb2.DescribeRequest.FromString(UNKNOWN_FIELD))
    if answered.code is not grpc.StatusCode.OK:
        raise Broken(f"答复 · answered: {answered.told}")
    return "OK"
