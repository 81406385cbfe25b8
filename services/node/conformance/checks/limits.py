"""Limits: what every node takes, what no node needs to take, and that it serves on afterwards."""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR
from services.node.conformance.partner import Partner
from services.node.conformance.promises import Broken, Promises, Skipped
from services.node.conformance.sender import Sealed
from yrdx.exchange.v1.exchange_pb2 import Record

PROMISES: Final = Promises("limits", "“Limits”")

_SALT_BYTES: Final = 16
_STUFFED_BYTES_MAX: Final = 60_000
"""Of a stuffed record with its salt; below what any node takes of one record's body."""
_MESSAGE_BYTES_FLOOR: Final = 8_388_608
_SENT_BYTES_MAX: Final = 134_217_728
"""What is made here to be refused; a node that takes more is not asked."""
_IN_FLIGHT_MAX: Final = 64


@PROMISES.promise(
    "floor",
    f"一批 {BATCH_RECORDS_FLOOR} 条，盐与正文共 {BATCH_BYTES_FLOOR} 字节 · a batch of exactly so many",
    "接收；其中过长的填充记录被单独拒绝 · it is taken; the records stuffed to reach the size are rejected alone",
)
def _floor(partner: Partner) -> str:
    sender = partner.standing()
    sealed = sender.seal_records(_stuffed(partner))
    receipt = partner.take_sealed(sender, sealed).receipt
    rules = {one.rule_id for one in receipt.rejections}
    if not rules <= {"record.reason", "record.too_large"}:
        raise Broken(f"好记录被拒 · good records were rejected: {', '.join(sorted(rules))}")
    return f"{receipt.accepted_count} accepted, {len(receipt.rejections)} rejected"


def _stuffed(partner: Partner) -> list[Record]:
    """Return a batch of both floors exactly: good records, and some whose reason is far too long."""
    count = -(-BATCH_BYTES_FLOOR // _STUFFED_BYTES_MAX)
    good = [Record(salt=bytes(_SALT_BYTES), body=body) for body in partner.records.bodies(BATCH_RECORDS_FLOOR - count)]
    missing = BATCH_BYTES_FLOOR - sum(len(one.body) + _SALT_BYTES for one in good)
    sizes = [missing // count] * (count - 1)
    return good + [_stuffed_record(partner, size) for size in [*sizes, missing - sum(sizes)]]


def _stuffed_record(partner: Partner, size: int) -> Record:
    """Return a record of so many bytes, its salt among them."""
    (message,) = partner.records.messages(1)
    body = partner.records.body(message, reason="x" * 1000).SerializeToString()
    lacking = size - _SALT_BYTES - len(body)
    stuffed = partner.records.body(message, reason="x" * (1000 + lacking)).SerializeToString()
    overshot = len(stuffed) + _SALT_BYTES - size  # its length may take one more byte to write
    body = partner.records.body(message, reason="x" * (1000 + lacking - overshot)).SerializeToString()
    return Record(salt=bytes(_SALT_BYTES), body=body)


@PROMISES.promise("records", "记录数超出一条 · one record too many", "INVALID_ARGUMENT TOO_LARGE")
def _records(partner: Partner) -> str:
    count = partner.limits.batch_records_max + 1
    return _too_large(partner, count, 1, [StatusCode.INVALID_ARGUMENT])


@PROMISES.promise("bytes", "字节数超出 · too many bytes", "INVALID_ARGUMENT TOO_LARGE")
def _bytes(partner: Partner) -> str:
    return _too_large(partner, 17, partner.limits.batch_bytes_max // 16, [StatusCode.INVALID_ARGUMENT])


@PROMISES.promise(
    "message",
    "一条消息大于任何批次 · a message larger than any batch",
    "RESOURCE_EXHAUSTED（传输层）或 INVALID_ARGUMENT TOO_LARGE · by the transport, or as a batch",
    clause="“Connection”, “Errors”",
)
def _message(partner: Partner) -> str:
    size = max(_MESSAGE_BYTES_FLOOR, 2 * partner.limits.batch_bytes_max) + BATCH_BYTES_FLOOR
    return _too_large(partner, 17, size // 16, [StatusCode.RESOURCE_EXHAUSTED, StatusCode.INVALID_ARGUMENT])


def _too_large(partner: Partner, count: int, size: int, codes: list[StatusCode]) -> str:
    """Send a batch that is refused for its size, before anything looks into its records."""
    if count * size > _SENT_BYTES_MAX:
        raise Skipped(f"上限过高，不测 · the limit is too high to be tried: {count * size} bytes")
    with partner.unmoved() as sender:
        answered = sender.send(sender.seal([bytes(size)] * count))
        told = partner.require_refused(answered, codes)
    if answered.code is StatusCode.INVALID_ARGUMENT and answered.reason != "TOO_LARGE":
        raise Broken(f"答复 · answered: {told}")
    return told


@PROMISES.promise(
    "record",
    "一条记录超出其上限 · one record is over the limit of a record",
    "仅该记录以 record.too_large 被拒 · it alone is rejected",
)
def _record(partner: Partner) -> str:
    size = partner.limits.record_bytes_max + 100 + _SALT_BYTES
    if size > BATCH_BYTES_FLOOR // 2:
        raise Skipped(f"上限过高，不测 · the limit is too high to be tried: {size} bytes")
    sender = partner.standing()
    records = [Record(salt=bytes(_SALT_BYTES), body=partner.records.bodies(1)[0]), _stuffed_record(partner, size)]
    receipt = partner.take_sealed(sender, sender.seal_records(records)).receipt
    found = [one.rule_id for one in receipt.rejections]
    if found != ["record.too_large"] or receipt.accepted_count != 1:
        raise Broken(f"{receipt.accepted_count} accepted, rejected: {', '.join(found) or '-'}")
    return "record.too_large"


@PROMISES.promise(
    "in_flight",
    "不等答复连发比上限多四批 · four batches more than may be unanswered, without waiting",
    "全部按序答复，一批不少；超出的由流量控制拦住 · all are answered in order; flow control holds the others back",
    clause="“Deliver”, Batches; “Limits”",
)
def _in_flight(partner: Partner) -> str:
    count = min(partner.limits.batches_in_flight_max, _IN_FLIGHT_MAX) + 4
    sender = partner.standing()
    opening, sealed = sender.opening(), list[Sealed]()
    for _ in range(count):
        sealed.append(sender.seal(partner.records.bodies(1)))
        sender.moved(sealed[-1])
    answered = sender.deliver(opening, *(one.request for one in sealed))
    if len(answered.receipts) != count:
        raise Broken(f"{len(answered.receipts)} of {count} answered: {answered.told}")
    for batch, signed in zip(sealed, answered.receipts, strict=True):
        partner.receipted(batch, signed)
    return f"{count} batches"
