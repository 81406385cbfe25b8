"""What a regional standard says about its fields, read from its message: the .proto is the only source."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from services.domain import check_digits
from services.domain.consistency import Agreement, agreements
from services.domain.standard import StandardVersion
from yrdx.types.v1 import types_pb2

_KINDS: Final = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_ENUM: "enum",
}
_RULES: Final[dict[int, Callable[[str], bool]]] = {
    types_pb2.RULE_CITIZEN_NUMBER: check_digits.is_citizen_number,
    types_pb2.RULE_SOCIAL_CREDIT_CODE: check_digits.is_social_credit_code,
    types_pb2.RULE_CALENDAR_DATE: check_digits.is_calendar_date,
}
TIME: Final = "google.protobuf.Timestamp"


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field of a standard.

    Attributes:
        name: "person_number".
        path: The same, or "years.from_date" for a field of a repeated field's items.
        kind: "string", "int32", "int64", "bool", "enum", the full name of a message, or "other".
        required: A record without it is refused.
        has_presence: Absent and empty differ.
        repeated: It may occur several times.
        items_max: How often, at most; None where the standard does not say.
        characters_max: Longest text, in characters; None where the standard does not say.
        pattern: Pattern of a text; None where the standard does not say.
        rule: Named domain rule of a text; None where the standard does not say.
        number_min: Least number, or first second of an instant; None where the standard does not say.
        number_max: Greatest number, or last second of an instant.
        enum_values: Names and numbers of an enum, without the zero that stands for "not stated".
        subfields: Names of a message's fields.
        items: Facts about the fields of a repeated message, by name.
    """

    name: str
    path: str
    kind: str
    required: bool
    has_presence: bool
    repeated: bool = False
    items_max: int | None = None
    characters_max: int | None = None
    pattern: re.Pattern[str] | None = None
    rule: Callable[[str], bool] | None = None
    number_min: int | None = None
    number_max: int | None = None
    enum_values: dict[str, int] = field(default_factory=dict)
    subfields: tuple[str, ...] = ()
    items: dict[str, FieldFacts] = field(default_factory=dict)

    def allows(self, text: str) -> bool:
        """Say whether a text fits the field's pattern and length."""
        short_enough = self.characters_max is None or len(text) <= self.characters_max
        return short_enough and (self.pattern is None or self.pattern.search(text) is not None)

    def contains(self, number: int) -> bool:
        """Say whether a number lies within the field's bounds."""
        low = self.number_min is None or number >= self.number_min
        return low and (self.number_max is None or number <= self.number_max)

    @property
    def numbers(self) -> int:
        """How many numbers lie within its bounds; without bounds, more than anybody counts."""
        if self.number_min is None or self.number_max is None:
            return sys.maxsize
        return self.number_max - self.number_min + 1

    def holds(self, value: object) -> bool:
        """Say whether a value other than a message keeps every rule of the field."""
        match value:
            case str():
                return self.allows(value) and (self.rule is None or self.rule(value))
            case int() if self.kind in {"int32", "int64"}:
                return self.contains(value)
            case _:
                return True

    def leaves(self) -> Iterator[str]:
        """Yield the paths of everything in it that a column can carry: "division.code", "years.place.code"."""
        if self.repeated:
            for inner in self.items.values():
                yield from inner.leaves()
        elif self.subfields:
            yield from (f"{self.path}.{part}" for part in self.subfields)
        else:
            yield self.path


@dataclass(frozen=True, slots=True)
class Standard:
    """One regional standard.

    Attributes:
        dataset: "social.contribution".
        version: "1".
        message_type: Its message class.
        fields: Facts by field name, in the order of the .proto.
        key: Fields of the business key.
        sums: Totals and the parts they must equal, as field names.
        agreements: Totals over items and decided fields, judged on the whole record.
        case_field: Field that names the case whose steps the records tell; empty where they tell none.
    """

    dataset: str
    version: str
    message_type: type[Message]
    fields: dict[str, FieldFacts]
    key: tuple[str, ...]
    sums: tuple[tuple[str, tuple[str, ...]], ...]
    agreements: tuple[Agreement, ...] = ()
    case_field: str = ""

    def find(self, path: str) -> FieldFacts | None:
        """Find a field, "person_number", or one of a repeated field's items, "years.from_date"."""
        name, _, inner = path.partition(".")
        facts = self.fields.get(name)
        return facts if facts is None or not inner else facts.items.get(inner)

    def paths(self) -> Iterator[str]:
        """Yield what ``find`` finds and a column may carry, in the order of the .proto."""
        for facts in self.fields.values():
            yield from (inner.path for inner in facts.items.values()) if facts.repeated else (facts.path,)


@cache
def find_standard(dataset: str, version: str) -> Standard:
    """Find the message that declares itself as a dataset's standard, or as a compatible addition to it.

    Args:
        dataset: "social.contribution": its messages live in ``yrdx.social.v<major version>``.
        version: "1", or "1.1" for an addition; what later ones added is left out.

    Raises:
        LookupError: No message declares it.
    """
    for message_type in _messages(f"yrdx.{dataset.partition('.')[0]}.v{version.partition('.')[0]}"):
        declared = _option(message_type.DESCRIPTOR, types_pb2.dataset)
        if declared.name == dataset and _includes(declared.standard, version):
            known = _Known(StandardVersion.parse(version))
            fields = {described.name: known.facts(described, "") for described in known.fields(message_type.DESCRIPTOR)}
            sums = tuple((total.total, tuple(total.parts)) for total in declared.sums)
            agreeing = tuple(agreements(declared, message_type.DESCRIPTOR))
            key, case_field = tuple(declared.key), declared.course.number
            return Standard(dataset, version, message_type, fields, key, sums, agreeing, case_field)
    raise LookupError(f"no standard {dataset!r} version {version!r}")


def _messages(package: str) -> Iterator[type[Message]]:
    """Walk the message classes of a package of stubs; none when there is no such package."""
    try:
        path = import_module(package).__path__
    except ModuleNotFoundError:
        return
    for module_info in iter_modules(path):
        if module_info.name.endswith("_pb2"):
            module = import_module(f"{package}.{module_info.name}")
            yield from (getattr(module, name) for name in module.DESCRIPTOR.message_types_by_name)


def _option(described: Any, extension: Any) -> Any:  # noqa: ANN401 - the stubs say FieldDescriptor for extensions
    """Read a custom option of a message or a field."""
    return described.GetOptions().Extensions[extension]


def _includes(declared: str, version: str) -> bool:
    try:
        return StandardVersion.parse(declared).includes(StandardVersion.parse(version))
    except ValueError:  # a mapping file may say anything
        return False


@dataclass(frozen=True, slots=True)
class _Known:
    """Reads descriptors as a version of the standard knows them."""

    version: StandardVersion

    def fields(self, described: Any) -> list[Any]:  # noqa: ANN401 - Descriptor of either implementation
        """Return a message's fields without those that a later version added."""
        return [part for part in described.fields if self._known(_option(part, types_pb2.since))]

    def codes(self, described: Any) -> dict[str, int]:  # noqa: ANN401 - EnumDescriptor, or None
        """Return an enum's names and numbers, without the zero, and without those that a later version added."""
        values = described.values if described else ()
        known = (one for one in values if one.number and self._known(_option(one, types_pb2.added_in)))
        return {one.name: one.number for one in known}

    def facts(self, described: Any, above: str) -> FieldFacts:  # noqa: ANN401 - FieldDescriptor
        """Read one field and its rules; ``above`` is "years." inside a repeated field."""
        message_type = described.message_type
        parts = self.fields(message_type) if message_type else []
        path = f"{above}{described.name}"
        inner = {part.name: self.facts(part, f"{path}.") for part in parts} if described.is_repeated else {}
        facts = facts_of(described, path)
        return replace(
            facts,
            enum_values=self.codes(described.enum_type),
            subfields=tuple(part.name for part in parts),
            items=inner,
        )

    def _known(self, since: str) -> bool:
        return not since or StandardVersion.parse(since) <= self.version


def facts_of(described: Any, path: str = "") -> FieldFacts:  # noqa: ANN401 - FieldDescriptor of either implementation
    """Read one field's own rules (buf.validate), and nothing of its parts.

    Args:
        described: The field.
        path: Its path; empty: its name.
    """
    rules = _option(described, validate_pb2.field)
    pattern = re.compile(rules.string.pattern) if rules.string.HasField("pattern") else None
    refuses_empty = rules.string.min_len > 0 or (pattern is not None and pattern.search("") is None)
    message_type = described.message_type
    number_min, number_max = _bounds(rules)
    return FieldFacts(
        name=described.name,
        path=path or described.name,
        kind=message_type.full_name if message_type else _KINDS.get(described.type, "other"),
        required=rules.required or refuses_empty or 0 in rules.enum.not_in,
        has_presence=described.has_presence,
        repeated=described.is_repeated,
        items_max=rules.repeated.max_items if rules.repeated.HasField("max_items") else None,
        characters_max=rules.string.max_len if rules.string.HasField("max_len") else None,
        pattern=pattern,
        rule=_RULES.get(_option(described, types_pb2.rule)),
        number_min=number_min,
        number_max=number_max,
    )


def _bounds(rules: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 - FieldRules
    """Read the least and the greatest number; of an instant, the first and the last second."""
    kind = rules.WhichOneof("type")
    if kind == "timestamp":
        first, end = rules.timestamp.gte, rules.timestamp.lt
        given = rules.timestamp.HasField("gte"), rules.timestamp.HasField("lt")
        return first.seconds if given[0] else None, end.seconds - 1 if given[1] else None
    if kind not in {"int32", "int64"}:
        return None, None
    stated = getattr(rules, kind)
    return (
        stated.gte if stated.HasField("gte") else None,
        stated.lte if stated.HasField("lte") else None,
    )
