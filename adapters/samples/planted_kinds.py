"""What is planted in the file of any dataset, chosen by the kinds of its mapping's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from adapters.mapping import Mapping
from adapters.mapping.cells.codes import CodeCell
from adapters.mapping.cells.texts import TextCell
from adapters.mapping.cells.times import TimeCell
from adapters.mapping.column import BoundColumn
from adapters.mapping.plan import Part
from adapters.samples.planted import PERSON, Kind, Spoil, SpoilRows, line_kinds, one_more, put, wrong_credit_check
from services.domain.consistency import Agreement

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
    "count": (("negative", "count.format", "-1"),),
    "decimal": (("percent", "decimal.format", "16%"), ("too_fine", "decimal.range", "0.1234567")),
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
    "tenths_of_whole": (("negative", "count.format", "-1"), ("absurd", "converter.range", "99999999999")),
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
    kinds += [*_filler_kinds(mapping), *_sum_kinds(mapping), *_agreement_kinds(mapping)]
    kinds += [*line_kinds(3 if mapping.grouped else 1), *_group_kinds(mapping)]
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
        needs = column.name if len(column.places) > 1 else ""
        yield Kind(_name(column, what), column.name, rule, spoil=put(text), needs=needs)
    if declared.type == "citizen_number":
        yield from (Kind(name, column.name, rule, spoil=spoil) for name, rule, spoil in PERSON)
    if declared.type == "social_credit_code":
        name, rule = _name(column, "check"), "social_credit_code.check"
        yield Kind(name, column.name, rule, spoil=wrong_credit_check, needs=column.name)
        yield Kind(_name(column, "letter"), column.name, "social_credit_code.format", spoil=put("91320600MA1A0001XO"))
    if column.facts.required:
        word = max(mapping.declaration.missing)
        yield Kind(_name(column, "missing"), column.name, "cell.missing", spoil=put(word))


def _wrong_texts(kind: str, form: str, column: BoundColumn) -> Iterator[tuple[str, str, str]]:
    yield from _BY_TYPE.get(kind, ())
    if kind == "count" and column.facts.number_max is not None:
        yield "absurd", "count.range", str(column.facts.number_max + 1)
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
        column = next(one for one in mapping.declaration.columns if one.name == declared.total)
        spoil = _other_number(mapping, column.field) if column.type == "count" else one_more
        yield Kind(f"{column.name}_mismatch", column.name, "sum.mismatch", spoil=spoil, needs=column.name)


def _agreement_kinds(mapping: Mapping) -> Iterator[Kind]:
    """What may be wrong in a whole record: totals over items, and fields that others decide."""
    for turn, agreement in enumerate(mapping.standard.agreements):
        column = mapping.column_of(agreement.field)
        if agreement.rule_id == "decision.differs":
            # The field that decides is given by those records alone of which something is decided.
            decides, spoil = mapping.column_of(agreement.others[-1]), _other_number(mapping, agreement.field)
            yield Kind(f"{agreement.field}_differs", column, agreement.rule_id, spoil=spoil, needs=decides)
        elif agreement.rule_id == "count.differs":
            rows = _other_kind(mapping, agreement)
            yield Kind(f"{agreement.field.replace('.', '_')}_count_{turn}", column, agreement.rule_id, spoil_rows=rows)
        else:
            rows = _other_item(mapping, agreement)
            yield Kind(f"{agreement.field}_of_items", column, agreement.rule_id, spoil_rows=rows)


def _other_number(mapping: Mapping, field: str) -> Spoil:
    """Put another number within a field's bounds."""
    facts = mapping.standard.fields[field]
    least, most = facts.number_min or 0, facts.number_max or 0
    return lambda number: str((int(number) + 1 - least) % (most + 1 - least) + least)


def _other_item(mapping: Mapping, agreement: Agreement) -> SpoilRows:
    """Put another number into the last item that counts: the total, which is told with the first row, is wrong then."""
    items, _, part = agreement.others[0].partition(".")
    place = mapping.columns.index(mapping.column_of(agreement.others[0]))

    def other_item(rows: list[list[str]]) -> int | None:
        record: Any = mapping.to_standard_rows(rows).message
        for row, item in reversed(list(enumerate(getattr(record, items)))):
            setattr(item, part, getattr(item, part) + 1)
            if not agreement.holds(record):
                rows[row][place] = one_more(rows[row][place])
                return 0
        return None

    return other_item


def _other_kind(mapping: Mapping, agreement: Agreement) -> SpoilRows:
    """Say another kind of the last item that counts."""
    items, _, kind = agreement.field.partition(".")
    column = next(one for one in mapping.plan.columns if one.facts.path == agreement.field)
    place, cell = column.places[0], column.cell
    values = cell.table.values if isinstance(cell, CodeCell) else {}

    def other_kind(rows: list[list[str]]) -> int | None:
        record: Any = mapping.to_standard_rows(rows).message
        for row, item in reversed(list(enumerate(getattr(record, items)))):
            code, value = next((code, value) for code, value in values.items() if value != getattr(item, kind))
            setattr(item, kind, value)
            if not agreement.holds(record):
                rows[row][place] = code
                return 0
        return None

    return other_kind


def _group_kinds(mapping: Mapping) -> Iterator[Kind]:
    """What may be wrong between the rows of a record."""
    if not mapping.grouped:
        return
    name = mapping.column_of("person_name")
    place, items = mapping.columns.index(name), [at for part in mapping.plan.items for at in part.places()]

    def differ(rows: list[list[str]]) -> int:
        rows[-1][place] += "某"
        return len(rows) - 1

    def empty(rows: list[list[str]]) -> int:
        for item in items:
            rows[-1][item] = ""
        return len(rows) - 1

    def repeat(rows: list[list[str]]) -> int:
        rows.extend(list(rows[-1]) for _ in range(len(rows), mapping.group_rows_max + 1))
        return 0

    yield Kind("form_differs", name, "group.differs", spoil_rows=differ, rows_min=2)
    yield Kind("item_missing", "", "group.empty_item", spoil_rows=empty, rows_min=2)
    yield Kind("too_many_items", "", "group.too_long", spoil_rows=repeat)
    if len(mapping.plan.items) > 1:
        part = mapping.plan.items[1]
        yield Kind("items_with_a_gap", part.columns[0][1].name, "group.gap", spoil_rows=_gap(part, mapping), rows_min=3)


def _gap(part: Part, mapping: Mapping) -> SpoilRows:
    """Repeat a list's first item in the record's last row, where the row before it has none."""
    places, missing = list(part.places()), mapping.declaration.missing

    def has_item(row: list[str]) -> bool:
        return any(row[place] not in missing for place in places)

    def leave_gap(rows: list[list[str]]) -> int | None:
        if not has_item(rows[0]) or has_item(rows[-2]):
            return None
        for place in places:
            rows[-1][place] = rows[0][place]
        return len(rows) - 1

    return leave_gap


def _partner_kinds(mapping: Mapping, partner: Mapping) -> Iterator[Kind]:
    """What is right by the standard, and what the partner's dialect has no way to say."""
    theirs = {column.facts.path: column for column in partner.plan.columns}
    defaults = {default.facts.path: default.value for default in partner.plan.defaults}
    for column in mapping.plan.columns:
        path = column.facts.path
        if path == mapping.standard.case_field:
            continue  # It would be a step of another case, one that never began.
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
