"""The course that a standard declares (``yrdx.types.v1.Dataset.course``), compiled for its message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from services.domain.course import Clock, Course, Move, Step
from services.wire.fields import field_reader
from services.wire.named_rules import named_rule
from yrdx.types.v1 import types_pb2

_RULES: Final[Any] = validate_pb2.field
_DIVISION: Final = types_pb2.Division.DESCRIPTOR.full_name


@dataclass(frozen=True, slots=True)
class CompiledCourse:
    """A course, and what a message says of it.

    Attributes:
        course: What cases may do.
        fields: Fields of the message that it reads: no agreement may leave them out.
        move: What a message that passed the gate says, given whether its record takes the step back.
    """

    course: Course
    fields: frozenset[str]
    move: Callable[[Message, bool], Move]


def compile_course(descriptor: Descriptor, declared: types_pb2.Dataset) -> CompiledCourse | None:
    """Compile a standard's course; None where it declares none.

    Raises:
        ValueError: The declaration names a field, a value or a step that does not exist or cannot serve.
    """
    if not declared.HasField("course"):
        return None
    wanted = declared.course
    if list(declared.key) != [wanted.number, wanted.step]:
        raise ValueError(f"{descriptor.full_name}: the key of a standard with a course is its case and its step")
    steps = _steps(descriptor, wanted)
    course = Course(wanted.step, _day_field(descriptor, wanted.day), steps, _clock(descriptor, wanted, steps))
    roles = {step.role for step in steps.values()}
    fields = frozenset({wanted.number, wanted.step, wanted.day, *roles})
    return CompiledCourse(course, fields, _compile_move(wanted, steps))


def _compile_move(wanted: types_pb2.Dataset.Course, steps: dict[int, Step]) -> Callable[[Message, bool], Move]:
    read = field_reader((wanted.number, wanted.step, wanted.day))

    def move(message: Message, retracts: bool) -> Move:
        number, step, day = read(message)
        division = getattr(message, steps[step].role).code
        return Move(number, step, date.fromisoformat(day), division, retracts)

    return move


def _steps(descriptor: Descriptor, wanted: types_pb2.Dataset.Course) -> dict[int, Step]:
    enum = descriptor.fields_by_name[wanted.step].enum_type
    values = [one.value for one in wanted.steps]
    if enum is None or values != [one.name for one in enum.values if one.number]:
        raise ValueError(
            f"{descriptor.full_name}: the steps of a course are the values of {wanted.step}, in their order"
        )
    prefix = _common_prefix(enum)
    return {step.number: step for one in wanted.steps for step in [_step(descriptor, enum, one, prefix)]}


def _step(descriptor: Descriptor, enum: EnumDescriptor, one: types_pb2.Dataset.Course.Step, prefix: str) -> Step:
    sender = descriptor.fields_by_name.get(one.sender)
    if sender is None or sender.message_type is None or sender.message_type.full_name != _DIVISION:
        raise ValueError(f"{descriptor.full_name}: {one.sender} is no division, so {one.value} is nobody's step")
    if not _rules(sender).required:
        raise ValueError(f"{descriptor.full_name}: {one.sender} must be required, it says whose step {one.value} is")
    number = enum.values_by_name[one.value].number
    known = {value.name: value.number for value in enum.values}
    following = frozenset(_numbers(descriptor, known, one.next))
    if any(later <= number for later in following):
        raise ValueError(f"{descriptor.full_name}: a step leads to later ones, not from {one.value} back")
    english = one.value.removeprefix(prefix).lower().replace("_", " ")
    return Step(number, one.value, one.label, english, one.sender, one.opens, following)


def _clock(descriptor: Descriptor, wanted: types_pb2.Dataset.Course, steps: dict[int, Step]) -> Clock | None:
    if not wanted.HasField("clock"):
        return None
    if not wanted.clock.starts or not wanted.clock.working_days:
        raise ValueError(f"{descriptor.full_name}: a clock has a step that starts it, and working days")
    known = {step.value: step.number for step in steps.values()}
    return Clock(tuple(_numbers(descriptor, known, wanted.clock.starts)), wanted.clock.working_days)


def _numbers(descriptor: Descriptor, known: Mapping[str, int], names: Iterable[str]) -> list[int]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{descriptor.full_name}: {', '.join(unknown)} is no step of the course")
    return [known[name] for name in names]


def _day_field(descriptor: Descriptor, name: str) -> str:
    """A calendar date whose pattern lets days alone through: a month is no day to count from."""
    field = descriptor.fields_by_name.get(name)
    rule = named_rule(field) if field is not None else None
    pattern = _rules(field).string.pattern if field is not None else ""
    if rule is None or rule.id != "calendar_date.exists" or any(re.fullmatch(pattern, one) for one in ("", "2026-01")):
        raise ValueError(f"{descriptor.full_name}: {name} is no calendar date of a whole day")
    return name


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[_RULES]
    return rules


def _common_prefix(enum: EnumDescriptor) -> str:
    """What buf's style puts before each value: the enum's name."""
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
