"""Which type of column suits a field and the values of a sample: the product's own cell types try to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from adapters.mapping.cells import CELLS, Context
from adapters.mapping.declared_columns import DateColumn, DateFormat, PlainColumn, TimeColumn, TimeFormat
from adapters.mapping.divisions import load_divisions
from adapters.mapping.errors import CellRefused
from adapters.mapping.standard import TIME, FieldFacts
from services.domain.check_digits import is_calendar_date, is_citizen_number, is_social_credit_code

DIVISIONS: Final = "2026-01-01"
"""Edition of the division table that a draft names."""
_DIVISION: Final = "yrdx.types.v1.Division"
_Declared = PlainColumn | DateColumn | TimeColumn


class Guess(NamedTuple):
    """What a column's type may be.

    Attributes:
        declared: What the mapping file says of it besides name, label and field: {"type": "date", "format": …}.
        fits: Values of the sample that it reads.
        normalisations: What reading them may change.
    """

    declared: dict[str, Any]
    fits: int
    normalisations: frozenset[str]


def guess_type(facts: FieldFacts, values: Sequence[Any], missing: frozenset[str]) -> Guess | None:
    """Choose the type that reads most values, of several alike the plainest; None where only codes will do.

    Args:
        facts: The standard's field.
        values: Of the sample: what is given, texts or typed values.
        missing: Words that mean nothing is given.
    """
    context = Context(Path(), missing, load_divisions(DIVISIONS))
    best: Guess | None = None
    for declared in _candidates(facts, values):
        cell = CELLS[declared["type"]](_column(declared, facts), facts, context)
        if facts.kind not in cell.kinds or cell.problem():
            continue
        fits = sum(1 for value in values if _reads(cell, value))
        if best is None or fits > best.fits:
            best = Guess(declared, fits, cell.normalisations)
    return best


def _candidates(facts: FieldFacts, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Yield types in the order in which they are preferred."""
    if facts.kind in {"enum", "bool"}:
        return
    if facts.kind == TIME:
        yield from ({"type": "time", "format": form} for form in get_args(TimeFormat))
    elif facts.kind == _DIVISION:
        yield from ({"type": kind} for kind in ("division", "division_name"))
    elif facts.kind in {"int32", "int64"}:
        money = ("yuan2", "fen") if any("." in str(value) for value in values) else ("fen", "yuan2")
        yield from ({"type": kind} for kind in (money if facts.name.endswith("_fen") else ("count",)))
    elif facts.rule is is_citizen_number:
        yield {"type": "citizen_number"}
    elif facts.rule is is_social_credit_code:
        yield {"type": "social_credit_code"}
    elif facts.rule is is_calendar_date or (facts.pattern and facts.allows("2019") and not facts.allows("20190")):
        yield from ({"type": "date", "format": form} for form in _formats())
    else:
        yield from _texts(facts)


def _formats() -> list[str]:
    """Formats of one precision before those of two: what need not be allowed is not."""
    return sorted(get_args(DateFormat), key=lambda form: " or " in form)


def _texts(facts: FieldFacts) -> Iterator[dict[str, Any]]:
    if facts.allows("0.16") and facts.pattern:
        yield from ({"type": kind} for kind in ("decimal", "percent"))
    elif facts.name == "person_name":
        yield {"type": "name"}
    else:
        yield {"type": "text"}


def _column(declared: dict[str, Any], facts: FieldFacts) -> _Declared:
    said = {"name": "?", "label": "?", "field": facts.path} | declared
    match declared["type"]:
        case "date":
            return DateColumn.model_validate(said)
        case "time":
            return TimeColumn.model_validate(said)
        case _:
            return PlainColumn.model_validate(said)


def _reads(cell: Any, value: Any) -> bool:  # noqa: ANN401 - a cell of any kind, a value of any type
    try:
        text = value if isinstance(value, str) else cell.say(value, [])
        cell.read(text, [], "")
    except CellRefused:
        return False
    return True
