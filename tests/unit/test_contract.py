"""The contract keeps its own conventions; what buf can check, `make proto` checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2
from services.wire.contract import first_violation
from services.wire.datasets import Dataset, load_datasets
from services.wire.named_rules import RULES
from yrdx.types.v1 import types_pb2

SET = FileDescriptorSet.FromString((files("yrdx") / "descriptors.binpb").read_bytes())
OURS = [file for file in SET.file if file.package.startswith("yrdx.")]
DATASETS = load_datasets()
ALL = [DATASETS.find(name, standard) for name in DATASETS.names() for standard in DATASETS.standards(name)]
STREAM_PATTERN = r"^[0-9]{6}/[0-9]{6}/[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+/(0|[1-9][0-9]{0,2})$"


def messages() -> Iterator[Descriptor]:
    """Yield every message of the contract, nested ones too."""
    waiting = [
        Default().FindMessageTypeByName(f"{file.package}.{one.name}") for file in OURS for one in file.message_type
    ]
    while waiting:
        descriptor = waiting.pop()
        yield descriptor
        waiting += descriptor.nested_types


def fields(descriptor: Descriptor, seen: tuple[Descriptor, ...] = ()) -> Iterator[FieldDescriptor]:
    """Yield a message's fields and those of the contract's messages inside it."""
    for field in descriptor.fields:
        yield field
        inner = field.message_type
        if inner and inner.file.package.startswith("yrdx.") and inner not in seen:
            yield from fields(inner, (*seen, inner))


def root_of(dataset: Dataset) -> Descriptor:
    """Return the descriptor of a dataset's message."""
    return Default().FindMessageTypeByName(dataset.type_url.partition("/")[2])


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """Return the rules of buf.validate on a field."""
    extension: Any = validate_pb2.field
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[extension]
    return rules


def named_rule(field: FieldDescriptor) -> int:
    """Return the named domain rule on a field; 0 for none."""
    extension: Any = types_pb2.rule
    number: int = field.GetOptions().Extensions[extension]
    return number


def method_comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Yield each rpc with the comment above it."""
    for location in file.source_code_info.location:
        if len(location.path) == 4 and (location.path[0], location.path[2]) == (6, 2):  # service, method
            service = file.service[location.path[1]]
            yield f"{service.name}.{service.method[location.path[3]].name}", location.leading_comments


def test_every_rpc_says_who_may_call_it_and_what_a_repetition_does() -> None:
    """Callers, and whether a call may be made again, stand where the rpc is declared."""
    comments = dict(pair for file in OURS for pair in method_comments(file))

    assert len(comments) == sum(len(service.method) for file in OURS for service in file.service) > 0
    silent = [name for name, comment in comments.items() if "Callers:" not in comment]
    assert silent == []


def test_names_end_with_their_units() -> None:
    """Instants are …_time, money is int64 …_fen, and no number of a regional standard is a binary float."""
    wrong = []
    for message in messages():
        for field in message.fields:
            instant = field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp"
            wrong += [field.full_name] if instant != field.name.endswith("_time") else []
            wrong += [field.full_name] if field.name.endswith("_fen") and field.type != field.TYPE_INT64 else []
    floats = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
    wrong += [field.full_name for one in ALL for field in fields(root_of(one)) if field.type in floats]

    assert wrong == []


def test_every_rule_of_the_contract_compiles() -> None:
    """A rule that cannot be compiled would refuse every message only once one arrives."""
    judged = [first_violation(GetMessageClass(descriptor)()) for descriptor in messages()]

    assert len(judged) > 50
    assert all(violation is None or violation.rule_id != "record.rule" for violation in judged)


def test_the_descriptor_set_is_whole() -> None:
    """Loaders of other languages find every import in the one file that is published."""
    names = {file.name for file in SET.file}

    assert {imported for file in SET.file for imported in file.dependency} <= names
    assert "buf/validate/validate.proto" in names


def test_a_stream_has_one_pattern_everywhere() -> None:
    """Every signed message and request spells streams in the same single way."""
    for name in ("BatchHeader", "Opening", "Position", "Receipt", "ListReceiptsRequest"):
        field = Default().FindMessageTypeByName(f"yrdx.exchange.v1.{name}").fields_by_name["stream"]
        assert (rules_of(field).string.pattern, rules_of(field).string.max_len) == (STREAM_PATTERN, 100)


def test_numbers_that_count_records_stay_exact_everywhere() -> None:
    """Sequences, watermarks, epochs and positions that others send are at most 2^53 − 1."""
    names = {"sequence", "first_sequence", "watermark", "epoch", "mends"}
    asked = ("BatchHeader", "Receipt", "Rejection", "StreamPosition", "Opening", "Acknowledgement")
    found = [
        field
        for name in asked
        for field in Default().FindMessageTypeByName(f"yrdx.exchange.v1.{name}").fields
        if field.name in names
    ]
    found.append(Default().FindMessageTypeByName("yrdx.types.v1.RecordBody").fields_by_name["mends"])

    assert len(found) == 10
    assert {rules_of(field).uint64.lte for field in found} == {2**53 - 1}


@pytest.mark.parametrize("dataset", ALL, ids=lambda one: f"{one.name}-{one.standard}")
class TestDataset:
    """What every regional standard promises."""

    def test_its_name_and_version_have_their_shape(self, dataset: Dataset) -> None:
        """They stand in stream names, agreements and headers."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+", dataset.name)
        assert re.fullmatch(r"[0-9]{1,4}", dataset.standard)

    def test_no_part_of_its_key_may_be_missing(self, dataset: Dataset) -> None:
        """A record without a part of its key is refused, so no two subjects share a key by omission."""
        descriptor = root_of(dataset)
        extension: Any = types_pb2.dataset
        for name in descriptor.GetOptions().Extensions[extension].key:
            rules = rules_of(descriptor.fields_by_name[name])
            refuses_empty = bool(
                rules.required
                or rules.string.min_len
                or (rules.string.pattern and not re.search(rules.string.pattern, ""))
                or 0 in rules.enum.not_in
            )
            assert refuses_empty, name

    def test_every_text_is_bounded(self, dataset: Dataset) -> None:
        """By its greatest length, or by a whole pattern without repetition without end."""
        for field in fields(root_of(dataset)):
            if field.type == FieldDescriptor.TYPE_STRING:
                text = rules_of(field).string
                whole = re.fullmatch(r"\^[^*+]*\$", text.pattern)
                assert text.max_len or text.len or whole, field.full_name

    def test_every_named_rule_stands_behind_a_pattern(self, dataset: Dataset) -> None:
        """What reaches the rule is short already; its verdicts are remembered (services/wire/named_rules.py)."""
        for field in fields(root_of(dataset)):
            if named_rule(field):
                assert named_rule(field) in RULES
                assert re.fullmatch(r"\^[^*+]*\$", rules_of(field).string.pattern), field.full_name

    def test_its_codes_begin_with_not_stated(self, dataset: Dataset) -> None:
        """0 never is a code: what was not stated and what was stated stay apart."""
        for field in fields(root_of(dataset)):
            if field.enum_type:
                assert field.enum_type.values_by_number[0].name.endswith("_UNSPECIFIED")
