"""The named domain rules of the contract (``yrdx.types.v1.Rule``), compiled for one message type.

The rules themselves are in `services.domain.check_digits`; here they meet the fields that declare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter, call
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.domain import check_digits
from services.domain.receipt import Violation
from services.wire.fields import field_reader
from services.wire.reasons import reason_of
from yrdx.types.v1 import types_pb2

_RULE: Final[Any] = types_pb2.rule  # protoc types an extension as its mere descriptor
_CACHED_TEXTS_MAX: Final = 4_096


class NamedRule(NamedTuple):
    """A domain rule of a text field.

    Attributes:
        id: Stable identifier in rejections.
        holds: Says whether a text keeps it. An empty one does: whether a field may be empty is its pattern's business.
    """

    id: str
    holds: Callable[[str], bool]


def _optional(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: not text or holds(text)


def _remembered(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    """Remember verdicts on texts that come again and again: employers and dates, never persons.

    The memory is bounded because every ruled field has a pattern of bounded length (tests/unit/test_contract.py)
    that is checked first.
    """
    return lru_cache(_CACHED_TEXTS_MAX)(_optional(holds))


RULES: Final[Mapping[int, NamedRule]] = {
    types_pb2.RULE_CITIZEN_NUMBER: NamedRule("citizen_number.check", _optional(check_digits.is_citizen_number)),
    types_pb2.RULE_SOCIAL_CREDIT_CODE: NamedRule(
        "social_credit_code.check", _remembered(check_digits.is_social_credit_code)
    ),
    types_pb2.RULE_CALENDAR_DATE: NamedRule("calendar_date.exists", _remembered(check_digits.is_calendar_date)),
}

_Broken = tuple[str, NamedRule]
_Find = Callable[[Any], _Broken | None]


def compile_named_rules(descriptor: Descriptor) -> Callable[[Message], Violation | None]:
    """Compile the named rules of a message type and of everything inside it.

    Returns:
        Function from a message to its first broken rule, or None.

    Raises:
        ValueError: A rule is declared where it cannot be checked (not on text, in a map, in a recursive type).
    """
    find = _compile(descriptor, ())

    def first_broken(message: Message) -> Violation | None:
        found = find(message)
        return Violation(found[0], found[1].id, reason_of(found[1].id)) if found else None

    return first_broken


def _compile(descriptor: Descriptor, above: tuple[Descriptor, ...]) -> _Find:
    """Compile one type: its texts, also those of single messages inside, by one read; repeated fields by item."""
    if descriptor in above:
        raise ValueError(f"{descriptor.full_name} is recursive: its named rules cannot be compiled")
    fields = list(_fields(descriptor, "", (*above, descriptor)))
    ruled = [(path, rule) for path, field in fields if not field.is_repeated and (rule := named_rule(field))]
    read, keeps = field_reader(path for path, _ in ruled), [rule.holds for _, rule in ruled]
    runs = [
        (path, attrgetter(path), _compile_item(field, (*above, descriptor)))
        for path, field in fields
        if field.is_repeated and (named_rule(field) or _reaches_rule(field, frozenset()))
    ]

    def find_broken(message: Message) -> _Broken | None:
        texts = read(message)
        if not all(map(call, keeps, texts)):  # one pass in C; which one it was is asked only of a bad record
            return next(one for one, text in zip(ruled, texts, strict=True) if not one[1].holds(text))
        for path, items, find in runs:
            for index, item in enumerate(items(message)):
                if found := find(item):
                    return f"{path}[{index}]{found[0] and '.'}{found[0]}", found[1]
        return None

    return find_broken


def _compile_item(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> _Find:
    rule = named_rule(field)
    if rule is not None:
        return lambda text: None if rule.holds(text) else ("", rule)
    inner = field.message_type
    if inner is None or inner.GetOptions().map_entry:
        raise ValueError(f"{field.full_name}: named rules cannot stand in a map, since its keys are values")
    return _compile(inner, above)


def _fields(
    descriptor: Descriptor, prefix: str, above: tuple[Descriptor, ...]
) -> Iterator[tuple[str, FieldDescriptor]]:
    """Yield a type's fields, and instead of a single message that matters here its own fields."""
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None or field.is_repeated or not _reaches_rule(field, frozenset()):
            yield prefix + field.name, field
        elif inner in above:
            raise ValueError(f"{inner.full_name} is recursive: its named rules cannot be compiled")
        else:
            yield from _fields(inner, f"{prefix}{field.name}.", (*above, inner))


def _reaches_rule(field: FieldDescriptor, seen: frozenset[str]) -> bool:
    """Say whether a message field holds a ruled field at any depth."""
    inner = field.message_type
    if inner is None or inner.full_name in seen:
        return False
    seen |= {inner.full_name}
    return any(named_rule(below) or _reaches_rule(below, seen) for below in inner.fields)


def named_rule(field: FieldDescriptor) -> NamedRule | None:
    """Return the named rule that a field declares, if it does.

    Raises:
        ValueError: It is not a text field.
    """
    number: int = field.GetOptions().Extensions[_RULE]
    if number == types_pb2.RULE_UNSPECIFIED:
        return None
    if field.type != FieldDescriptor.TYPE_STRING:
        raise ValueError(f"{field.full_name}: a named rule stands on a string field")
    return RULES[number]
