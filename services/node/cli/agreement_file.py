"""An agreement as the two cities hand it over: a small TOML file, read to the letter."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from services.domain.agreement import Agreement
from services.domain.standard import STANDARD_PATTERN
from services.node.exits import Mistake, nearest

FILE_BYTES_MAX: Final = 65_536


class AgreementMistake(Mistake):
    """An agreement file is not as it must be; every mistake is named."""

    reason: ClassVar[str] = "AGREEMENT"


@dataclass(frozen=True, slots=True)
class _Key:
    """One key: what it must be, in words, and a reader that raises ValueError for anything else."""

    expected: str
    read: Callable[[object], object]
    required: bool = True


def read_agreement(path: Path) -> Agreement:
    """Read an agreement file.

    Not checked here: that this city is one of the two, and that the standard is known (the node does).

    Raises:
        AgreementMistake: With every mistake: the key, and what is expected; never the value.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    try:
        return parse_agreement(content)
    except AgreementMistake as error:
        raise AgreementMistake(f"{path}: {error}") from error


def parse_agreement(content: bytes) -> Agreement:
    """Read an agreement from a file's content.

    Raises:
        AgreementMistake: As in `read_agreement`.
    """
    mistakes: list[str] = []
    top = _read(_tables(content), _TOP, mistakes)
    values = _read(top["agreement"], _AGREEMENT, mistakes, "agreement.") if "agreement" in top else {}
    if "quota" in values:
        values |= _read(values.pop("quota"), _QUOTA, mistakes, "agreement.quota.")
    if mistakes := mistakes or _contradictions(values):
        raise AgreementMistake("; ".join(mistakes))
    return Agreement(**values)


def _tables(content: bytes) -> dict[str, object]:
    if len(content) > FILE_BYTES_MAX:
        raise AgreementMistake(f"文件过大 · an agreement has at most {FILE_BYTES_MAX} bytes: another file?")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise AgreementMistake(f"不是 UTF-8 · byte {error.start} is not UTF-8: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AgreementMistake(f"不是有效的 TOML · not TOML: {error}") from error
    except RecursionError as error:
        raise AgreementMistake("不是有效的 TOML · not TOML: nested too deeply") from error


def _read(
    given: Mapping[str, object], keys: Mapping[str, _Key], mistakes: list[str], table: str = ""
) -> dict[str, Any]:
    mistakes += [
        f"{table}{name}: 未知，最接近的是 · unknown, the nearest known is {table}{nearest(name, keys)}"
        for name in given
        if name not in keys
    ]
    values = {}
    for name, key in keys.items():
        if name in given:
            try:
                values[name] = key.read(given[name])
            except ValueError:
                mistakes.append(f"{table}{name}: 应为 · expected {key.expected}")
        elif key.required:
            mistakes.append(f"{table}{name}: 缺少 · missing, expected {key.expected}")
    return values


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    found = []
    if values["provider"] == values["consumer"]:
        found.append("agreement.consumer: 不能与 provider 相同 · must be another city than the provider")
    if values["valid_until"] < values["valid_from"]:
        found.append("agreement.valid_until: 早于 valid_from · is before valid_from")
    return found


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _text(pattern: str) -> Callable[[object], str]:
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError
        return value

    return read


def _number(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise ValueError
        return value

    return read


def _date(value: object) -> date:
    """Quoted or not, TOML has both; `date.fromisoformat` alone would take 20260101 and week dates too."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(_text(r"\d{4}-\d{2}-\d{2}")(value))


def _texts(pattern: str) -> Callable[[object], tuple[str, ...]]:
    read_one = _text(pattern)

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError
        texts = tuple(read_one(one) for one in value)
        if len(set(texts)) != len(texts) or ("*" in texts and len(texts) > 1):
            raise ValueError
        return texts

    return read


_CITY: Final = _Key('六位代码 · six digits, "320600"', _text(r"[0-9]{6}"))
_DAY: Final = _Key('日期 · a date, "2026-01-01"', _date)
_TOP: Final = {"agreement": _Key("表 · the table [agreement]", _table)}
_AGREEMENT: Final = {
    "id": _Key('1–64 位字母数字 ._- · 1 to 64 of A-Z a-z 0-9 . _ -, "NT-SH-2026-001"', _text(r"[A-Za-z0-9._-]{1,64}")),
    "version": _Key("从 1 起的整数 · a whole number from 1", _number(2**31 - 1)),
    "provider": _CITY,
    "consumer": _CITY,
    "dataset": _Key('数据集 · a dataset, "social.contribution"', _text(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")),
    "standard": _Key('标准版本，加引号 · version of the standard in quotes, "1" or "1.1"', _text(STANDARD_PATTERN)),
    "mode": _Key('"push"、"pull" 或 · or "lookup"', _text(r"push|pull|lookup")),
    "fields": _Key('字段名列表 · a list of field names, or ["*"] for all', _texts(r"\*|[a-z][a-z0-9_.]{0,99}")),
    "purposes": _Key('用途列表 · a list of purposes, ["relation-transfer"]', _texts(r"[^\x00-\x1f\x7f]{1,100}")),
    "legal_basis": _Key("法律依据 · the legal basis, a text", _text(r"(?s)(?=.*\S).{1,2000}")),
    "valid_from": _DAY,
    "valid_until": _DAY,
    "retention_days": _Key("从 1 起的天数 · a number of days from 1", _number(36_500)),
    "quota": _Key("表 · the table [agreement.quota]", _table, required=False),
}
_QUOTA: Final = {
    "records_per_minute": _Key("从 1 起的整数 · a whole number from 1", _number(2**53)),
}
