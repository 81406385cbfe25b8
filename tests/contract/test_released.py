"""The contract against the one of the last release: what partners' software was made from goes on working."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from adapters.toolbox.catalogue.comments import descriptor_set
from buf.validate import validate_pb2
from services.domain.standard import StandardVersion
from tests.integration.support.variants import REPOSITORY, with_addition, with_another_major
from yrdx.types.v1 import types_pb2

RELEASED: Final = REPOSITORY / "proto" / "image.binpb"
PRESENT: Final = REPOSITORY / "proto" / "yrdx" / "descriptors.binpb"
_DATASET: Final[Any] = types_pb2.dataset
_SINCE: Final[Any] = types_pb2.since
_RULES: Final[Any] = validate_pb2.field


def breaking(contract: Path, against: Path) -> str:
    """Return what `make proto` says of a contract against another one; empty where it breaks nothing."""
    buf = Path(sys.executable).with_name("buf")
    config = REPOSITORY / "proto" / "buf.yaml"
    words = [buf, "breaking", contract, "--against", against, "--path", "yrdx", "--config", config]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert bool(done.returncode) == bool(done.stdout), done.stderr
    return done.stdout


def test_the_present_contract_breaks_nothing_of_the_last_release() -> None:
    """As `make proto` holds in CI."""
    assert breaking(PRESENT, RELEASED) == ""


def test_a_compatible_addition_passes(tmp_path: Path) -> None:
    """A field that is added with its mark, and a new minor version."""
    assert breaking(with_addition(tmp_path) / "proto/yrdx/descriptors.binpb", PRESENT) == ""


def test_a_breaking_change_fails(tmp_path: Path) -> None:
    """A standard that is taken away for its next major version: whoever speaks the former one is named."""
    told = breaking(with_another_major(tmp_path, former_kept=False) / "proto/yrdx/descriptors.binpb", PRESENT)

    assert "contribution.proto" in told


Change = Callable[[DescriptorProto], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda message: message.field.pop(),
        lambda message: setattr(message.field[1], "number", 99),
        lambda message: setattr(message.field[1], "name", "full_name"),
        lambda message: setattr(message.field[1], "type", message.field[1].TYPE_BYTES),
    ],
    ids=["a field is gone", "another number", "another name", "another type"],
)
def test_each_kind_of_break_is_found(change: Change, tmp_path: Path) -> None:
    """In a patched copy of the contract."""
    contract = descriptor_set()
    change(standards(contract)["yrdx.social.v1.Contribution"])
    patched = tmp_path / "patched.binpb"
    patched.write_bytes(contract.SerializeToString())

    assert "Contribution" in breaking(patched, PRESENT)


def standards(contract: FileDescriptorSet) -> dict[str, DescriptorProto]:
    """Return the messages that declare a standard, by full name."""
    return {
        f"{file.package}.{message.name}": message
        for file in contract.file
        for message in file.message_type
        if message.options.Extensions[_DATASET].name
    }


def unfit(former: FileDescriptorSet, present: FileDescriptorSet) -> list[str]:
    """Return what an addition to a standard does that none may do; buf sees nothing of it.

    Args:
        former: The released contract.
        present: The one that takes its place.
    """
    before, now = standards(former), standards(present)
    found = []
    for name, message in now.items():
        was = before.get(name)
        declared = message.options.Extensions[_DATASET]
        if was is not None:
            found += [f"{name}: {why}" for why in _changed(was, message)]
        marks = [field.options.Extensions[_SINCE] for field in message.field]
        newest = max([StandardVersion.parse(mark) for mark in marks if mark], default=StandardVersion(1))
        if not StandardVersion.parse(declared.standard) >= newest:
            found.append(f"{name}: version {declared.standard} is older than what it added")
    return found


def _changed(was: DescriptorProto, now: DescriptorProto) -> Iterator[str]:
    former, declared = was.options.Extensions[_DATASET], now.options.Extensions[_DATASET]
    if list(former.key) != list(declared.key):
        yield "another business key"
    if not StandardVersion.parse(declared.standard).includes(StandardVersion.parse(former.standard)):
        yield f"version {declared.standard} does not include {former.standard}"
    known = {field.name: _required(field) for field in was.field}
    for field in now.field:
        if _required(field) and not known.get(field.name, False):
            yield f"{field.name} is required now"
        since = field.options.Extensions[_SINCE]
        if field.name not in known and not (since and _later(since, former.standard)):
            yield f"{field.name} does not say which version added it"


def _later(since: str, version: str) -> bool:
    return StandardVersion.parse(since) > StandardVersion.parse(version)


def _required(field: Any) -> bool:
    rules = field.options.Extensions[_RULES]
    return bool(rules.required or rules.string.min_len or 0 in rules.enum.not_in)


def test_what_was_added_since_the_last_release_is_a_compatible_addition() -> None:
    """Fields say which version added them, nothing became required, no key changed; or it is a major version."""
    former = FileDescriptorSet.FromString(RELEASED.read_bytes())

    assert unfit(former, descriptor_set()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda field, _: field.options.ClearExtension(_SINCE), "does not say which version added it"),
        (lambda field, _: setattr(field.options.Extensions[_RULES], "required", True), "is required now"),
        (lambda _, declared: declared.key.pop(), "another business key"),
        (lambda _, declared: setattr(declared, "standard", "1"), "older than what it added"),
        (lambda _, declared: setattr(declared, "standard", "2"), "does not include 1"),
    ],
)
def test_what_buf_does_not_see_is_found(change: Callable[[Any, Any], object], told: str, tmp_path: Path) -> None:
    """Each in a copy of a contract with a good addition."""
    added = (with_addition(tmp_path) / "proto/yrdx/descriptors.binpb").read_bytes()
    contract = FileDescriptorSet.FromString(added)
    assert unfit(descriptor_set(), contract) == []

    message = standards(contract)["yrdx.social.v1.Contribution"]
    change(message.field[-1], message.options.Extensions[_DATASET])

    assert any(told in one for one in unfit(descriptor_set(), contract))
