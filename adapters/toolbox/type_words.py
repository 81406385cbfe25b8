"""The types of columns in words for people, Chinese with English beside."""

from __future__ import annotations

from typing import Final

from adapters.mapping.converters import CONVERTERS
from adapters.mapping.declared_columns import (
    CarryingColumn,
    CodeColumn,
    ConvertedColumn,
    DateColumn,
    DigitsColumn,
    SerialColumn,
    TimeColumn,
)

_PLAIN: Final = {
    "text": "文字 / text",
    "name": "姓名 / a person's name",
    "citizen_number": "公民身份号码 / citizen number",
    "social_credit_code": "统一社会信用代码 / unified social credit code",
    "yuan2": "金额，元，两位小数 / yuan with two decimals",
    "fen": "金额，分，整数 / whole fen",
    "count": "整数 / whole number",
    "decimal": "小数，如 0.16 / decimal, 0.16",
    "percent": "百分数，如 16% / percentage, 16%",
    "division": "区划代码 / division code",
    "division_name": "区划名称 / division by name",
}


def type_words(column: CarryingColumn) -> str:
    """Say what a cell of a column holds."""
    match column:
        case DateColumn() | TimeColumn():
            return f"日期 {column.format} / date {column.format}"
        case CodeColumn():
            return f"代码（{column.system}） / code ({column.system})"
        case DigitsColumn():
            return _digit_words(column.digits_min, column.digits_max)
        case SerialColumn():
            return f"{column.digits}位编号 / number of {column.digits} digits"
        case ConvertedColumn():
            return CONVERTERS[column.converter].says
        case _:
            return _PLAIN[column.type]


def _digit_words(least: int, most: int) -> str:
    return f"{most}位数字 / {most} digits" if least == most else f"{least}至{most}位数字 / {least} to {most} digits"
