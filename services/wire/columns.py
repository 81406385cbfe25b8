"""Many messages of one type, judged column by column: do they surely keep every rule of the contract?

The rules are protovalidate's and the domain's, and so is every refusal. But asking them message by message is most of
what a record costs, though nearly every record is good. So the common rules are also said about a whole column, each
distinct value once: all of it in C. Yes is a proof; no is not a verdict, and whoever gets it asks the rules' owners.
`tests/unit/services/wire/test_columns.py` holds both against each other.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from buf.validate import validate_pb2
from services.wire.named_rules import named_rule

Column = Sequence[Any]


class Columns(dict[str, Column]):
    """Columns of messages of one type by path, "division.code"; each is read when it is first asked for.

    Args:
        messages: At least one.
    """

    def __init__(self, messages: Sequence[Any]) -> None:
        self.messages = messages

    def __missing__(self, path: str) -> Column:
        """Read a column; one column after the other, since a row at a time costs half as much again."""
        column = self[path] = list(map(_reader(path), self.messages))
        return column

    def given(self, field: FieldDescriptor) -> Column:
        """Return a field's values in those messages that have it; all values of a field without presence."""
        if not field.has_presence:
            return self[field.name]
        return [getattr(message, field.name) for message in self.messages if message.HasField(field.name)]


@cache
def _reader(path: str) -> Callable[[Any], Any]:
    return attrgetter(path)


Keeps = Callable[[Column], bool]
"""Says whether every value of a column surely keeps a rule."""
Rule = Callable[[Any, FieldDescriptor], Keeps]
"""From a rule's value in the contract, and its field, to what it asks of the column."""

_FIELD_RULES: Final[Any] = validate_pb2.field  # protoc types an extension as its mere descriptor
_MESSAGE_RULES: Final[Any] = validate_pb2.message
_ONEOF_RULES: Final[Any] = validate_pb2.oneof

_NANOS_MAX: Final = 999_999_999
_INSTANT: Final = attrgetter("seconds", "nanos")
_READ_DIFFERENTLY: Final = re.compile(r"\\[^.]|\(\?[^:]|\[\[")
"""What RE2 and Python may read differently: escapes but that of the dot, groups with options, named classes."""


class _Unsaid(Exception):
    """A rule that is not said here."""


def compile_columns(descriptor: Descriptor) -> Callable[[Columns], bool]:
    """Compile the rules of a message type and of everything inside it.

    Returns:
        Function from messages to whether all of them surely keep all rules. For a type with a rule that is not said
        here the answer is always no.
    """
    try:
        return _columns_keep(descriptor, ()) or (lambda _: True)
    except _Unsaid:
        return lambda _: False


def _columns_keep(descriptor: Descriptor, above: tuple[Descriptor, ...]) -> Callable[[Columns], bool] | None:
    """Return what is asked of messages; None when nothing is.

    Raises:
        _Unsaid: Something about the type is not said here.
    """
    if descriptor in above or descriptor.GetOptions().HasExtension(_MESSAGE_RULES):
        raise _Unsaid
    if any(oneof.GetOptions().HasExtension(_ONEOF_RULES) for oneof in descriptor.oneofs):
        raise _Unsaid
    checks_of = {field.name: _checks(field, (*above, descriptor)) for field in descriptor.fields}
    asked = {name: checks for name, checks in checks_of.items() if checks}
    optional = [(field, asked.pop(field.name)) for field in descriptor.fields if _inside_or_absent(field, asked)]
    present = [methodcaller("HasField", field.name) for field in descriptor.fields if _must_be_present(field)]
    if not asked and not optional and not present:
        return None

    def keep(columns: Columns) -> bool:
        return (
            all(all(map(is_present, columns.messages)) for is_present in present)
            and all(check(columns[name]) for name, checks in asked.items() for check in checks)
            and all(_given_keep(columns.given(field), checks) for field, checks in optional)
        )

    return keep


def _inside_or_absent(field: FieldDescriptor, asked: Mapping[str, Sequence[Keeps]]) -> bool:
    """Say whether a field holds a message whose rules count only where it is present."""
    return bool(field.name in asked and field.message_type and field.has_presence and not _must_be_present(field))


def _given_keep(column: Column, checks: Sequence[Keeps]) -> bool:
    return not column or all(check(column) for check in checks)


def _must_be_present(field: FieldDescriptor) -> bool:
    return bool(field.has_presence and field.GetOptions().Extensions[_FIELD_RULES].required)


def _checks(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> list[Keeps]:
    """Return what is asked of a field's column. Absent values are judged as empty ones, which is never too kind."""
    stated, inner = field.GetOptions().Extensions[_FIELD_RULES], field.message_type
    if stated.cel or stated.cel_expression or (inner is not None and inner.GetOptions().map_entry):
        raise _Unsaid
    kind = stated.WhichOneof("type")
    if kind == "timestamp":
        return [_instants(stated.timestamp)]
    checks = _rule_checks(field, getattr(stated, kind)) if kind else []
    if stated.required and not field.has_presence:
        checks.append(all)
    if rule := named_rule(field):
        if field.is_repeated:
            raise _Unsaid
        checks.append(_each(rule.holds))
    if inner is not None and (keeps := _columns_keep(inner, above)):
        checks.append(_inside_repeated(keeps) if field.is_repeated else _inside(keeps))
    return checks


def _rule_checks(field: FieldDescriptor, rules: Any) -> list[Keeps]:  # noqa: ANN401 - rules of any type
    said = _SAID.get(type(rules).DESCRIPTOR.name, {})
    stated = [(option.name, value) for option, value in rules.ListFields()]
    if any(name not in said for name, _ in stated):
        raise _Unsaid
    return [said[name](value, field) for name, value in stated]


def _each(holds: Callable[[Any], object]) -> Keeps:
    """Ask about each distinct value."""
    return lambda column: all(map(holds, set(column)))


def _inside(keeps: Callable[[Columns], bool]) -> Keeps:
    return lambda column: keeps(Columns(column))


def _inside_repeated(keeps: Callable[[Columns], bool]) -> Keeps:
    """Ask about the items of all messages together."""

    def keep(column: Column) -> bool:
        items = list(chain.from_iterable(column))
        return not items or keeps(Columns(items))

    return keep


def _length_min(limit: int, _: FieldDescriptor) -> Keeps:
    return lambda column: min(map(len, column)) >= limit


def _length_max(limit: int, _: FieldDescriptor) -> Keeps:
    return lambda column: max(map(len, column)) <= limit


def _length(limit: int, _: FieldDescriptor) -> Keeps:
    return lambda column: set(map(len, column)) == {limit}


def _pattern(pattern: str, _: FieldDescriptor) -> Keeps:
    """Anchored at both ends, since a full match is all that is compared."""
    if not (pattern.startswith("^") and pattern.endswith("$")) or _READ_DIFFERENTLY.search(pattern):
        raise _Unsaid
    return _each(re.compile(f"(?:{pattern[1:-1]})").fullmatch)


def _among(values: Sequence[Any], _: FieldDescriptor) -> Keeps:
    return frozenset(values).issuperset


def _not_among(values: Sequence[Any], _: FieldDescriptor) -> Keeps:
    return frozenset(values).isdisjoint


def _defined(only: bool, field: FieldDescriptor) -> Keeps:
    if not only or field.enum_type is None:
        raise _Unsaid
    return frozenset(field.enum_type.values_by_number).issuperset


def _bound(holds: Callable[[Any, Any], bool], extreme: Callable[[Column], Any]) -> Rule:
    return lambda limit, _: lambda column: holds(extreme(column), limit)


_LENGTHS: Final[Mapping[str, Rule]] = {"min_len": _length_min, "max_len": _length_max, "len": _length}
_NUMBERS: Final[Mapping[str, Rule]] = {
    "gte": _bound(operator.ge, min),
    "gt": _bound(operator.gt, min),
    "lte": _bound(operator.le, max),
    "lt": _bound(operator.lt, max),
    "in": _among,
}
_SAID: Final[Mapping[str, Mapping[str, Rule]]] = {
    "StringRules": {**_LENGTHS, "pattern": _pattern, "in": _among, "not_in": _not_among},
    "BytesRules": _LENGTHS,
    "EnumRules": {"defined_only": _defined, "in": _among, "not_in": _not_among},
    "RepeatedRules": {"min_items": _length_min, "max_items": _length_max},
    **{f"{name}Rules": _NUMBERS for name in ("Int32", "Int64", "UInt32", "UInt64", "SInt32", "SInt64")},
}
"""By the type of rules and the rule's name. No column is ever empty."""


def _instants(rules: Any) -> Keeps:  # noqa: ANN401 - TimestampRules
    """Ask that instants lie between whole seconds and have nanoseconds that can be."""
    limits = {option.name: value for option, value in rules.ListFields()}
    if set(limits) - {"gte", "lt"} or any(limit.nanos for limit in limits.values()):
        raise _Unsaid
    first = limits["gte"].seconds if "gte" in limits else -math.inf
    end = limits["lt"].seconds if "lt" in limits else math.inf

    def keep(column: Column) -> bool:
        parts = set(map(_INSTANT, column))
        return all(first <= seconds < end and 0 <= nanos <= _NANOS_MAX for seconds, nanos in parts)

    return keep
