"""Whole columns are never judged more kindly than protovalidate and the named rules judge each message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.wire.columns import Columns, compile_columns
from services.wire.contract import first_violation
from tests.unit.services.wire.protos import compile_messages
from tests.unit.services.wire.samples import CONTRIBUTION, contribution, record
from yrdx.social.v1.contribution_pb2 import Contribution
from yrdx.types.v1.types_pb2 import Division, RecordBody

EVERY_RULE = """
enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; COLOUR_BLUE = 5; }
message Inner { string code = 1 [(buf.validate.field).string.pattern = "^[a-z]{2}$"]; }
message Every {
  string between = 1 [(buf.validate.field).string = {min_len: 1, max_len: 3}];
  string exactly = 2 [(buf.validate.field).string.len = 2];
  string shaped = 3 [(buf.validate.field).string.pattern = "^(a|bc)?[0-9]{1,2}$"];
  string either = 4 [(buf.validate.field).string.pattern = "^a|b$"];
  string dotted = 5 [(buf.validate.field).string.pattern = "^a\\\\.b.?$"];
  string among = 6 [(buf.validate.field).string = {in: ["", "x", "y"]}];
  string not_among = 7 [(buf.validate.field).string = {not_in: ["z"]}];
  bytes raw = 8 [(buf.validate.field).bytes = {min_len: 0, max_len: 2}];
  optional int64 low = 9 [(buf.validate.field).required = true, (buf.validate.field).int64 = {gte: -3, lt: 9}];
  optional int32 high = 10 [(buf.validate.field).int32 = {gt: -1, lte: 4}];
  uint64 count = 11 [(buf.validate.field).uint64.lte = 7];
  Colour colour = 12 [(buf.validate.field).enum = {defined_only: true, not_in: [0]}];
  Inner inner = 13 [(buf.validate.field).required = true];
  repeated Inner items = 14 [(buf.validate.field).repeated = {min_items: 1, max_items: 2}];
  .google.protobuf.Timestamp at = 15 [(buf.validate.field).timestamp = {gte: {seconds: 0}, lt: {seconds: 99}}];
  string day = 16 [(yrdx.types.v1.rule) = RULE_CALENDAR_DATE, (buf.validate.field).string.max_len = 10];
  string given = 17 [(buf.validate.field).required = true];
  Inner perhaps = 18;
}
"""

UNSAID = {
    "an escape": 'string a = 1 [(buf.validate.field).string.pattern = "^\\\\d$"];',
    "half an anchor": 'string a = 1 [(buf.validate.field).string.pattern = "^a"];',
    "an option": 'string a = 1 [(buf.validate.field).string.pattern = "^(?i)a$"];',
    "another rule": 'string a = 1 [(buf.validate.field).string.prefix = "a"];',
    "an item's rule": "repeated string a = 1 [(buf.validate.field).repeated.items.string.min_len = 1];",
    "a rule of its own": 'string a = 1 [(buf.validate.field).cel = {id: "a", expression: "this != \'z\'"}];',
    "a rule of the message": 'option (buf.validate.message).cel = {id: "a", expression: "true"}; string a = 1;',
    "a choice": "oneof a { option (buf.validate.oneof).required = true; string b = 1; string c = 2; }",
    "a map": "map<string, string> a = 1;",
    "itself": "Made a = 1;",
}

words = st.sampled_from(
    ["", "a", "ab", "abc", "abcd", "a1", "bc12", "7", "a\n", "b\n", "a.b", "a1b", "a.b\n", "x", "z", "٣"]
)
texts = words | st.text("ab.1\n", max_size=4)


def made(folder: Path, text: str, name: str) -> Any:
    """Compile messages and return one's class."""
    return GetMessageClass(compile_messages(folder, text)[name])


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the class of the message with every rule that is said about columns."""
    return made(tmp_path_factory.mktemp("proto"), EVERY_RULE, "Every")


def good(every: Any) -> Any:
    """Return a message that keeps every rule."""
    return every(
        between="ab", exactly="ab", shaped="bc1", either="a", dotted="a.b", among="x", not_among="x", raw=b"1",
        low=0, high=1, count=1, colour=5, inner={"code": "ab"}, items=[{"code": "cd"}], at=Timestamp(seconds=1),
        day="2026-02", given="x",
    )  # fmt: skip


def keeps(messages: list[Any]) -> bool:
    """Ask about messages of one type together."""
    return compile_columns(messages[0].DESCRIPTOR)(Columns(messages))


def test_good_messages_are_found_good_together(every: Any) -> None:
    """The usual case is decided without asking message by message: the speed depends on it."""
    assert first_violation(good(every)) is None
    assert keeps([good(every), good(every)])
    assert keeps([good(every), every(**{"perhaps": {"code": "ab"}} | {f.name: v for f, v in good(every).ListFields()})])
    assert keeps([contribution(serial) for serial in range(1, 30)])
    assert keeps([record(), record()])


@given(st.data())
def test_what_keeps_the_rules_together_keeps_them_alone(every: Any, data: st.DataObject) -> None:
    """Whatever one field of one message holds: found good together means no violation alone."""
    message = good(every)
    field = data.draw(st.sampled_from(list(every.DESCRIPTOR.fields)))
    _change(data, message, field)
    if keeps([good(every), message]):
        assert first_violation(message) is None


def _change(data: st.DataObject, message: Any, field: Any) -> None:
    if data.draw(st.booleans(), "absent"):
        message.ClearField(field.name)
    elif field.name == "items":
        del message.items[:]
        for code in data.draw(st.lists(texts, max_size=3)):
            message.items.add(code=code)
    elif field.name in {"inner", "perhaps"}:
        getattr(message, field.name).code = data.draw(texts)
    elif field.name == "at":
        message.at.seconds, message.at.nanos = data.draw(st.tuples(st.integers(-2, 101), st.integers(-1, 10**9)))
    elif field.cpp_type == field.CPPTYPE_STRING:
        text = data.draw(texts)
        setattr(message, field.name, text.encode() if field.name == "raw" else text)
    else:
        setattr(message, field.name, data.draw(st.integers(0 if field.name == "count" else -5, 12)))


@given(st.data())
def test_contributions_are_never_judged_too_kindly(data: st.DataObject) -> None:
    """The same for the first regional standard, its named rules included."""
    message = contribution(data.draw(st.integers(1, 99)))
    field = data.draw(st.sampled_from([f for f in Contribution.DESCRIPTOR.fields if f.name != "division"]))
    present = getattr(message, field.name)
    if isinstance(present, str):
        other = present[:-1] + data.draw(st.sampled_from(["0", "X", "x", "\n", "", present[-1:] + "\n"]))
        setattr(message, field.name, data.draw(st.sampled_from([other, "", "2026-02-30", "2026-13"])))
    else:
        setattr(message, field.name, data.draw(st.sampled_from([0, 1, 110])))
    if keeps([message]):
        assert first_violation(message) is None
        assert CONTRIBUTION.first_broken(message) is None or field.name.endswith("_fen")


@pytest.mark.parametrize("field", ["paid", "division", "base_fen"])
def test_what_is_required_must_be_there(field: str) -> None:
    """An absent field that is required is no default value."""
    message = contribution()
    message.ClearField(field)
    assert not keeps([contribution(), message])


def test_inner_messages_are_asked_too() -> None:
    """Rules inside a field count, named ones too."""
    assert not keeps([contribution(division=Division(code="32060"))])
    assert not keeps([contribution(division=Division(code="320602", as_of="2026-02-30"))])


@pytest.mark.parametrize("text", UNSAID.values(), ids=UNSAID)
def test_a_rule_that_is_not_said_is_never_kept(text: str, tmp_path: Path) -> None:
    """Where a type has any other rule, the rules' owners are always asked."""
    message: Message = made(tmp_path, f"message Made {{ {text} }}", "Made")()
    assert not keeps([message])


def test_envelopes_are_asked_for_instants_that_can_be() -> None:
    """Nanoseconds beyond a second are no instant, though protovalidate lets them pass."""
    body = RecordBody()
    body.CopyFrom(record())
    body.source_time.seconds, body.source_time.nanos = 5, 10**9
    assert not keeps([body])
    body.source_time.nanos = 5
    assert keeps([body])
