"""Records: whatever is wrong inside one is a rejection of this record alone, told without its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from services.node.conformance.partner import Partner, Taken
from services.node.conformance.promises import Broken, Promises, Skipped
from services.node.conformance.records import Records
from services.node.conformance.sender import UNKNOWN_FIELD
from services.wire.named_rules import RULES
from yrdx.exchange.v1.exchange_pb2 import Record
from yrdx.types.v1 import types_pb2

PROMISES: Final = Promises("records", "“What a record is judged by”")

_RULE: Final[Any] = types_pb2.rule  # protoc types an extension as its mere descriptor
_OTHER_TYPE: Final = "type.googleapis.com/google.protobuf.Timestamp"
_TEXT_CHARACTERS_MIN: Final = 4
"""Shorter texts of a record may stand in any reason by chance."""


class Spoilt(NamedTuple):
    """A bad record.

    Attributes:
        rule_id: The rule that it breaks first.
        record: The record.
        message: What it says of an invented subject.
    """

    rule_id: str
    record: Record
    message: Any


def _spoilt(records: Records) -> Iterator[Spoilt]:
    """Make one record of every kind that is wrong in its envelope."""
    for rule_id, changes in (
        ("record.operation", {"operation": types_pb2.OPERATION_UNSPECIFIED}),
        ("record.key", {"key": bytes(16)}),
        ("record.reason", {"operation": types_pb2.OPERATION_RETRACT}),
        ("record.mends", {"mends": 2**53}),
    ):
        (message,) = records.messages(1)
        yield Spoilt(rule_id, _record(records.body(message, **changes).SerializeToString()), message)
    (message,) = records.messages(1)
    good = records.body(message)
    yield Spoilt("record.salt", Record(salt=bytes(15), body=good.SerializeToString()), message)
    yield Spoilt("record.unparsable", _record(b"\xff\xff"), message)
    yield Spoilt("record.unknown_field", _record(good.SerializeToString() + UNKNOWN_FIELD), message)
    nested = records.body(message)
    nested.message.value += UNKNOWN_FIELD
    yield Spoilt("record.unknown_field", _record(nested.SerializeToString()), message)
    other = records.body(message)
    other.message.type_url = _OTHER_TYPE
    yield Spoilt("record.type", _record(other.SerializeToString()), message)


def _record(body: bytes) -> Record:
    return Record(salt=bytes(range(16)), body=body)


def _sent_between_good_ones(partner: Partner, spoilt: Sequence[Spoilt]) -> Taken:
    """Send bad records with a good one before and behind them, and hold the receipt against what must be in it."""
    first, last = (_record(body) for body in partner.records.bodies(2))
    sender = partner.standing()
    sealed = sender.seal_records([first, *(one.record for one in spoilt), last])
    taken = partner.take_sealed(sender, sealed)
    expected = [(sealed.header.first_sequence + place, one.rule_id) for place, one in enumerate(spoilt, 1)]
    found = [(one.sequence, one.rule_id) for one in taken.receipt.rejections]
    if found != expected:
        missing = sorted({rule for _, rule in set(expected) - set(found)})
        others = sorted({rule for _, rule in set(found) - set(expected)})
        raise Broken(f"缺少 · missing: {', '.join(missing) or '-'}; 多出 · not expected: {', '.join(others) or '-'}")
    return taken


@PROMISES.promise(
    "rejected_alone",
    "一批中两条好记录夹着各种坏记录 · a batch with bad records of every kind between two good ones",
    "坏记录各按其规则被拒，两条好记录被接收 · each bad one is rejected by its rule, the good ones are accepted",
)
def _rejected_alone(partner: Partner) -> str:
    spoilt = list(_spoilt(partner.records))
    receipt = _sent_between_good_ones(partner, spoilt).receipt
    return f"{receipt.accepted_count} accepted, {len(receipt.rejections)} rejected"


@PROMISES.promise(
    "named_rule",
    "一条记录的校验码有误 · a check character is wrong",
    "按该规则被拒，指出字段 · rejected by that rule, with the field",
)
def _named_rule(partner: Partner) -> str:
    (message,) = partner.records.messages(1)
    field, rule_id = _checked_field(message)
    number = getattr(message, field)
    setattr(message, field, number[:-1] + ("1" if number[-1] != "1" else "2"))
    spoilt = Spoilt(rule_id, _record(partner.records.body(message).SerializeToString()), message)
    receipt = _sent_between_good_ones(partner, [spoilt]).receipt
    if receipt.rejections[0].field_path != field:
        raise Broken(f"未指出字段 · the field is not named: {field}")
    return f"{field}: {rule_id}"


def _checked_field(message: Message) -> tuple[str, str]:
    """Return a field with a check character, and the rule that holds it."""
    for field, _ in message.ListFields():
        rule = RULES.get(field.GetOptions().Extensions[_RULE])
        if rule is not None and rule.id.endswith(".check"):
            return field.name, rule.id
    raise Skipped("该数据集没有带校验码的字段 · no field of this dataset has a check character")


@PROMISES.promise(
    "no_values",
    "各种坏记录的拒绝理由 · the reasons for which bad records are rejected",
    "不含记录中的任何值 · hold no value of the records",
)
def _no_values(partner: Partner) -> str:
    spoilt = list(_spoilt(partner.records))
    taken = _sent_between_good_ones(partner, spoilt)
    texts = {text for one in spoilt for text in _texts(one.message)}
    for rejection in taken.receipt.rejections:
        said = f"{rejection.field_path} {rejection.rule_id} {rejection.reason}"
        if any(text in said for text in texts):
            raise Broken(f"{rejection.rule_id}：理由中有记录的值 · its reason holds a value of the record")
    return f"{len(taken.receipt.rejections)} reasons"


def _texts(message: Any) -> Iterator[str]:  # noqa: ANN401 - any message of the contract
    """Yield every text that a message holds, at any depth."""
    for _, value in message.ListFields():
        for one in value if not isinstance(value, str | Message) and hasattr(value, "__iter__") else [value]:
            if isinstance(one, Message):
                yield from _texts(one)
            elif isinstance(one, str) and len(one) >= _TEXT_CHARACTERS_MIN:
                yield one


@PROMISES.promise(
    "retracted",
    "说明理由撤销一条记录 · a record is retracted, with a reason",
    "接收 · it is accepted",
    clause="“Records”",
)
def _retracted(partner: Partner) -> str:
    (message,) = partner.records.messages(1)
    sender = partner.standing()
    partner.take(sender, [partner.records.body(message).SerializeToString()])
    retraction = partner.records.body(message, operation=types_pb2.OPERATION_RETRACT, reason="conformance")
    receipt = partner.take(sender, [retraction.SerializeToString()]).receipt
    if receipt.rejections:
        raise Broken(f"被拒 · rejected: {receipt.rejections[0].rule_id}")
    return "accepted"


@PROMISES.promise(
    "mended",
    "更正一条被拒的记录，再更正一次 · a rejected record is mended, and then mended once more",
    "第一次接收；第二次以 mends.superseded 拒绝 · the first is accepted, the second rejected as superseded",
    clause="“Records”, mends",
)
def _mended(partner: Partner) -> str:
    (message,) = partner.records.messages(1)
    records, sender = partner.records, partner.standing()
    rejected = records.body(message, operation=types_pb2.OPERATION_RETRACT).SerializeToString()
    mends = sender.sequence
    mended = records.body(message, mends=mends).SerializeToString()
    found = [partner.take(sender, [body]).receipt.rejections for body in (rejected, mended, mended)]
    rules = [one[0].rule_id if one else "accepted" for one in found]
    if rules != ["record.reason", "accepted", "mends.superseded"]:
        raise Broken(", ".join(rules))
    return ", ".join(rules)
