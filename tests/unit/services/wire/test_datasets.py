"""Datasets are learnt from the contract, and a declaration that cannot hold stops the node at start."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.message_factory import GetMessageClass

from services.domain.errors import DatasetUnknown
from services.wire.datasets import Datasets, compile_dataset, load_datasets
from tests.unit.services.wire.protos import HEAD, compile_messages, run_protoc, write_proto
from tests.unit.services.wire.samples import CONTRIBUTION, contribution, hashed

DECLARED = """
message Visit {{
  option (yrdx.types.v1.dataset) = {{ {declaration} }};
  string id = 1;
  int64 total = 2;
  optional int64 part = 3;
  repeated string tag = 4;
  bool open = 5;
  Visit nested = 6;
}}
"""


def test_the_contracts_own_standards_are_found() -> None:
    """Name, version, message and wire type of a dataset are those of its .proto."""
    found = load_datasets().find("social.contribution", "1")

    assert found.type_url == "type.googleapis.com/yrdx.social.v1.Contribution"
    assert type(contribution()) is found.message_class
    assert "social.contribution" in load_datasets().names()


def test_a_new_domain_is_a_new_proto_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that appears under yrdx/ brings its dataset, with key, rules and sums, and no code changes."""
    declaration = 'name: "care.visit" standard: "3" key: ["id"] sums: [{total: "total" parts: ["part"]}]'
    text = HEAD.format(package="yrdx.care_test.v1") + DECLARED.format(declaration=declaration)
    write_proto(tmp_path, "yrdx/care_test/v1/visit.proto", text)
    run_protoc(tmp_path, [f"--python_out={tmp_path}"], "yrdx/care_test/v1/visit.proto")
    monkeypatch.syspath_prepend(tmp_path)

    found = load_datasets().find("care.visit", "3")

    visit = found.message_class(id="a", total=5, part=4)
    assert found.key(visit) == hashed(b"yrdx-subject-v1", "a") + hashed(b"yrdx-key-v1", "a")
    assert (broken := found.first_broken(visit)) is not None
    assert (broken.field_path, broken.rule_id) == ("total", "sum.mismatch")
    for name in [name for name in sys.modules if "care_test" in name]:
        monkeypatch.delitem(sys.modules, name)


def test_absent_parts_of_a_sum_count_as_zero(tmp_path: Path) -> None:
    """A total may be stated although an optional part is not."""
    declaration = 'name: "a.b" standard: "1" key: ["id"] sums: [{total: "total" parts: ["part"]}]'
    visit = compile_messages(tmp_path, DECLARED.format(declaration=declaration))["Visit"]
    dataset = compile_dataset(visit)

    assert dataset.first_broken(GetMessageClass(visit)(total=0)) is None
    assert dataset.first_broken(GetMessageClass(visit)(total=1)) is not None


@pytest.mark.parametrize(
    "declaration",
    [
        'name: "a.b" standard: "1"',
        'name: "a.b" standard: "1" key: ["gone"]',
        'name: "a.b" standard: "1" key: ["tag"]',
        'name: "a.b" standard: "1" key: ["open"]',
        'name: "a.b" standard: "1" key: ["nested"]',
        'name: "a.b" standard: "1" key: ["id"] subject: ["gone"]',
        'name: "a.b" standard: "1" key: ["id"] subject: ["tag"]',
        'name: "a.b" standard: "1" key: ["id"] sums: [{total: "id" parts: ["part"]}]',
        'name: "a.b" standard: "1" key: ["id"] sums: [{total: "total" parts: ["gone"]}]',
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(declaration: str, tmp_path: Path) -> None:
    """Keys and sums name existing single fields of a type that serves; otherwise the node does not start."""
    visit = compile_messages(tmp_path, DECLARED.format(declaration=declaration))["Visit"]

    with pytest.raises(ValueError, match="Visit"):
        compile_dataset(visit)


def test_one_version_is_declared_once() -> None:
    """Two messages for one version of a dataset would be a coin toss."""
    with pytest.raises(ValueError, match="declared twice"):
        Datasets([CONTRIBUTION, replace(CONTRIBUTION)])


def test_an_unknown_version_says_which_are_known() -> None:
    """The sender learns what to agree on."""
    datasets = Datasets([CONTRIBUTION])

    with pytest.raises(DatasetUnknown, match=r"known versions: 1"):
        datasets.find("social.contribution", "9")
    assert datasets.standards("gone") == []
