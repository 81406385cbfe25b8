"""Every rule that a mapping checks, in words: Chinese for the clerks, English beside."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    "row.cells": "应为 {expected} 列，实为 {found} 列 / {expected} cells expected, {found} found",
    "group.differs": "同一条记录的各行在该列应相同 / must be the same in all rows of the record",
    "group.empty_item": "记录有多行时，每行都应有明细 / where a record has several rows, each has details",
    "group.gap": "明细应从该记录的第一行起连续填写 / the items of a list fill the record's first rows without a gap",
    "group.too_long": "一条记录超过 {most} 行 / a record of more than {most} rows",
    "group.unreadable": (
        "同一条记录可能缺行：相邻的行无法读取 / the record may lack a row: one beside it cannot be read"
    ),
    "cell.missing": "必填项为空 / required, but nothing is given",
    "cell.means_missing": "该列以此表示未填，写不出这个值 / in this column these words say that nothing is given",
    "cell.reads_differently": (
        "写入该列后读回的不是原值（如首尾空白、异体间隔号）"
        " / written into this column it would not read back as it is (outer blanks, odd dots)"
    ),
    "citizen_number.format": "公民身份号码应为18位（或旧式15位） / must be 18 characters, or 15 of the old form",
    "citizen_number.precision": (
        "身份号码已被电子表格取整，请从原系统重新导出 / rounded by a spreadsheet: export it again from its system"
    ),
    "citizen_number.birth_date": "身份号码中的出生日期不存在 / the birth date in it does not exist",
    "citizen_number.check": "身份号码校验码不符 / the check character is wrong (GB 11643)",
    "social_credit_code.format": (
        "统一社会信用代码应为18位数字或大写字母（不含 I O S V Z） / must be 18 of 0-9 and A-Z without I O S V Z"
    ),
    "social_credit_code.check": "统一社会信用代码校验码不符 / the check character is wrong (GB 32100)",
    "code.unknown": "代码不在代码表“{system}”中 / the code is not in the code system {system}",
    "code.unsaid": "代码表“{system}”没有表示该值的代码 / the code system {system} has no code for this value",
    "date.format": "日期应写作 {format} / must be written as {format}",
    "date.calendar": "日期不存在 / no such date",
    "date.precision": "该列只能写 {format} / the column can only say {format}",
    "time.format": "时间应写作 {format} / must be written as {format}",
    "time.precision": "该列只能写 {format}，写不出更小的时间单位 / the column can only say {format}, nothing finer",
    "count.format": "应为整数，不带符号和前导零 / must be a whole number without sign and leading zeros",
    "count.range": "应在 {least} 与 {most} 之间 / must lie between {least} and {most}",
    "decimal.format": "应为小数，如 0.16 / must be a decimal like 0.16",
    "decimal.range": "小数位数或大小超出标准 / more decimals than the standard has, or outside its range",
    "percent.format": "应为百分数，如 16% / must be a percentage like 16%",
    "converter.range": "换算后超出标准的范围 / outside the standard's range once converted",
    "converter.years_months": (
        "年数应为0至99，余下月数应为0至11 / years must be 0 to 99, the months beyond them 0 to 11"
    ),
    "default.differs": "该方言的表只登记另一种情形，写不出这条记录 / the dialect's table is not about such records",
    "fixed.other": "该列不是“{word}”的行不发送 / only rows with {word} in this column are sent",
    "digits.format": "应为 {count} 位数字 / must be {count} digits",
    "money.yuan2": (
        "金额应为元、两位小数、不带符号和千分位（如 1234.50），最多 99999999.99"
        " / must be yuan with two decimals, no sign, no separators, at most 99999999.99"
    ),
    "money.fen": (
        "金额应为分、整数、不带符号和小数，最多 9999999999"
        " / must be whole fen, no sign, no decimals, at most 9999999999"
    ),
    "sum.mismatch": "{total} 应等于 {parts} 之和 / {total} must be the sum of {parts}",
    "count.differs": "明细的项数与 {others} 不符 / not as many items of each kind as {others} asks for",
    "decision.differs": "{field} 与 {others} 不符 / {field} does not follow from {others}",
    "serial.format": "应为 {digits} 位数字，外地流水号以 # 开头 / must be {digits} digits, or # and a foreign serial",
    "text.pattern": "含有不允许的字符，或长度不符 / holds characters that are not allowed, or has another length",
    "text.too_long": "超过 {most} 个字符 / longer than {most} characters",
    "text.control": "含控制字符或不可见字符 / holds control or invisible characters",
    "text.private_use": (
        "含自造字（Unicode 私用区），无法确定是哪个字，请改用标准字"
        " / holds a private-use character: which one it means is not known, write the standard one"
    ),
    "typed.kind": "该列写不出这种类型的值 / a value of this type has no place in this column",
    "typed.fraction": "该列不能有小数 / a number with a fraction has no place in this column",
    "typed.precision": (
        "数字超过15位，电子表格已取整，请以文本导出 / over 15 digits, rounded by a spreadsheet: export it as text"
    ),
    "typed.decimals": "金额超过两位小数 / money with more than two decimals",
    "typed.time": "该列只写日期，值却含时刻 / the column holds days, and the value has a time of day",
    "typed.day": "该列只写 {format}，值却含日 / the column only says {format}, and the value has a day",
    "division.format": "区划代码应为6、9或12位数字 / must be 6, 9 or 12 digits",
    "division.not_in_force": "区划代码在“{system}”中不是现行代码 / the code is not in force in {system}",
}


def reason_text(rule_id: str, **facts: object) -> str:
    """Say why a rule refuses.

    Args:
        rule_id: A key of ``REASONS``.
        facts: What the text names; never a value of the row.

    Raises:
        KeyError: The rule, or a fact that its text names, is missing (our mistake).
    """
    return REASONS[rule_id].format(**facts)
