"""What is planted in workbooks alone: cells whose type says something that their column cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from adapters.mapping import Mapping, Value
from adapters.samples.planted import Kind

_MORNING: Final = datetime(2026, 1, 15, 8, 30)  # noqa: DTZ001 - a spreadsheet's times have no zone
_BY_TYPE: Final[dict[str, tuple[tuple[str, str, Value], ...]]] = {
    "fen": (("typed_fraction", "typed.fraction", 1234.5),),
    "yuan2": (("typed_decimals", "typed.decimals", 269.445),),
    "count": (("typed_fraction", "typed.fraction", 0.5),),
    "name": (("typed_truth", "typed.kind", True),),
}
"""By the type of a column: a value that a spreadsheet happily holds, and the rule that refuses it."""


def typed_kinds(mapping: Mapping) -> list[Kind]:
    """Choose what is planted in the workbook of a dataset: each rule of each type of column once.

    A row that has no texts may be any record's. So where several rows are one record, only items are spoilt, in the
    middle of a record, so that no neighbour is in doubt.

    Args:
        mapping: The city's.
    """
    chosen: dict[tuple[str, str], Kind] = {}
    rows_min = 3 if mapping.grouped else 1
    for column in mapping.plan.columns:
        if mapping.grouped and "." not in column.facts.path:
            continue
        declared = mapping.declaration.columns[column.places[0]]
        for what, rule, value in (*_BY_TYPE.get(declared.type, ()), *_days(getattr(declared, "format", ""))):
            name = f"{column.facts.path.replace('.', '_')}_{what}"
            chosen.setdefault((declared.type, rule), Kind(name, column.name, rule, value=value, rows_min=rows_min))
    return list(chosen.values())


def _days(form: str) -> Iterator[tuple[str, str, Value]]:
    """Days with a time of day, and months with a day: how Excel shows a cell is not what it holds."""
    if "SS" in form or not form:
        return
    yield "typed_time", "typed.time", _MORNING
    if "D" not in form:
        yield "typed_day", "typed.day", date(2026, 1, 15)
