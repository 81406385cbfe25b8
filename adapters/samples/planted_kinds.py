"""What is planted in the file of any dataset, chosen by the kinds of its mapping's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from adapters.mapping import Mapping
from adapters.mapping.cells.codes import CodeCell
from adapters.mapping.cells.dates import TimeCell
from adapters.mapping.cells.texts import TextCell
from adapters.mapping.column import BoundColumn
from adapters.samples.planted import LINES, PERSON, Kind, one_more, put, wrong_credit_check

_BY_TYPE: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "yuan2": (
        ("negative", "money.yuan2", "-1.00"),
        ("absurd", "money.yuan2", "123456789.00"),
        ("without_decimals", "money.yuan2", "1234"),
        ("exponent", "money.yuan2", "1.2E3"),
        ("full_width", "money.yuan2", "８０.00"),
    ),
    "fen": (
        ("negative", "money.fen", "-100"),
        ("absurd", "money.fen", "123456789012"),
        ("decimals", "money.fen", "1234.00"),
    ),
    "count": (("negative", "count.format", "-1"), ("absurd", "count.range", "99999")),
    "decimal": (("percent", "decimal.format", "16%"), ("above_one", "decimal.range", "16")),
    "percent": (("number", "percent.format", "0.16"), ("above_all", "decimal.range", "160%")),
    "digits": (("letters", "digits.format", "ABC"),),
    "serial": (("short", "serial.format", "123"),),
    "division": (("unknown", "code.unknown", "999999"), ("seven_digits", "division.format", "3206120")),
    "division_name": (("unknown", "code.unknown", "南北区"), ("code", "code.unknown", "310115")),
    "name": (("private_use", "text.private_use", "李\ue863"), ("invisible", "text.control", "李\u200b四")),
    "text": (("invisible", "text.control", "示\u200b例"),),
    "time": (("shape", "time.format", "2026.01.15"),),
    "date": (("shape", "date.format", "2026.01.15"),),
    "code": (("unknown", "code.unknown", "?9"),),
}
"""By the type of a column: what a cell holds that it must not, and the rule that says so."""
_IMPOSSIBLE: Final = {
    "YYYYMMDD": "20260230",
    "YYYYMM": "202613",
    "YYYY-MM-DD": "2026-02-30",
    "YYYY-MM": "2026-13",
    "YYYY": "1899",
    "YYYY年M月D日": "2026年2月30日",
    "YYYY年M月": "2026年13月",
    "YYYYMMDDHHMMSS": "20260230120000",
    "YYYYMMDDHHMMSSmmm": "20260230120000000",
    "YYYY-MM-DD HH:MM:SS": "2026-02-30 12:00:00",
    "YYYY/M/D HH:MM:SS": "2026/2/30 12:00:00",
}
"""By format: what is in no calendar."""
_BY_CONVERTER: Final = {
    "month_of_date": (("impossible", "converter.range", "2026-13"), ("shape", "date.format", "202601")),
    "years_months": (("negative", "converter.years_months", "-1"),),
}


def planted_kinds(mapping: Mapping, partner: Mapping) -> list[Kind]:
    """Choose what is planted in a city's file of a dataset.

    Args:
        mapping: The city's.
        partner: The other city's.

    Returns:
        Kinds: those of the partner first, then each rule's first, its second, …, so that few rows show many rules.
    """
    kinds = [kind for column in mapping.plan.columns for kind in _column_kinds(mapping, column)]
    kinds += [*_filler_kinds(mapping), *_sum_kinds(mapping), *_line_kinds(mapping), *_group_kinds(mapping)]
    seen: Counter[str] = Counter()
    turns = []
    for kind in kinds:
        turns.append(seen[kind.rule])
        seen[kind.rule] += 1
    by_turn = sorted(range(len(kinds)), key=lambda place: (turns[place], place))
    return [*_partner_kinds(mapping, partner), *(kinds[place] for place in by_turn)]


def _column_kinds(mapping: Mapping, column: BoundColumn) -> Iterator[Kind]:
    """What may be wrong in one column."""
    declared = mapping.declaration.columns[column.places[0]]
    for what, rule, text in _wrong_texts(declared.type, getattr(declared, "format", ""), column):
        yield Kind(_name(column, what), column.name, rule, spoil=put(text), needs_cell=len(column.places) > 1)
    if declared.type == "citizen_number":
        yield from (Kind(name, column.name, rule, spoil=spoil) for name, rule, spoil in PERSON)
    if declared.type == "social_credit_code":
        yield Kind(
            _name(column, "check"), column.name, "social_credit_code.check", spoil=wrong_credit_check, needs_cell=True
        )
        yield Kind(_name(column, "letter"), column.name, "social_credit_code.format", spoil=put("91320600MA1A0001XO"))
    if column.facts.required:
        word = max(mapping.declaration.missing)
        yield Kind(_name(column, "missing"), column.name, "cell.missing", spoil=put(word))


def _wrong_texts(kind: str, form: str, column: BoundColumn) -> Iterator[tuple[str, str, str]]:
    yield from _BY_TYPE.get(kind, ())
    if form:
        yield "impossible", "date.calendar", _IMPOSSIBLE[form.partition(" or ")[0]]
    if kind == "converted":
        yield from _BY_CONVERTER[column.cell.declaration.converter]
    if isinstance(column.cell, TextCell):
        if column.facts.characters_max:
            yield "too_long", "text.too_long", "长" * (column.facts.characters_max + 1)
        if column.facts.pattern:
            yield "pattern", "text.pattern", "?"


def _filler_kinds(mapping: Mapping) -> Iterator[Kind]:
    for filler in mapping.plan.fillers:
        if filler.text:
            yield Kind(f"{filler.name}_other", filler.name, "fixed.other", spoil=put("?"))


def _sum_kinds(mapping: Mapping) -> Iterator[Kind]:
    for declared in mapping.declaration.sums:
        name = f"{declared.total}_mismatch"
        yield Kind(name, declared.total, "sum.mismatch", spoil=one_more, needs_cell=True)


def _line_kinds(mapping: Mapping) -> Iterator[Kind]:
    """Rows that no reader can read; of a record of several rows one in the middle, so that no neighbour is in doubt."""
    rows_min = 3 if mapping.grouped else 1
    yield from (Kind(name, "", rule, spoil_line=spoil, rows_min=rows_min) for name, rule, spoil in LINES)


def _group_kinds(mapping: Mapping) -> Iterator[Kind]:
    """What may be wrong between the rows of a record."""
    if not mapping.grouped:
        return
    name = mapping.column_of("person_name")
    place, items = mapping.columns.index(name), [at for part in mapping.plan.items for at in part.places()]

    def differ(rows: list[list[str]]) -> None:
        rows[-1][place] += "某"

    def empty(rows: list[list[str]]) -> None:
        for item in items:
            rows[-1][item] = ""

    yield Kind("form_differs", name, "group.differs", spoil_rows=differ, rows_min=2)
    yield Kind("item_missing", "", "group.empty_item", spoil_rows=empty, rows_min=2)


def _partner_kinds(mapping: Mapping, partner: Mapping) -> Iterator[Kind]:
    """What is right by the standard, and what the partner's dialect has no way to say."""
    theirs = {column.facts.path: column for column in partner.plan.columns}
    defaults = {default.facts.path: default.value for default in partner.plan.defaults}
    for column in mapping.plan.columns:
        path = column.facts.path
        for what, rule, text in [*_unsaid(column, theirs.get(path)), *_other(column, defaults.get(path))]:
            yield Kind(_name(column, what), column.name, rule, spoil=put(text), rejected_by="partner")


def _unsaid(column: BoundColumn, theirs: BoundColumn | None) -> Iterator[tuple[str, str, str]]:
    """Values of a field that one dialect has and the other lacks."""
    match column.cell, theirs.cell if theirs else None:
        case CodeCell() as ours, CodeCell() as other:
            for value, code in ours.table.codes.items():
                if value not in other.table.codes:
                    yield f"unsaid_{code}", "code.unsaid", code
        case TimeCell() as ours, TimeCell() as other:
            if "mmm" in ours.declaration.format and "mmm" not in other.declaration.format:
                yield "milliseconds", "time.precision", "20260115120000123"
        case TextCell(), TextCell() if theirs is not None and column.facts.pattern is None:
            for word in sorted(theirs.missing - column.missing):
                yield "means_missing", "cell.means_missing", word


def _other(column: BoundColumn, default: object) -> Iterator[tuple[str, str, str]]:
    """Values of a field that has one value alone in the other dialect."""
    if default is not None and isinstance(column.cell, CodeCell):
        for value, code in column.cell.table.codes.items():
            if value != default:
                yield f"other_{code}", "default.differs", code


def _name(column: BoundColumn, what: str) -> str:
    return f"{column.facts.path.replace('.', '_')}_{what}"
