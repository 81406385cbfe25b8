"""Messages of any regional standard, drawn from what its .proto says: a new standard needs no code here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from adapters.mapping.divisions import load_divisions
from adapters.mapping.standard import TIME, FieldFacts, Standard
from services.domain.check_digits import (
    citizen_number_check,
    is_calendar_date,
    is_citizen_number,
    is_social_credit_code,
    social_credit_check,
)
from yrdx.types.v1 import types_pb2

DIVISIONS = load_divisions("2026-01-01")
PLAIN = st.text("张三李四欧阳·𠮷𬭎㛃䶮南通纺织有限公司Abz()（）", min_size=1, max_size=20)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
TRICKY = st.sampled_from(
    [
        "--",
        "—",
        "不详",
        " 张三",
        "张三 ",
        "a•b",
        "\ue863",
        "a\u200bb",
        "=1+1",
        "'=1",
        "a\nb",
        "#",
        "-5",
        "0",
        "00000000",
    ]
)
_ITEMS_MAX: Final = 3
"""Items of a repeated field: as many as show that there may be several."""
_MILLISECOND_NANOS: Final = 1_000_000


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    """Any number with an existing birth date and the right check character."""
    birth = draw(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
    body = f"{draw(st.integers(100_000, 999_999))}{birth:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + citizen_number_check(body)


@st.composite
def social_credit_codes(draw: st.DrawFn) -> str:
    """Any code with the right check character."""
    body = draw(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
    return body + social_credit_check(body)


@st.composite
def divisions(draw: st.DrawFn, *, any_code: bool) -> types_pb2.Division:
    """A division: as our table resolves it, or, if asked for, whatever the pattern lets through."""
    if any_code and draw(st.booleans()):
        code, source = draw(st.sampled_from(list(DIVISIONS.areas))), draw(st.sampled_from(["", *DIVISIONS.areas]))
        code = draw(st.sampled_from([code, f"{draw(st.integers(100_000, 999_999))}"]))
        return types_pb2.Division(code=code, source_code=source, as_of="2020-01-01" if source else "")
    written = draw(st.sampled_from(list(DIVISIONS.areas))) + draw(st.sampled_from(["", "100", "001200"]))
    code = DIVISIONS.resolve(written[:6]) or ""
    if code == written:
        return types_pb2.Division(code=code)
    return types_pb2.Division(code=code, source_code=written, as_of=DIVISIONS.edition)


@st.composite
def instants(draw: st.DrawFn, facts: FieldFacts, *, any_value: bool) -> Timestamp:
    """An instant within the field's bounds; whole seconds, milliseconds, or anything finer if asked for."""
    seconds = draw(st.integers(facts.number_min or 0, facts.number_max or 4_000_000_000))
    millis = draw(st.sampled_from([0, 0, 1, 999])) * _MILLISECOND_NANOS
    return Timestamp(seconds=seconds, nanos=millis + (draw(st.sampled_from([0, 0, 1])) if any_value else 0))


_MADE: Final[dict[tuple[str, str, bool], st.SearchStrategy[Any]]] = {}


def messages(standard: Standard, *, any_value: bool) -> st.SearchStrategy[Any]:
    """Draw messages that pass the gate.

    Args:
        standard: Whose.
        any_value: Also values that hardly a dialect can say: odd texts, divisions of other tables.
    """
    name = (standard.dataset, standard.version, any_value)
    if name not in _MADE:  # making a strategy takes longer than drawing from it
        _MADE[name] = _messages(standard, any_value=any_value)
    return _MADE[name]


def _messages(standard: Standard, *, any_value: bool) -> st.SearchStrategy[Any]:
    return _fields(standard.fields.values(), any_value).map(lambda drawn: _message(standard, drawn))


def _fields(fields: Iterable[FieldFacts], any_value: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Values of the fields of one message, the record's or an item's."""
    return st.fixed_dictionaries({facts.name: _values(facts, any_value) for facts in fields})


def _message(standard: Standard, drawn: dict[str, Any]) -> Message:
    """Build a message whose sums add up."""
    totals = {total for total, _ in standard.sums}
    parts = [part for _, parts in standard.sums for part in parts if part not in totals]
    drawn |= {part: drawn[part] // len(parts) for part in parts if drawn[part]}
    declared = _declared(standard)
    _fill_up(declared, standard, drawn)
    for one in declared.item_sums:
        _add_up(one, standard, drawn, shared=one.total in totals)
    for total, its in standard.sums:
        added = sum(drawn[part] or 0 for part in its)
        keeps_nothing = drawn[total] is None and not added and not standard.fields[total].required
        drawn[total] = None if keeps_nothing else added
    for one in declared.item_sums:
        _add_up(one, standard, drawn, shared=one.total in totals)
    return _decided(standard, standard.message_type(**drawn))


def _declared(standard: Standard) -> types_pb2.Dataset:
    extension: Any = types_pb2.dataset
    declared: types_pb2.Dataset = standard.message_type.DESCRIPTOR.GetOptions().Extensions[extension]
    return declared


def _fill_up(declared: types_pb2.Dataset, standard: Standard, drawn: dict[str, Any]) -> None:
    """Let there be as many items of each kind as are asked for, where any were drawn."""
    asked = [one for one in declared.item_counts if all(_holds(condition, drawn) for condition in one.conditions)]
    made: dict[str, list[dict[str, Any]]] = {}
    for one in asked:
        kind = standard.fields[one.items].items[one.where].enum_values[one.value]
        some = drawn[one.items]
        filled = [some[turn % len(some)] | {one.where: kind} for turn in range(one.count)] if some else []
        made.setdefault(one.items, []).extend(filled)
    drawn |= made


def _holds(condition: types_pb2.Dataset.Condition, drawn: dict[str, Any]) -> bool:
    return condition.least <= (drawn[condition.field] or 0) <= condition.most


def _add_up(one: types_pb2.Dataset.ItemSum, standard: Standard, drawn: dict[str, Any], *, shared: bool) -> None:
    """Let items and their total agree; where the total is the sum of other fields (``shared``), the items follow it."""
    items, _, part = one.part.partition(".")
    facts = standard.fields[items].items.get(one.where)
    counted = [item for item in drawn[items] if facts is None or item[one.where] == facts.enum_values[one.value]]
    most = standard.fields[one.total].number_max or 0
    for turn, item in enumerate(counted):
        fitting = (item[part] or 0) % (most // len(counted) + 1)
        item[part] = (0 if turn else drawn[one.total] or 0) if shared else fitting
    if not shared and drawn[items]:
        added = sum(item[part] for item in counted)
        drawn[one.total] = added if counted else drawn[one.total] and 0


def _decided(standard: Standard, message: Message) -> Message:
    """Give decided fields what the others decide, one after the other: a later one may follow from an earlier one."""
    for decision in _declared(standard).decisions:
        agreement = next(one for one in standard.agreements if one.field == decision.field)
        for value in sorted({line.value for line in decision.lines}):
            if not agreement.holds(message):
                setattr(message, decision.field, value)
    return message


def _values(facts: FieldFacts, any_value: bool) -> st.SearchStrategy[Any]:
    """Values of one field, by its rules; None where it may be absent."""
    if facts.repeated:
        return st.lists(_fields(facts.items.values(), any_value), max_size=_ITEMS_MAX)
    values = _given(facts, any_value)
    return values if facts.required else st.none() | values


def _given(facts: FieldFacts, any_value: bool) -> st.SearchStrategy[Any]:
    if facts.rule is not None:
        return _ruled(facts)
    by_kind: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "string": lambda: _texts(facts, any_value),
        "bool": st.booleans,
        "enum": lambda: st.sampled_from(list(facts.enum_values.values())),
        "int32": lambda: st.integers(facts.number_min, facts.number_max),
        "int64": lambda: st.integers(facts.number_min, facts.number_max),
        TIME: lambda: instants(facts, any_value=any_value),
        "yrdx.types.v1.Division": lambda: divisions(any_code=any_value),
    }
    return by_kind[facts.kind]()


def _ruled(facts: FieldFacts) -> st.SearchStrategy[str]:
    """Texts by named rule."""
    if facts.rule is is_citizen_number:
        return citizen_numbers()
    if facts.rule is is_social_credit_code:
        return social_credit_codes()
    assert facts.rule is is_calendar_date
    days = st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(date.isoformat)
    precisions = {"2026-01-15": days, "2026-01": days.map(lambda day: day[:7])}
    return st.one_of(*(dates for sample, dates in precisions.items() if facts.allows(sample)))


def _texts(facts: FieldFacts, any_value: bool) -> st.SearchStrategy[str]:
    """Texts by pattern, or any."""
    if facts.pattern is not None:
        return st.from_regex(facts.pattern.pattern.replace("$", r"\Z"), fullmatch=True)
    texts = PLAIN | ANY_TEXT | TRICKY if any_value else PLAIN
    return texts.map(lambda text: text[: facts.characters_max])
