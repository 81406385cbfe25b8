"""Why something is refused, in words for people, by rule id.

The engine's own messages are never passed on: a rule of one's own (CEL) may put the value into its message, and
values are personal data. Clerks read these, so Chinese comes first.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    # The record as a whole.
    "record.too_large": "记录超过字节上限 (the record is over the size limit)",
    "record.unparsable": "记录无法解析 (the bytes are not the message they should be)",
    "record.unknown_field": "含有该标准未定义的字段 (holds a field that this version of the standard does not define)",
    "record.newer_field": "协议约定的标准版本没有该内容 (added by a later version of the standard than the agreed one)",
    "record.type": "消息类型不是该数据集的标准 (the message is not of the stream's dataset)",
    "record.message": "缺少业务消息 (the message is missing)",
    "record.operation": "操作类型缺失或未定义 (the operation is missing or undefined)",
    "record.key": "业务主键与消息内容不符 (the key is not the message's business key)",
    "record.reason": "撤销须说明原因，且不超过 200 字 (a retraction needs a reason, of at most 200 characters)",
    "record.source_time": "来源时间不在 1970 至 9999 年之间 (the source's time is not between 1970 and 9999)",
    "record.mends": "所更正的序号超出范围 (the mended sequence is out of range)",
    # Named domain rules, sums, agreements.
    "citizen_number.check": "公民身份号码的出生日期或校验码不正确 (birth date or check character is wrong)",
    "social_credit_code.check": "统一社会信用代码的校验码不正确 (the check character is wrong)",
    "calendar_date.exists": "日期不存在 (no such date)",
    "agreement.field": "协议未包含该字段 (the agreement does not let this field through)",
    # buf.validate.
    "required": "必填 (required)",
    "string.pattern": "格式不正确 (the format is wrong)",
    "string.len": "须为 {limit} 个字符 (must have {limit} characters)",
    "string.min_len": "至少 {limit} 个字符 (at least {limit} characters)",
    "string.max_len": "至多 {limit} 个字符 (at most {limit} characters)",
    "string.in": "不在允许的取值之内 (none of the allowed values)",
    "bytes.len": "须为 {limit} 字节 (must have {limit} bytes)",
    "bytes.min_len": "至少 {limit} 字节 (at least {limit} bytes)",
    "bytes.max_len": "至多 {limit} 字节 (at most {limit} bytes)",
    "enum.defined_only": "代码未定义 (the code is not defined)",
    "enum.not_in": "代码未填写或不允许 (the code is missing or not allowed)",
    "repeated.min_items": "至少 {limit} 项 (at least {limit} items)",
    "repeated.max_items": "至多 {limit} 项 (at most {limit} items)",
}
"""Rule id → text; ``{limit}`` is what the rule compares with."""

_RANGE: Final = "超出允许范围 (outside the allowed range)"
_OTHER: Final = "不符合规则 (breaks the rule)"


def reason_of(rule_id: str, limit: object = None) -> str:
    """Say why in plain language.

    Args:
        rule_id: Stable identifier of the rule, of ours or of buf.validate.
        limit: What the rule compares with, from the contract (never from the message).
    """
    text = REASONS.get(rule_id)
    if text is None:
        kind = rule_id.rpartition(".")[2]
        return _RANGE if kind.startswith(("gt", "lt", "len_bytes", "min_bytes", "max_bytes")) else _OTHER
    return text.format(limit=limit) if isinstance(limit, int) else text.replace("{limit}", "…")


def sum_reason(total: str, parts: list[str]) -> str:
    """Name the fields of a sum that does not add up, without their values."""
    return f"合计不等于各项之和 ({total} is not {' + '.join(parts)})"


def count_reason(field: str, others: list[str]) -> str:
    """Name the field by which items are counted, and what asks for their number."""
    return f"明细的项数不符 (not as many items by {field} as {', '.join(others)} asks for)"


def decision_reason(field: str, others: list[str]) -> str:
    """Name a field that is not what others decide, and these, without their values."""
    return f"与所依据的字段不符 ({field} does not follow from {', '.join(others)})"
