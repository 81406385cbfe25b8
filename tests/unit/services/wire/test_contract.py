"""Messages against the contract: what is refused, and that nothing of the value gets out."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from services.wire.contract import (
    SIGNED_CONTENT_BYTES_MAX,
    ContractBroken,
    drop_unknown_fields,
    first_violation,
    parse_content,
    verify_rules,
)
from tests.unit.services.wire.protos import compile_messages
from tests.unit.services.wire.samples import contribution
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest, Signed
from yrdx.types.v1.types_pb2 import Division

UNKNOWN = b"\xfa\x3f\x01x"


def test_a_message_that_keeps_the_rules_is_returned() -> None:
    """`verify_rules` returns the verified thing."""
    message = contribution()

    assert verify_rules(message) is message
    assert first_violation(message) is None


def test_broken_rules_are_listed_with_their_fields() -> None:
    """Every broken rule is told, up to a number that fits into the answer."""
    with pytest.raises(ContractBroken) as caught:
        verify_rules(contribution(person_name="", division=Division(code="1")))

    assert [(one.field_path, one.rule_id) for one in caught.value.violations] == [
        ("person_name", "string.min_len"),
        ("division.code", "string.pattern"),
    ]
    assert str(caught.value) == (
        "Contribution breaks the contract: person_name (string.min_len), division.code (string.pattern)"
    )


def test_no_more_violations_than_fit_into_an_answer() -> None:
    """An empty message breaks more rules than an answer lists."""
    with pytest.raises(ContractBroken) as caught:
        verify_rules(type(contribution())())

    assert len(caught.value.violations) == 16


def test_a_choice_that_was_not_made_is_named() -> None:
    """Exactly one kind of request is sent."""
    violation = first_violation(DeliverRequest())

    assert violation is not None
    assert (violation.field_path, violation.rule_id) == ("kind", "required")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff", "do not parse"),
        (Division(code="320600").SerializeToString() + UNKNOWN, "does not define"),
        (b"", r"code \(string.pattern\)"),
        (bytes(SIGNED_CONTENT_BYTES_MAX + 1), "over 4194304 bytes"),
    ],
)
def test_signed_bytes_that_break_the_contract_are_refused(content: bytes, why: str) -> None:
    """Too long, unparsable, unknown fields and broken rules are told apart."""
    with pytest.raises(ContractBroken, match=why):
        parse_content(Division, content)


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused(content: bytes) -> None:
    """Parsing raises nothing but the error that names the contract."""
    try:
        parsed = parse_content(Signed, content)
    except ContractBroken:
        return
    assert len(parsed.signature) == 64


def test_unknown_fields_are_noticed_however_the_known_ones_were_written() -> None:
    """A field written twice, or a number written at length, is no unknown field; nor does it hide one."""
    code = Division(code="320600").SerializeToString()
    twice = Division.FromString(code + code)

    assert not drop_unknown_fields(twice)
    assert drop_unknown_fields(Division.FromString(code + code + UNKNOWN))


LEAKY = """
message Leaky {
  map<string, string> notes = 1 [(buf.validate.field).map.values.string.min_len = 1];
  repeated Leaf leaves = 2;
  string name = 3 [(buf.validate.field).cel = {
    id: "name.told"
    expression: "this == '' ? '' : 'no such name: ' + this"
  }];
  int64 part = 4 [(buf.validate.field).cel = {
    id: "part.divides"
    message: "must divide"
    expression: "100 / this == 1"
  }];
}
message Leaf { string code = 1 [(buf.validate.field).string.min_len = 1]; }
"""


def test_map_keys_engine_messages_and_failed_rules_tell_no_value(tmp_path: Path) -> None:
    """Map keys are values, a rule's own message may quote one, and a rule that cannot be evaluated was not kept."""
    leaky = GetMessageClass(compile_messages(tmp_path, LEAKY)["Leaky"])
    cases = [
        (leaky(part=100, notes={"SECRET": ""}), "notes[]", "string.min_len"),
        (leaky(part=100, leaves=[{"code": "x"}, {}]), "leaves[1].code", "string.min_len"),
        (leaky(part=100, name="SECRET"), "name", "name.told"),
        (leaky(part=0, name="SECRET" * 0), "", "record.rule"),
    ]
    for message, path, rule_id in cases:
        violation = first_violation(message)
        assert violation is not None
        assert (violation.field_path, violation.rule_id) == (path, rule_id)
        assert "SECRET" not in repr(violation)
