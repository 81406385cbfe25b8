"""What must agree within one record: numbers and totals of its items, and fields that others decide.

Declared with the standard, as data (``yrdx.types.v1.Dataset``); judged by the gate and by the mappings with the same
code. Records, declarations and descriptors are those of any protobuf runtime: only their attributes are used here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

_NUMBERS: Final = frozenset({3, 5, 14})  # int64, int32, enum (google.protobuf.FieldDescriptorProto.Type)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Something that must hold of a record.

    Attributes:
        field: The field that disagrees if it does not hold, "items.kind" for one of items.
        others: The fields that it must agree with, "items.amount_fen" for one of items.
        rule_id: Stable name of the rule.
        holds: Says of a record whether it does.
    """

    field: str
    others: tuple[str, ...]
    rule_id: str
    holds: Callable[[Any], bool]

    def fields(self) -> Iterator[str]:
        """Yield the record's own fields that it speaks of. Lists are none: a summary travels without its details."""
        yield from (path for path in (self.field, *self.others) if "." not in path)


def agreements(declared: Any, descriptor: Any) -> list[Agreement]:  # noqa: ANN401 - see above
    """Compile what a standard declares.

    Args:
        declared: Its ``yrdx.types.v1.Dataset``.
        descriptor: Of its message.

    Raises:
        ValueError: A field or a value that is named does not exist or is no number.
    """
    # Numbers first: where an item is lacking, its total is wrong as well, and that says less.
    counts = [_item_count(one, descriptor) for one in declared.item_counts]
    sums = [_item_sum(one, descriptor) for one in declared.item_sums]
    return [*counts, *sums, *(_decision(one, descriptor) for one in declared.decisions)]


def _item_count(declared: Any, descriptor: Any) -> Agreement:  # noqa: ANN401
    """A number of items of one kind, asked where there are items of any."""
    counts = _counting(declared, _listed(descriptor, declared.items))
    conditions = _conditions(declared.conditions, descriptor)
    items, number = declared.items, declared.count

    def holds(record: Any) -> bool:  # noqa: ANN401
        its = getattr(record, items)
        asked = its and all(one(record) for one in conditions)
        return not asked or sum(map(counts, its)) == number

    others = tuple(one.field for one in declared.conditions)
    return Agreement(f"{items}.{declared.where}", others, "count.differs", holds)


def _item_sum(declared: Any, descriptor: Any) -> Agreement:  # noqa: ANN401
    """A total over items, asked where there are items. It may be absent only where none of them counts."""
    total = _number(descriptor, declared.total)
    items, _, part = declared.part.partition(".")
    item = _listed(descriptor, items)
    _number(item, part)
    counts = _counting(declared, item)

    def holds(record: Any) -> bool:  # noqa: ANN401
        its = getattr(record, items)
        counted = [getattr(item, part) for item in its if counts(item)]
        given = total(record)
        return not its or given == sum(counted) or (given is None and not counted)

    return Agreement(declared.total, (declared.part,), "sum.mismatch", holds)


def _listed(descriptor: Any, items: str) -> Any:  # noqa: ANN401
    """The descriptor of a repeated field's items."""
    listed = descriptor.fields_by_name.get(items)
    if listed is None or not listed.is_repeated or listed.message_type is None:
        raise ValueError(f"{descriptor.full_name}: {items} is no repeated field of messages")
    return listed.message_type


def _counting(declared: Any, item: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    """Which items count."""
    if not declared.where:
        return lambda _: True
    field = item.fields_by_name.get(declared.where)
    value = field.enum_type.values_by_name.get(declared.value) if field and field.enum_type else None
    if value is None:
        raise ValueError(f"{item.full_name}: {declared.where} has no value {declared.value}")
    name, number = declared.where, value.number
    return lambda one: getattr(one, name) == number


def _decision(declared: Any, descriptor: Any) -> Agreement:  # noqa: ANN401
    """The first line whose conditions all hold decides; where none does, the field is free."""
    decided = _number(descriptor, declared.field)
    lines = [(_conditions(line.conditions, descriptor), line.value) for line in declared.lines]
    others = dict.fromkeys(one.field for line in declared.lines for one in line.conditions)

    def holds(record: Any) -> bool:  # noqa: ANN401
        value = next((value for hold, value in lines if all(one(record) for one in hold)), None)
        return value is None or decided(record) == value

    return Agreement(declared.field, tuple(others), "decision.differs", holds)


def _conditions(declared: Sequence[Any], descriptor: Any) -> list[Callable[[Any], bool]]:  # noqa: ANN401
    return [_condition(_number(descriptor, one.field), one.least, one.most) for one in declared]


def _condition(number: Callable[[Any], int | None], least: int, most: int) -> Callable[[Any], bool]:
    """An absent field keeps no condition."""

    def holds(record: Any) -> bool:  # noqa: ANN401
        value = number(record)
        return value is not None and least <= value <= most

    return holds


def _number(descriptor: Any, name: str) -> Callable[[Any], int | None]:  # noqa: ANN401
    """A function from a record to a field's number, None where it is absent."""
    field = descriptor.fields_by_name.get(name)
    if field is None or field.is_repeated or field.type not in _NUMBERS:
        raise ValueError(f"{descriptor.full_name}: {name} is no single number")
    if field.has_presence:
        return lambda record: getattr(record, name) if record.HasField(name) else None
    return lambda record: getattr(record, name)
