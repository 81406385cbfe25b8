"""Openings: a right one is answered with a signed position, a wrong one is refused for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grpc import StatusCode

from services.domain.tags import OPENING
from services.node.conformance.partner import Partner
from services.node.conformance.promises import Promises
from services.node.conformance.sender import UNKNOWN_FIELD, Key, Sender
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest

PROMISES: Final = Promises("openings", "“Deliver”, Opening; “Errors”")

_BROKEN: Final = StatusCode.INVALID_ARGUMENT
_DENIED: Final = StatusCode.PERMISSION_DENIED
_ELSEWHERE: Final = "990000"


@PROMISES.promise(
    "position",
    "打开数据流 · the stream is opened",
    "签名的位置，含开场的散列 · a signed position with the opening's hash",
    clause="“Deliver”, Position",
)
def _position(partner: Partner) -> str:
    standing = partner.standing()
    return f"epoch {standing.epoch}, watermark {standing.sequence - 1}"


def _stolen(sender: Sender) -> DeliverRequest:
    """Return an opening that claims our key and is signed with another one."""
    request = sender.opening(key=Key.new())
    request.opening.key_id = sender.key.key_id
    return request


def _newer(sender: Sender) -> DeliverRequest:
    """Return an opening with a field of a newer contract in what is signed."""
    content = sender.opening().opening.content + UNKNOWN_FIELD
    return DeliverRequest(opening=sender.key.sign_bytes(OPENING, content))


def _unreadable(sender: Sender) -> DeliverRequest:
    return DeliverRequest(opening=sender.key.sign_bytes(OPENING, b"\xff\xff"))


def _unnamed(sender: Sender) -> DeliverRequest:
    return DeliverRequest(opening=exchange_pb2.Signed(content=b"1", key_id="", signature=bytes(64)))


def _elsewhere(sender: Sender, *, to: bool) -> str:
    cities = (sender.city, _ELSEWHERE) if to else (_ELSEWHERE, sender.to_city)
    return f"{cities[0]}/{cities[1]}/{sender.dataset}/0"


_Make = Callable[[Sender], list[DeliverRequest]]
_CASES: Final[tuple[tuple[str, str, _Make, StatusCode, str], ...]] = (
    ("nothing", "流中什么也没有 · the stream holds nothing", lambda _: [], _BROKEN, "MALFORMED"),
    (
        "batch_first", "先发批次 · a batch comes first",
        lambda s: [s.seal([b""]).request, s.opening()], _BROKEN, "MALFORMED",
    ),
    ("twice", "开场两次 · it is opened twice", lambda s: [s.opening(), s.opening()], _BROKEN, "MALFORMED"),
    ("empty", "空消息 · the message is empty", lambda _: [DeliverRequest()], _BROKEN, "CONTRACT_BROKEN"),
    ("unreadable", "签名内容无法解析 · signed bytes that do not parse",
     lambda s: [_unreadable(s)], _BROKEN, "CONTRACT_BROKEN"),
    ("unknown_field", "签名内容含未知字段 · an unknown field in what is signed",
     lambda s: [_newer(s)], _BROKEN, "CONTRACT_BROKEN"),
    ("no_key_id", "缺少密钥标识 · the key id is missing", lambda s: [_unnamed(s)], _BROKEN, "CONTRACT_BROKEN"),
    ("signature", "签名不成立 · the signature does not stand",
     lambda s: [_stolen(s)], _BROKEN, "SIGNATURE_INVALID"),
    ("unknown_key", "密钥不在信任包中 · a key that is not in the bundle",
     lambda s: [s.opening(key=Key.new())], _BROKEN, "SIGNATURE_INVALID"),
    ("foreign_stream", "他市的数据流 · another city's stream",
     lambda s: [s.opening(stream=_elsewhere(s, to=False))], _DENIED, "NOT_PERMITTED"),
    ("foreign_target", "发往他市的数据流 · a stream to another city",
     lambda s: [s.opening(stream=_elsewhere(s, to=True))], _DENIED, "NOT_PERMITTED"),
    ("agreement", "没有这样的协议 · no such agreement",
     lambda s: [s.opening(agreement_id="NOBODY")], _DENIED, "AGREEMENT_MISSING"),
    ("agreement_version", "没有这一版协议 · no such version of the agreement",
     lambda s: [s.opening(agreement_version=s.agreement_version + 1000)], _DENIED, "AGREEMENT_MISSING"),
    ("standard", "未知的标准版本 · an unknown version of the standard",
     lambda s: [s.opening(standard="9999")], _DENIED, "STANDARD_INCOMPATIBLE"),
    ("epoch", "无人宣布的纪元 · an epoch that nobody announced",
     lambda s: [s.opening(epoch=s.epoch + 2)], StatusCode.FAILED_PRECONDITION, "EPOCH_UNKNOWN"),
)  # fmt: skip


def _refused(make: _Make, code: StatusCode, reason: str) -> Callable[[Partner], str]:
    def check(partner: Partner) -> str:
        with partner.unmoved() as sender:
            return partner.require_refused(sender.deliver(*make(sender)), [code], [reason])

    return check


for _name, _done, _make, _code, _reason in _CASES:
    PROMISES.add(_name, _done, f"{_code.name} {_reason}", _refused(_make, _code, _reason))
