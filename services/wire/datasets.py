"""The regional standards that this node knows, learnt from the contract itself.

Every generated module under ``yrdx/<domain>/v<n>`` is imported and each message that declares
``option (yrdx.types.v1.dataset)`` becomes a `Dataset`; so a new .proto adds a dataset and no line of code changes.
The modules are found as files because ``yrdx`` is a namespace package, into which ``pkgutil`` does not look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import yrdx
from buf.validate import validate_pb2
from services.domain.errors import DatasetUnknown
from services.domain.receipt import Violation
from services.domain.standard import StandardVersion, newest_before
from services.wire.additions import Search, search_additions
from services.wire.columns import Columns
from services.wire.consistency import CompiledConsistency, compile_consistency
from services.wire.courses import CompiledCourse, compile_course
from services.wire.keys import compile_keys, subject_prefix
from services.wire.named_rules import compile_named_rules
from services.wire.reasons import reason_of
from services.wire.runs import MessageRun
from yrdx.types.v1 import types_pb2

_DATASET: Final[Any] = types_pb2.dataset  # protoc types an extension as its mere descriptor
_RULES: Final[Any] = validate_pb2.field


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of one regional standard, compiled.

    Attributes:
        name: "social.contribution".
        standard: Version, "1" or "1.1".
        message_class: Generated class of its message.
        type_url: The only type that a record's ``Any`` may state.
        key_fields: Fields of the business key.
        subject_fields: Fields that say what a record is about; those of the key where the standard names none.
        key: Key of a message: its subject's digest and its business key's, 16 bytes.
        keys: Keys of many messages, at less than half of the cost each.
        first_broken: First named rule, sum or decision that a message breaks, or what a later version added; or None.
        sums_hold: Whether every sum of many messages adds up, every decision is kept, and nothing later is said.
        run: Parses and validates many messages at once.
        course: What cases do that its records tell; None where it declares none.
        indispensable: Fields of subject and key, of sums, decisions and the course, and those marked as required: no
            agreement by which records are sent may leave them out.
    """

    name: str
    standard: str
    message_class: type[Message]
    type_url: str
    key_fields: tuple[str, ...]
    subject_fields: tuple[str, ...]
    key: Callable[[Message], bytes]
    keys: Callable[[Columns], list[bytes]]
    first_broken: Callable[[Message], Violation | None]
    sums_hold: Callable[[Columns], bool]
    run: MessageRun
    course: CompiledCourse | None
    indispensable: frozenset[str]

    @property
    def identifying_fields(self) -> tuple[str, ...]:
        """Fields of the business key and of the subject: two records that agree in all of them are one."""
        return tuple(dict.fromkeys((*self.key_fields, *self.subject_fields)))

    def subject(self, parts: Sequence[str]) -> bytes:
        """Return what the keys of all records of a subject begin with, 8 bytes.

        Args:
            parts: Texts of `subject_fields`; numbers and codes in decimal.
        """
        return subject_prefix(parts)


class Datasets:
    """Datasets by name and version."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        """Index datasets.

        Raises:
            ValueError: Two messages declare the same version of a dataset.
        """
        self._known: dict[str, dict[str, Dataset]] = defaultdict(dict)
        for dataset in datasets:
            if self._known[dataset.name].setdefault(dataset.standard, dataset) is not dataset:
                raise ValueError(f"{dataset.name} standard {dataset.standard} is declared twice")

    def names(self) -> Sequence[str]:
        """Return the names, sorted."""
        return sorted(self._known)

    def standards(self, name: str) -> Sequence[str]:
        """Return the versions of a dataset, oldest first; empty when it is unknown."""
        return sorted(self._known.get(name, ()), key=StandardVersion.parse)

    def find(self, name: str, standard: str) -> Dataset:
        """Return one dataset.

        Raises:
            DatasetUnknown: The name or the version is not known here.
        """
        found = self._known.get(name, {}).get(standard)
        if found is None:
            known = ", ".join(self.standards(name)) or "none"
            raise DatasetUnknown(f"{name} standard {standard} is not known here; known versions: {known}")
        return found

    def before(self, name: str, standard: str) -> Dataset | None:
        """Return the newest version to which an unknown one is a compatible addition; None where it is none."""
        known = newest_before(standard, self.standards(name))
        return None if known is None else self.find(name, known)


def load_datasets() -> Datasets:
    """Import the contract's modules and compile every dataset they declare.

    Raises:
        ValueError: A declaration names a field that does not exist or cannot serve.
    """
    descriptors = (one for module in _contract_files() for one in module.message_types_by_name.values())
    declared = [one for one in descriptors if _declaration(one).name]
    return Datasets([compile_dataset(one, version) for one in declared for version in _versions(one)])


def _versions(descriptor: Descriptor) -> Iterator[StandardVersion]:
    """Yield every version that a declared message can say: "1", and "1.1" where it is that addition."""
    yield from StandardVersion.parse(_declaration(descriptor).standard).upto_here()


def compile_dataset(descriptor: Descriptor, version: StandardVersion | None = None) -> Dataset:
    """Compile one declared message.

    Args:
        descriptor: The message.
        version: The version that it declares, or one that this one adds to; None: what it declares.

    Raises:
        ValueError: The declaration names a field that does not exist or cannot serve.
    """
    declared = _declaration(descriptor)
    standard = version or StandardVersion.parse(declared.standard)
    about = tuple(declared.subject or declared.key)
    keys = compile_keys(descriptor, about, declared.key)
    consistency = compile_consistency(descriptor, declared)
    later = search_additions(descriptor, standard)
    course = compile_course(descriptor, declared)
    message_class = GetMessageClass(descriptor)
    return Dataset(
        name=declared.name,
        standard=str(standard),
        message_class=message_class,
        type_url=f"type.googleapis.com/{descriptor.full_name}",
        key_fields=tuple(declared.key),
        subject_fields=about,
        key=keys.one,
        keys=keys.many,
        first_broken=_compile_first_broken(compile_named_rules(descriptor), consistency, later),
        sums_hold=lambda columns: (
            consistency.holds(columns)
            and (later is None or all(later(message) is None for message in columns.messages))
        ),
        run=MessageRun(message_class),
        course=course,
        indispensable=frozenset({*about, *declared.key, *consistency.fields(), *_required(descriptor)})
        | (course.fields if course else frozenset()),
    )


def _compile_first_broken(
    first_broken_rule: Callable[[Message], Violation | None], consistency: CompiledConsistency, later: Search | None
) -> Callable[[Message], Violation | None]:
    """Compile what a later version added, the named rules, and then what must agree."""

    def first_broken(message: Message) -> Violation | None:
        path = later(message) if later else None
        if path is not None:
            return Violation(path, "record.newer_field", reason_of("record.newer_field"))
        return first_broken_rule(message) or consistency.first_broken(message)

    return first_broken


def _required(descriptor: Descriptor) -> Iterator[str]:
    for field in descriptor.fields:
        if field.GetOptions().Extensions[_RULES].required:
            yield field.name


def _contract_files() -> Iterator[FileDescriptor]:
    # Each name once: where two trees are on the path, the first one's module is the one that Python imports.
    names = dict.fromkeys(
        ".".join(("yrdx", *path.relative_to(root).with_suffix("").parts))
        for root in yrdx.__path__
        for path in sorted(Path(root).glob("*/v[0-9]*/*_pb2.py"))
    )
    yield from (import_module(name).DESCRIPTOR for name in names)


def _declaration(descriptor: Descriptor) -> types_pb2.Dataset:
    declared: types_pb2.Dataset = descriptor.GetOptions().Extensions[_DATASET]
    return declared
