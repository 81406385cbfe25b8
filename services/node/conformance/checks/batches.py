"""Batches: a right one is applied and receipted, a wrong one is refused for its own reason and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from services.domain.stream import GENESIS
from services.domain.tags import BATCH
from services.node.conformance.partner import Partner
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import UNKNOWN_FIELD, Key, Sealed, Sender
from yrdx.exchange.v1 import exchange_pb2

PROMISES: Final = Promises("batches", "“Deliver”; “Errors”")

_BROKEN: Final = StatusCode.INVALID_ARGUMENT
_DENIED: Final = StatusCode.PERMISSION_DENIED
_STATE: Final = StatusCode.FAILED_PRECONDITION
_YEARS: Final = timedelta(days=10 * 365)


@PROMISES.promise(
    "accepted",
    "发送三条好记录 · three good records are sent",
    "签名的回执：批次散列、计数、水位相符 · a signed receipt; header hash, counts and watermark are right",
    clause="“Deliver”, Acknowledgement",
)
def _accepted(partner: Partner) -> str:
    receipt = partner.take_good(partner.standing(), 3).receipt
    return f"{receipt.accepted_count} + {len(receipt.rejections)} = {receipt.record_count}"


@PROMISES.promise(
    "chained",
    "一条流上连发三批，不等答复 · three batches on one stream, without waiting",
    "按序各得一份回执，水位递增；再次打开时位置就在其后 · a receipt each, in order; a new opening stands behind them",
)
def _chained(partner: Partner) -> str:
    sender = partner.standing()
    opening, sealed = sender.opening(), []
    for _ in range(3):
        sealed.append(sender.seal(partner.records.bodies(2)))
        sender.moved(sealed[-1])
    answered = sender.deliver(opening, *(one.request for one in sealed))
    for batch, signed in zip(sealed, answered.receipts, strict=False):
        partner.receipted(batch, signed)
    watermarks = [a.acknowledgement.watermark for a in answered.answers if a.HasField("acknowledgement")]
    if watermarks != [one.last_sequence for one in sealed]:
        raise Broken(f"{len(watermarks)} of {len(sealed)} acknowledgements: {answered.told}")
    standing = partner.standing()
    if (standing.sequence, standing.head) != (sender.sequence, sender.head):
        raise Broken("再次打开时位置不在最后一批之后 · a new opening does not stand behind the last batch")
    return f"watermark {standing.sequence - 1}"


@PROMISES.promise(
    "gap",
    "跳过一个序号 · one sequence is left out",
    "OUT_OF_RANGE SEQUENCE_GAP，expected_sequence 为缺少的序号 · with the sequence that is missing",
)
def _gap(partner: Partner) -> str:
    with partner.unmoved() as sender:
        sealed = sender.seal(partner.records.bodies(1), first_sequence=sender.sequence + 1)
        answered = sender.send(sealed)
        told = partner.require_refused(answered, [StatusCode.OUT_OF_RANGE], ["SEQUENCE_GAP"])
    expected = answered.info.metadata.get("expected_sequence", "")
    if expected != str(sender.sequence):
        raise Broken("expected_sequence 不是缺少的序号 · is not the sequence that is missing")
    return told


@PROMISES.promise(
    "before_a_wrong_one",
    "一条流上先发好批次，再发坏批次 · a good batch and then a wrong one on one stream",
    "好批次的回执先到且仍然有效 · the good one is acknowledged and stands",
)
def _before_a_wrong_one(partner: Partner) -> str:
    sender = partner.standing()
    opening, good = sender.opening(), sender.seal(partner.records.bodies(2))
    sender.moved(good)
    answered = sender.deliver(opening, good.request, sender.seal(partner.records.bodies(1), root=GENESIS).request)
    if len(answered.receipts) != 1 or answered.reason != "ROOT_INVALID":
        raise Broken(f"{len(answered.receipts)} acknowledged, then {answered.told}")
    partner.receipted(good, answered.receipts[0])
    if partner.standing().sequence != sender.sequence:
        raise Broken("好批次没有留下 · the good batch does not stand")
    return answered.told


def _altered(sealed: Sealed) -> Sealed:
    """Change one record after the batch was signed."""
    sealed.batch.records[0].body += b"\0"
    return sealed


def _stolen(sender: Sender, bodies: list[bytes]) -> Sealed:
    """Sign with another key under our key's name."""
    sealed = sender.seal(bodies, key=Key.new())
    sealed.batch.header.key_id = sender.key.key_id
    return sealed


def _with_content(sender: Sender, sealed: Sealed, content: bytes) -> Sealed:
    """Sign other bytes as the header."""
    sealed.batch.header.CopyFrom(sender.key.sign_bytes(BATCH, content))
    return sealed


def _without_records(sealed: Sealed) -> Sealed:
    del sealed.batch.records[:]
    return sealed


def _from_now(years: timedelta) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + years)
    return stamp


_Make = Callable[[Sender, list[bytes]], Sealed]
_CASES: Final[tuple[tuple[str, str, _Make, StatusCode, Collection[str]], ...]] = (
    ("altered", "签名后改动一条记录 · a record was changed after signing",
     lambda s, b: _altered(s.seal(b)), _BROKEN, ["ROOT_INVALID"]),
    ("root", "根散列有误 · the root is wrong", lambda s, b: s.seal(b, root=GENESIS), _BROKEN, ["ROOT_INVALID"]),
    ("signature", "签名不成立 · the signature does not stand", _stolen, _BROKEN, ["SIGNATURE_INVALID"]),
    ("unknown_key", "密钥不在信任包中 · a key that is not in the bundle",
     lambda s, b: s.seal(b, key=Key.new()), _BROKEN, ["SIGNATURE_INVALID"]),
    ("unreadable", "批头无法解析 · the header does not parse",
     lambda s, b: _with_content(s, s.seal(b), b"\xff\xff"), _BROKEN, ["CONTRACT_BROKEN"]),
    ("unknown_field", "批头含未知字段 · an unknown field in the header",
     lambda s, b: _with_content(s, s.seal(b), s.seal(b).batch.header.content + UNKNOWN_FIELD),
     _BROKEN, ["CONTRACT_BROKEN"]),
    ("counts_more", "批头称记录更多 · the header says more records",
     lambda s, b: s.seal(b, record_count=len(b) + 1), _BROKEN, ["MALFORMED"]),
    ("counts_less", "批头称记录更少 · the header says fewer records",
     lambda s, b: s.seal(b, record_count=len(b) - 1), _BROKEN, ["MALFORMED"]),
    ("no_records", "没有记录 · there are no records",
     lambda s, b: _without_records(s.seal(b)), _BROKEN, ["MALFORMED"]),
    ("sequence_over", "序号超过 2^53 − 1 · a sequence over 2^53 − 1",
     lambda s, b: s.seal(b, first_sequence=2**53), _BROKEN, ["CONTRACT_BROKEN"]),
    ("other_stream", "与开场不同的数据流 · another stream than was opened",
     lambda s, b: s.seal(b, stream=f"{s.city}/{s.to_city}/{s.dataset}/1"), _BROKEN, ["MALFORMED"]),
    ("hash_algorithm", "与纪元不同的散列算法 · another hash algorithm than the epoch's",
     lambda s, b: s.seal(b, hash_algorithm=exchange_pb2.HASH_ALGORITHM_SM3), _BROKEN, ["ROOT_INVALID", "MALFORMED"]),
    ("standard", "未知的标准版本 · an unknown version of the standard",
     lambda s, b: s.seal(b, standard="9999"), _DENIED, ["STANDARD_INCOMPATIBLE"]),
    ("previous_hash", "不承接上一批 · it does not name the batch before it",
     lambda s, b: s.seal(b, previous_hash=b"\x01" * 32), _STATE, ["HEAD_MISMATCH"]),
    ("epoch", "尚未开始的纪元 · an epoch that has not begun",
     lambda s, b: s.seal(b, epoch=s.epoch + 1), _STATE, ["EPOCH_UNKNOWN"]),
    ("agreement", "没有这样的协议 · no such agreement",
     lambda s, b: s.seal(b, agreement_id="NOBODY"), _DENIED, ["AGREEMENT_MISSING"]),
    ("sealed_before", "封装于协议生效之前 · sealed before the agreement began",
     lambda s, b: s.seal(b, sealed_time=_from_now(-_YEARS)), _DENIED, ["AGREEMENT_MISSING"]),
    ("sealed_after", "封装于协议终止之后 · sealed after the agreement ended",
     lambda s, b: s.seal(b, sealed_time=_from_now(_YEARS)), _DENIED, ["AGREEMENT_MISSING"]),
)  # fmt: skip


def _refused(make: _Make, code: StatusCode, reasons: Collection[str]) -> Callable[[Partner], str]:
    def check(partner: Partner) -> str:
        with partner.unmoved() as sender:
            sealed = make(sender, partner.records.bodies(2))
            return partner.require_refused(sender.send(sealed), [code], reasons)

    return check


for _name, _done, _make, _code, _reasons in _CASES:
    PROMISES.add(_name, _done, f"{_code.name} {' / '.join(_reasons)}", _refused(_make, _code, _reasons))
