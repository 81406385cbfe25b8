"""What is known of columns: the names and labels of every dialect, and what else the same things are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final, NamedTuple

from adapters.mapping import Mapping, MappingInvalid
from adapters.mapping.converters import CONVERTERS
from adapters.mapping.declared_columns import CarryingColumn, ConvertedColumn, FixedColumn, UnusedColumn
from adapters.mapping.standard import Standard
from adapters.toolbox.places import installed_places

_SYNONYMS: Final[dict[str, str]] = {
    "公民身份号码": "person_number", "身份证号": "person_number", "身份证号码": "person_number",
    "社会保障号码": "person_number", "社会保障号": "person_number", "姓名": "person_name", "参保人姓名": "person_name",
    "性别": "sex", "民族": "ethnic_group", "出生日期": "birth_date", "出生年月日": "birth_date",
    "流水号": "source_serial", "业务流水号": "source_serial", "个人编号": "source_serial", "记录编号": "source_serial",
    "单位名称": "employer_name", "参保单位": "employer_name", "工作单位": "employer_name",
    "单位编号": "employer_number",
    "统一社会信用代码": "employer_code", "社会信用代码": "employer_code", "信用代码": "employer_code",
    "险种": "scheme", "险种类型": "scheme", "险种代码": "scheme", "结算期": "settlement_month",
    "结算年月": "settlement_month",
    "费款所属期": "period_month", "所属期": "period_month", "所属年月": "period_month", "缴费类型": "payment_kind",
    "缴费类别": "payment_kind", "缴费标志": "paid", "到账标志": "paid", "缴费基数": "base_fen", "缴费工资": "wage_fen",
    "单位缴纳金额": "employer_fen", "单位缴费": "employer_fen", "单位缴费金额": "employer_fen",
    "个人缴纳金额": "personal_fen", "个人缴费": "personal_fen", "个人缴费金额": "personal_fen",
    "合计金额": "total_fen", "缴费合计": "total_fen", "合计": "total_fen", "利息": "interest_fen",
    "滞纳金": "late_fee_fen", "到账日期": "credited_date", "到账时间": "credited_date", "参保地": "division",
    "参保统筹区": "division", "统筹区": "division", "参保日期": "enrolled_date", "首次参保日期": "first_enrolled_date",
    "参保状态": "status", "缴费状态": "payment_status", "备注": "remark", "变更原因": "change_reason",
    "变更日期": "changed_date", "户籍地址": "household_address", "常住地址": "residence_address",
    "联系函编号": "case_number", "业务环节": "step", "办理日期": "step_date", "账户类别": "account_kind",
    "认证时间": "certified_time", "认证方式": "mode", "认证结果": "result", "有效期止": "valid_until_date",
    "待遇发放地": "agency_division",
}  # fmt: skip
"""Chinese names of columns that no dialect has yet, or that several have; by field."""
_SIMILAR: Final = 0.75
_ORNAMENT: Final = re.compile(r"[\s（(].*|[①-⑩*：:]")


class KnownField(NamedTuple):
    """What a column is taken for.

    Attributes:
        field: The standard's field, "person_number".
        label: A Chinese name.
        why: How it was recognised, for the reviewer; empty where the name is the same in a dialect of the dataset.
    """

    field: str
    label: str
    why: str


class Knowledge:
    """Recognises columns of one dataset.

    Args:
        standard: The dataset's.

    Attributes:
        mappings: Every installed mapping, those of the dataset first.
        silent: Columns of the dataset that carry no field in some dialect, by their names in lower case.
    """

    def __init__(self, standard: Standard) -> None:
        self.mappings = sorted(_installed(), key=lambda mapping: mapping.dataset != standard.dataset)
        self.silent: dict[str, UnusedColumn | FixedColumn] = {}
        self._paths = set(standard.paths())
        self._by_name: dict[str, KnownField] = {}
        self._by_label: dict[str, KnownField] = {}
        for mapping in self.mappings:
            same = mapping.dataset == standard.dataset
            source = "" if same else f"同名列见 {mapping.dialect} 的 {mapping.dataset} / so named in another dataset"
            for column in mapping.declaration.columns:
                if isinstance(column, UnusedColumn | FixedColumn):
                    if same:
                        self.silent.setdefault(column.name.casefold(), column)
                elif column.field in self._paths and not _is_part(column):
                    known = KnownField(column.field, column.label, source)
                    self._by_name.setdefault(column.name.casefold(), known)
                    self._by_label.setdefault(bare(column.label), known)
        for label, field in _SYNONYMS.items():
            if field in self._paths:
                self._by_label.setdefault(
                    label, KnownField(field, label, "按中文名识别 / recognised by its Chinese name")
                )

    def recognise(self, names: Iterable[str]) -> dict[str, KnownField]:
        """Say what columns are, each field once: exact names first, then labels, then similar labels."""
        waiting, found, used = list(names), dict[str, KnownField](), set[str]()
        for look in (self._named, self._labelled, self._similar):
            for name in list(waiting):
                known = look(name)
                if known is not None and known.field not in used:
                    found[name] = known
                    used.add(known.field)
                    waiting.remove(name)
        return found

    def _named(self, name: str) -> KnownField | None:
        return self._by_name.get(name.casefold())

    def _labelled(self, name: str) -> KnownField | None:
        return self._by_label.get(bare(name))

    def _similar(self, name: str) -> KnownField | None:
        if name.isascii():
            return None
        close = get_close_matches(bare(name), list(self._by_label), n=1, cutoff=_SIMILAR)
        if not close:
            return None
        known = self._by_label[close[0]]
        return KnownField(known.field, known.label, f"与“{close[0]}”相近 / its name is like another one")


def _is_part(column: CarryingColumn) -> bool:
    """Say whether a column means something only together with others: alone it would be taken for the whole."""
    return isinstance(column, ConvertedColumn) and CONVERTERS[column.converter].columns > 1


def bare(label: str) -> str:
    """Strip numbers in circles and what stands in brackets."""
    return _ORNAMENT.sub("", label.strip()) or label.strip()


def _installed() -> Iterator[Mapping]:
    """Load what loads; a half-written dialect teaches nothing."""
    for place in installed_places():
        try:
            yield place.load()
        except MappingInvalid:
            continue
