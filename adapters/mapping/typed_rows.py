"""Rows of typed values ↔ rows of texts: for sources and targets whose cells are numbers, dates and truths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from adapters.mapping.column import Filler
from adapters.mapping.errors import CellRefused, RowRejected
from adapters.mapping.plan import Plan
from adapters.mapping.reasons import reason_text
from adapters.mapping.typed import Value, whole_text


class _Place(NamedTuple):
    """One cell: whose it is, and how it is said and valued."""

    name: str
    path: str
    say: Callable[[Value, list[str]], str]
    value: Callable[[str], Value]


class TypedRows:
    """Both directions of one mapping.

    Args:
        plan: The mapping.
        names: Names of its columns, in the order of the file.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        places = {filler.place: _filler(filler) for filler in plan.fillers}
        for column in plan.columns:
            for place in column.places:
                places[place] = _Place(names[place], column.facts.path, column.cell.say, column.cell.value)
        self._places = [places[place] for place in range(plan.width)]

    def texts(self, values: Sequence[Value], notes: list[str]) -> list[str]:
        """Say every value as its column would; see ``Mapping.texts``."""
        if len(values) != len(self._places):
            reason = reason_text("row.cells", expected=len(self._places), found=len(values))
            raise RowRejected("", "", "row.cells", reason)
        # Most cells of most sources are texts already.
        return [
            value if isinstance(value, str) else self._text(place, value, notes) for place, value in enumerate(values)
        ]

    def said(self, values: Sequence[Value]) -> list[str | None]:
        """Say every value that can be said; see ``Mapping.said``."""
        return [self._said(place, value) for place, value in enumerate(values)]

    def _said(self, place: int, value: Value) -> str | None:
        try:
            return value if isinstance(value, str) else self._text(place, value, [])
        except RowRejected:
            return None

    def _text(self, place: int, value: Value, notes: list[str]) -> str:
        if value is None:
            return ""
        column = self._places[place]
        try:
            return column.say(value, notes)
        except CellRefused as refused:
            # Not chained: a traceback's locals would hold the value.
            raise RowRejected(column.name, column.path, refused.rule_id, refused.reason) from None

    def values(self, texts: Sequence[str]) -> list[Value]:
        """Value every text as its column does; see ``Mapping.values``."""
        return [column.value(text) if text else None for column, text in zip(self._places, texts, strict=True)]


def _filler(filler: Filler) -> _Place:
    """What stays in the city is not even said."""

    def say(value: Value, _: list[str]) -> str:
        return whole_text(value) if filler.text else ""

    return _Place(filler.name, "", say, str)
