"""Named domain rules are checked wherever the contract declares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.domain.receipt import Violation
from services.wire.named_rules import RULES, compile_named_rules
from services.wire.reasons import reason_of
from tests.unit.services.wire.protos import compile_messages
from tests.unit.services.wire.samples import citizen_number
from yrdx.types.v1.types_pb2 import Rule

Family = tuple[Callable[[Message], Violation | None], Callable[..., Message]]

DATE = "[(yrdx.types.v1.rule) = RULE_CALENDAR_DATE]"
FAMILY = f"""
message Family {{
  string person = 1 [(yrdx.types.v1.rule) = RULE_CITIZEN_NUMBER];
  Span span = 2;
  repeated Row rows = 3;
  repeated string days = 4 {DATE};
  oneof when {{
    string day = 5 {DATE};
    Span during = 6;
  }}
  string plain = 7;
}}
message Span {{ string begin = 1 {DATE}; Inner inner = 2; }}
message Inner {{ string day = 1 {DATE}; repeated Row rows = 2; }}
message Row {{ string day = 1 {DATE}; Plain plain = 2; }}
message Plain {{ string text = 1; Plain more = 2; map<string, string> notes = 3; }}
"""


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Compiled rules of a type that has them everywhere, and its class."""
    descriptor = compile_messages(tmp_path_factory.mktemp("protos"), FAMILY)["Family"]
    return compile_named_rules(descriptor), GetMessageClass(descriptor)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"person": "320602199002301231"}, "person"),
        ({"span": {"begin": "2026-13"}}, "span.begin"),
        ({"span": {"inner": {"day": "2026-02-30"}}}, "span.inner.day"),
        ({"span": {"inner": {"rows": [{"day": "2026-01"}, {"day": "x"}]}}}, "span.inner.rows[1].day"),
        ({"rows": [{"day": "2026-01-01"}, {"day": "2026-01-32"}]}, "rows[1].day"),
        ({"days": ["2026-01-01", "2026-00-01"]}, "days[1]"),
        ({"day": "never"}, "day"),
        ({"during": {"begin": "2026"}}, "during.begin"),
    ],
)
def test_a_broken_rule_is_found_at_any_depth(family: Family, fields: dict[str, Any], path: str) -> None:
    """Single, repeated, nested and alternative fields are all checked, and the path says which it was."""
    first_broken, message_class = family

    found = first_broken(message_class(**fields))

    assert found is not None
    assert found.field_path == path
    assert found.reason == reason_of(found.rule_id)


def test_empty_and_right_texts_pass(family: Family) -> None:
    """Whether a field may be empty is its pattern's business, not the named rule's."""
    first_broken, message_class = family

    assert first_broken(message_class()) is None
    right = message_class(person=citizen_number(), span={"begin": "2026-02-28"}, days=["2024-02-29", ""])
    assert first_broken(right) is None


def test_the_first_declared_field_is_the_verdict(family: Family) -> None:
    """Of several broken rules the one of the field that stands first in the .proto is named."""
    first_broken, message_class = family

    found = first_broken(message_class(person="1" * 18, day="x", days=["y"]))

    assert found is not None
    assert found.field_path == "person"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("message Top { int64 day = 1 [(yrdx.types.v1.rule) = RULE_CALENDAR_DATE]; }", "string field"),
        (f"message Top {{ map<string, Leaf> leaves = 1; }} message Leaf {{ string day = 1 {DATE}; }}", "map"),
        (f"message Top {{ string day = 1 {DATE}; Top next = 2; }}", "recursive"),
        (f"message Top {{ string day = 1 {DATE}; repeated Top next = 2; }}", "recursive"),
    ],
)
def test_a_rule_where_it_cannot_be_checked_is_refused(text: str, why: str, tmp_path: Path) -> None:
    """Such a declaration stops the node at start instead of checking nothing."""
    with pytest.raises(ValueError, match=why):
        compile_named_rules(compile_messages(tmp_path, text)["Top"])


def test_every_rule_of_the_contract_has_code_and_a_reason() -> None:
    """Adding a rule to the enum without its code fails here."""
    assert set(RULES) == set(Rule.values()) - {0}
    assert all(reason_of(rule.id) != reason_of("") for rule in RULES.values())
