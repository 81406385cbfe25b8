"""Types, units and rules in words: "中文 / English"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import text_format
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.mapping.standard import TIME, FieldFacts
from buf.validate import validate_pb2
from yrdx.types.v1 import types_pb2

_RULES: Final[Any] = validate_pb2.field
_NAMED: Final[Any] = types_pb2.rule

_KINDS: Final = {
    "string": "文本 / text",
    "int32": "整数 / whole number",
    "int64": "整数 / whole number",
    "bool": "是否 / yes or no",
    "enum": "代码 / code",
    TIME: "时刻 / instant",
    "yrdx.types.v1.Division": "行政区划 / division",
}
_UNITS: Final = {
    "fen": "分 / fen, 1/100 yuan",
    "yuan": "元 / yuan",
    "months": "月 / months",
    "score": "分值 / points",
    "m": "米 / metres",
    "hm": "百米 / 0.1 km",
    "kg": "千克 / kilograms",
    "deg": "度 / degrees",
    "deci_kmh": "0.1 千米每小时 / 0.1 km/h",
    "e6": "百万分之一度 / degrees × 10⁶",
    "rate": "比例，小数 / rate, a decimal",
    "bits": "位 / bits",
    "count": "个 / pieces",
}
_CALENDAR: Final = {"date": "日期 / date", "month": "年月 / month"}
_RULE_WORDS: Final = {
    types_pb2.RULE_CITIZEN_NUMBER: "公民身份号码校验 / check character of GB 11643, birth date exists",
    types_pb2.RULE_SOCIAL_CREDIT_CODE: "统一社会信用代码校验 / check character of GB 32100",
    types_pb2.RULE_CALENDAR_DATE: "日期存在 / a date that exists",
}
_LIMITS: Final = {
    "string.min_len": "至少 {} 个字符 / at least {} characters",
    "string.max_len": "至多 {} 个字符 / at most {} characters",
    "string.len": "{} 个字符 / {} characters",
    "string.pattern": "格式 `{}` / matches it",
    "int32.gte": "至少 {} / at least {}",
    "int32.lte": "至多 {} / at most {}",
    "int64.gte": "至少 {} / at least {}",
    "int64.lte": "至多 {} / at most {}",
    "timestamp.gte": "不早于 {} / not before {}",
    "timestamp.lt": "早于 {} / before {}",
    "repeated.max_items": "至多 {} 项 / at most {} items",
    "repeated.min_items": "至少 {} 项 / at least {} items",
    "enum.defined_only": "须为所列代码 / a listed code",
}
_SAID_ELSEWHERE: Final = frozenset({"required", "enum.not_in", "ignore"})
"""Told by "required"."""


def type_of(facts: FieldFacts) -> str:
    """Say what a field holds."""
    if facts.repeated:
        return "列表 / list"
    if facts.kind == "string" and facts.name.rpartition("_")[2] in _CALENDAR:
        return _CALENDAR[facts.name.rpartition("_")[2]]
    return _KINDS.get(facts.kind, facts.kind)


def unit_of(facts: FieldFacts) -> str:
    """Say a number's unit, which is the end of its name; "" where it has none."""
    numeric = facts.kind in {"int32", "int64"} or facts.name.endswith(("_yuan", "_rate"))
    parts = facts.name.split("_")
    tails = ("_".join(parts[start:]) for start in range(len(parts)))
    return next((_UNITS[tail] for tail in tails if tail in _UNITS), "") if numeric else ""


def rules_of(described: Any) -> Iterator[str]:  # noqa: ANN401 - FieldDescriptor of either implementation
    """Say every rule of a field, known to this file or not."""
    options = described.GetOptions()
    named = options.Extensions[_NAMED]
    if named:
        yield _RULE_WORDS.get(named, types_pb2.Rule.Name(named))
    for name, value in _stated(options.Extensions[_RULES], ""):
        if name not in _SAID_ELSEWHERE:
            words = _LIMITS.get(name)
            yield words.replace("{}", str(value)) if words else f"`{name}` {value}"


def _stated(rules: Any, above: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - FieldRules, or the rules of a kind
    """Yield what is stated of a field's rules, "int64.gte"; values of messages as protobuf's text."""
    for field, value in rules.ListFields():
        name = f"{above}{field.name}"
        if field.message_type is None or field.is_repeated:
            yield name, value
        elif field.message_type.full_name.startswith("buf.validate."):
            yield from _stated(value, f"{name}.")
        elif isinstance(value, Timestamp):
            yield name, value.ToJsonString()
        else:
            yield name, text_format.MessageToString(value, as_one_line=True)


def dataset_rules(declared: types_pb2.Dataset) -> Iterator[str]:
    """Say what must agree within a record: sums, totals over items, decisions; any other option as it is declared."""
    for total in declared.sums:
        yield f"`{total.total}` = {' + '.join(f'`{part}`' for part in total.parts)}"
    for over in declared.item_sums:
        where = f" (`{over.where}` = {over.value})" if over.where else ""
        yield f"`{over.total}` = Σ `{over.part}`{where}"
    for decision in declared.decisions:
        yield from _decision(decision)
    for field, value in declared.ListFields():
        if field.name not in {"name", "standard", "key", "sums", "item_sums", "decisions"}:
            for one in value if field.is_repeated else [value]:
                said = text_format.MessageToString(one, as_one_line=True) if field.message_type else str(one)
                yield f"{field.name}: {said}"


def _decision(declared: Any) -> Iterator[str]:  # noqa: ANN401 - Dataset.Decision
    for line in declared.lines:
        conditions = "，".join(
            f"`{one.field}` = {one.least}" if one.least == one.most else f"{one.least} ≤ `{one.field}` ≤ {one.most}"
            for one in line.conditions
        )
        yield f"{conditions} → `{declared.field}` = {line.value}"
