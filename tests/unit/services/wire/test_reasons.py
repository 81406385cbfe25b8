"""Reasons are for people, and never come from the engine."""

from __future__ import annotations

from services.wire.reasons import reason_of, sum_reason


def test_limits_of_the_contract_are_named() -> None:
    """A clerk learns how long a text may be."""
    assert reason_of("string.max_len", 50) == "至多 50 个字符 (at most 50 characters)"


def test_a_limit_that_is_not_known_is_left_out() -> None:
    """A reason without its number is still a sentence."""
    assert "{" not in reason_of("string.max_len", None)


def test_any_rule_has_a_reason() -> None:
    """Also a rule that was added to the contract yesterday."""
    assert reason_of("int64.gte_lt") == reason_of("uint32.lte") != reason_of("person.made_up") != ""


def test_a_sum_names_its_fields() -> None:
    """The fields are named, the numbers are not."""
    assert sum_reason("a", ["b", "c"]) == "合计不等于各项之和 (a is not b + c)"
