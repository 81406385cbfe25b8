"""One sheet a standard: its fields, rules and codes, and how every dialect says them, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from adapters.mapping import Mapping
from adapters.mapping.standard import FieldFacts, Standard, facts_of, find_standard
from adapters.toolbox.catalogue.carriage import Carriage, carriages, codes_of
from adapters.toolbox.catalogue.comments import Comment, descriptor_set, read_comment, read_comments
from adapters.toolbox.catalogue.words import dataset_rules, rules_of, type_of, unit_of
from adapters.toolbox.places import installed_places
from yrdx.types.v1 import types_pb2

_DATASET: Final[Any] = types_pb2.dataset
_SINCE: Final[Any] = types_pb2.since
_ADDED_IN: Final[Any] = types_pb2.added_in


@dataclass(frozen=True, slots=True)
class FieldSheet:
    """One field.

    Attributes:
        path: "person_number"; "division.code" and "items.amount_fen" for parts.
        words: Its comment.
        type: What it holds.
        unit: Of a number.
        required: A record, or an item, without it is refused.
        in_key: Part of the business key.
        since: Version that added it; empty: there from the first.
        rules: What its value keeps.
        has_parts: Its parts follow; it is carried by them.
        dialects: How each dialect carries it, by name.
    """

    path: str
    words: Comment
    type: str
    unit: str
    required: bool
    in_key: bool
    since: str
    rules: tuple[str, ...]
    has_parts: bool
    dialects: dict[str, Carriage]


@dataclass(frozen=True, slots=True)
class CodeSheet:
    """One value of a code list.

    Attributes:
        value: As the standard has it: a number, a text, or "true".
        name: Its name in the contract; empty where it has none.
        meaning: What it means.
        since: Version that added it.
        dialects: Codes with their labels, by dialect; none where it has no way to say the value.
    """

    value: str
    name: str
    meaning: str
    since: str
    dialects: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CodeListSheet:
    """The codes of one field.

    Attributes:
        path: The field.
        systems: The code system of each dialect, by name.
        values: In the standard's order.
    """

    path: str
    systems: dict[str, str]
    values: tuple[CodeSheet, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One regional standard.

    Attributes:
        dataset: "social.contribution".
        version: Newest version of the standard.
        message: Full name of its message.
        words: Its comment.
        key: Fields of the business key.
        rules: What must agree within a record.
        fields: In the order of the contract.
        codes: Code lists of its fields.
        mappings: Version of each dialect's mapping, by name.
    """

    dataset: str
    version: str
    message: str
    words: Comment
    key: tuple[str, ...]
    rules: tuple[str, ...]
    fields: tuple[FieldSheet, ...]
    codes: tuple[CodeListSheet, ...]
    mappings: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def load_sheets() -> list[Sheet]:
    """Read the contract and every installed mapping, and return a sheet for each standard, by its name.

    Raises:
        MappingInvalid: A mapping file is wrong: `yrdx mapping lint` says what.
    """
    contract = descriptor_set()
    comments = read_comments(contract)
    mappings: dict[str, dict[str, Mapping]] = {}
    for place in installed_places():
        mappings.setdefault(place.dataset, {})[place.dialect] = place.load()
    declared = [message.options.Extensions[_DATASET] for file in contract.file for message in file.message_type]
    found = sorted((one.name, one.standard) for one in declared if one.name)
    return [_sheet(find_standard(*one), comments, mappings.get(one[0], {})) for one in found]


def _sheet(standard: Standard, comments: dict[str, str], mappings: dict[str, Mapping]) -> Sheet:
    descriptor: Any = standard.message_type.DESCRIPTOR
    declared = descriptor.GetOptions().Extensions[_DATASET]
    reader = _FieldReader(standard, comments, {name: carriages(one) for name, one in mappings.items()})
    return Sheet(
        dataset=standard.dataset,
        version=standard.version,
        message=descriptor.full_name,
        words=read_comment(comments.get(descriptor.full_name, "")),
        key=standard.key,
        rules=tuple(dataset_rules(declared)),
        fields=tuple(reader.fields()),
        codes=tuple(_code_lists(standard, comments, mappings)),
        mappings={name: one.version for name, one in mappings.items()},
    )


@dataclass(frozen=True, slots=True)
class _FieldReader:
    """Describes a standard's fields, and their parts behind each."""

    standard: Standard
    comments: dict[str, str]
    carried: dict[str, dict[str, Carriage]]

    def fields(self) -> Iterator[FieldSheet]:
        described: Any = self.standard.message_type.DESCRIPTOR
        for facts in self.standard.fields.values():
            yield from self._field(facts, described.fields_by_name[facts.name])

    def _field(self, facts: FieldFacts, described: Any) -> Iterator[FieldSheet]:  # noqa: ANN401 - FieldDescriptor
        parts = list(facts.subfields)
        yield self._one(facts.path, facts, described, has_parts=bool(parts) and "Timestamp" not in facts.kind)
        if "Timestamp" in facts.kind:
            return
        for name in parts:
            part = described.message_type.fields_by_name[name]
            if facts.repeated:
                yield from self._field(facts.items[name], part)
            else:
                yield self._one(f"{facts.path}.{name}", facts_of(part), part, has_parts=False)

    def _one(self, path: str, facts: FieldFacts, described: Any, *, has_parts: bool) -> FieldSheet:  # noqa: ANN401
        return FieldSheet(
            path=path,
            words=read_comment(self.comments.get(described.full_name, "")),
            type=type_of(facts),
            unit=unit_of(facts),
            required=facts.required,
            in_key=path in self.standard.key,
            since=described.GetOptions().Extensions[_SINCE],
            rules=tuple(rules_of(described)),
            has_parts=has_parts,
            dialects={} if has_parts else {name: of[path] for name, of in self.carried.items() if path in of},
        )


def _code_lists(standard: Standard, comments: dict[str, str], mappings: dict[str, Mapping]) -> Iterator[CodeListSheet]:
    """Yield a list for each field that is an enum, or that some dialect says in codes."""
    tables = {name: codes_of(mapping) for name, mapping in mappings.items()}
    for path in standard.paths():
        facts = standard.find(path)
        systems = {name: of[path].system for name, of in tables.items() if path in of}
        if facts is None or not (facts.enum_values or systems):
            continue
        values = list(_standard_values(standard, facts, comments))
        known = {value for value, _, _, _ in values}
        others = {value for of in tables.values() if path in of for value in of[path].values if value not in known}
        values += [(value, "", "", "") for value in sorted(others)]
        sheets = [
            CodeSheet(*one, {name: tuple(of[path].values.get(one[0], ())) for name, of in tables.items() if path in of})
            for one in values
        ]
        yield CodeListSheet(path, systems, tuple(sheets))


def _standard_values(
    standard: Standard, facts: FieldFacts, comments: dict[str, str]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield number, name, meaning and version of the codes of an enum."""
    described: Any = standard.message_type.DESCRIPTOR
    for name in facts.path.split("."):
        field = described.fields_by_name[name]
        described = field.message_type
    if field.enum_type is None:
        return
    for value in field.enum_type.values:
        if value.number:
            name = f"{field.enum_type.full_name}.{value.name}"
            meaning = " ".join(comments.get(name, "").split())
            yield str(value.number), value.name, meaning, value.GetOptions().Extensions[_ADDED_IN]
