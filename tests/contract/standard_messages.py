"""Messages of any regional standard, drawn from what its .proto says: a new standard needs no code here."""

from __future__ import annotations

from datetime import date
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from adapters.mapping.divisions import load_divisions
from adapters.mapping.standard import Standard
from buf.validate import validate_pb2
from services.domain.check_digits import citizen_number_check, social_credit_check
from yrdx.types.v1 import types_pb2

DIVISIONS = load_divisions("2026-01-01")
PLAIN = st.text("张三李四欧阳·𠮷𬭎㛃䶮南通纺织有限公司Abz()（）", min_size=1, max_size=20)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
TRICKY = st.sampled_from(
    ["--", "—", "不详", " 张三", "张三 ", "a•b", "\ue863", "a\u200bb", "=1+1", "'=1", "a\nb", "#", "-5"]
)


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    """Any number with an existing birth date and the right check character."""
    birth = draw(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
    body = f"{draw(st.integers(100_000, 999_999))}{birth:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + citizen_number_check(body)


@st.composite
def social_credit_codes(draw: st.DrawFn) -> str:
    """Any code with the right check character."""
    body = draw(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
    return body + social_credit_check(body)


@st.composite
def divisions(draw: st.DrawFn, *, any_code: bool) -> types_pb2.Division:
    """A division: as our table resolves it, or, if asked for, whatever the pattern lets through."""
    if any_code and draw(st.booleans()):
        code, source = draw(st.sampled_from(list(DIVISIONS.areas))), draw(st.sampled_from(["", *DIVISIONS.areas]))
        code = draw(st.sampled_from([code, f"{draw(st.integers(100_000, 999_999))}"]))
        return types_pb2.Division(code=code, source_code=source, as_of="2020-01-01" if source else "")
    written = draw(st.sampled_from(list(DIVISIONS.areas))) + draw(st.sampled_from(["", "100", "001200"]))
    code = DIVISIONS.resolve(written[:6]) or ""
    if code == written:
        return types_pb2.Division(code=code)
    return types_pb2.Division(code=code, source_code=written, as_of=DIVISIONS.edition)


def messages(standard: Standard, *, any_value: bool) -> st.SearchStrategy[Any]:
    """Draw messages that pass the gate.

    Args:
        standard: Whose.
        any_value: Also values that hardly a dialect can say: odd texts, divisions of other tables.
    """
    fields = {}
    described: Any
    for described in standard.message_type.DESCRIPTOR.fields:
        values = _values(described, any_value)
        optional = not standard.fields[described.name].required
        fields[described.name] = st.none() | values if optional else values
    return st.fixed_dictionaries(fields).map(lambda drawn: _message(standard, drawn))


def _message(standard: Standard, drawn: dict[str, Any]) -> Message:
    """Build a message whose sums add up."""
    for total, parts in standard.sums:
        drawn |= {part: (drawn[part] or 0) // len(parts) for part in parts}
        drawn[total] = sum(drawn[part] for part in parts)
    return standard.message_type(**drawn)


def _values(described: FieldDescriptor, any_value: bool) -> st.SearchStrategy[Any]:
    """Values of one field, by its rules."""
    options: Any = described.GetOptions()
    rules = options.Extensions[validate_pb2.field]
    match options.Extensions[types_pb2.rule]:
        case types_pb2.RULE_CITIZEN_NUMBER:
            return citizen_numbers()
        case types_pb2.RULE_SOCIAL_CREDIT_CODE:
            return social_credit_codes()
        case types_pb2.RULE_CALENDAR_DATE:
            return _dates(rules.string.pattern)
    if described.type == FieldDescriptor.TYPE_STRING:
        return _texts(rules.string, any_value)
    by_type: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_INT64: st.integers(rules.int64.gte, rules.int64.lte),
        FieldDescriptor.TYPE_MESSAGE: divisions(any_code=any_value),
    }
    if described.enum_type is not None:
        return st.sampled_from([value.number for value in described.enum_type.values if value.number])
    return by_type[described.type]


def _texts(rules: validate_pb2.StringRules, any_value: bool) -> st.SearchStrategy[str]:
    """Texts by pattern, or any."""
    if rules.HasField("pattern"):
        return st.from_regex(rules.pattern.replace("$", r"\Z"), fullmatch=True)
    texts = PLAIN | ANY_TEXT | TRICKY if any_value else PLAIN
    return texts.map(lambda text: text[: rules.max_len])


def _dates(pattern: str) -> st.SearchStrategy[str]:
    """Days, months or both, as the pattern has them."""
    days = st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(date.isoformat)
    months = days.map(lambda day: day[:7])
    if pattern.endswith(")?)?$"):
        return days | months
    return days if pattern.count("[0-9]{2}") == 3 else months
