"""What a regional standard says about its fields, read from its message: the .proto is the only source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from yrdx.types.v1 import types_pb2

_KINDS: Final = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_ENUM: "enum",
}


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field of a standard.

    Attributes:
        name: "person_number".
        kind: "string", "int64", "bool", "enum", the full name of a message, or "other".
        required: A record without it is refused.
        has_presence: Absent and empty differ.
        characters_max: Longest text, in characters; None where the standard does not say.
        pattern: Pattern of a text; None where the standard does not say.
        enum_values: Names and numbers of an enum, without the zero that stands for "not stated".
        subfields: Names of a message's fields.
    """

    name: str
    kind: str
    required: bool
    has_presence: bool
    characters_max: int | None = None
    pattern: re.Pattern[str] | None = None
    enum_values: dict[str, int] = field(default_factory=dict)
    subfields: tuple[str, ...] = ()

    def allows(self, text: str) -> bool:
        """Say whether a text fits the field's pattern and length."""
        short_enough = self.characters_max is None or len(text) <= self.characters_max
        return short_enough and (self.pattern is None or self.pattern.search(text) is not None)


@dataclass(frozen=True, slots=True)
class Standard:
    """One regional standard.

    Attributes:
        dataset: "social.contribution".
        version: "1".
        message_type: Its message class.
        fields: Facts by field name, in the order of the .proto.
        sums: Totals and the parts they must equal, as field names.
    """

    dataset: str
    version: str
    message_type: type[Message]
    fields: dict[str, FieldFacts]
    sums: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def find_standard(dataset: str, version: str) -> Standard:
    """Find the message that declares itself as a dataset's standard.

    Args:
        dataset: "social.contribution": its messages live in ``yrdx.social.v<version>``.
        version: "1".

    Raises:
        LookupError: No message declares it.
    """
    for message_type in _messages(f"yrdx.{dataset.partition('.')[0]}.v{version}"):
        declared = _option(message_type.DESCRIPTOR, types_pb2.dataset)
        if (declared.name, declared.standard) == (dataset, version):
            fields = {described.name: _facts(described) for described in message_type.DESCRIPTOR.fields}
            sums = tuple((total.total, tuple(total.parts)) for total in declared.sums)
            return Standard(dataset, version, message_type, fields, sums)
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


def _facts(described: Any) -> FieldFacts:  # noqa: ANN401 - FieldDescriptor of either implementation
    """Read one field and its rules (buf.validate)."""
    rules = _option(described, validate_pb2.field)
    pattern = re.compile(rules.string.pattern) if rules.string.HasField("pattern") else None
    refuses_empty = rules.string.min_len > 0 or (pattern is not None and pattern.search("") is None)
    enum_type, message_type = described.enum_type, described.message_type
    return FieldFacts(
        name=described.name,
        kind=message_type.full_name if message_type else _KINDS.get(described.type, "other"),
        required=rules.required or refuses_empty or 0 in rules.enum.not_in,
        has_presence=described.has_presence,
        characters_max=rules.string.max_len if rules.string.HasField("max_len") else None,
        pattern=pattern,
        enum_values={value.name: value.number for value in enum_type.values if value.number} if enum_type else {},
        subfields=tuple(part.name for part in message_type.fields) if message_type else (),
    )
