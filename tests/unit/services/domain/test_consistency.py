"""Totals over items and decided fields, of standards that are made up here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from services.wire.columns import Columns
from services.wire.datasets import Dataset, compile_dataset
from tests.unit.services.wire.protos import compile_messages

TEXT = """
enum Kind {{ KIND_UNSPECIFIED = 0; KIND_DRUG = 1; KIND_BED = 2; }}
message Line {{ int64 fen = 1; Kind kind = 2; string note = 3; }}
message Bill {{
  option (yrdx.types.v1.dataset) = {{ name: "a.b" standard: "1" key: ["id"] {declaration} }};
  string id = 1;
  optional int64 total_fen = 2;
  optional int64 drug_fen = 3;
  repeated Line lines = 4;
  Kind main = 5;
  optional int32 grade = 6;
  repeated string tags = 7;
}}
"""
SUMS = """
item_sums: [
  {total: "total_fen" part: "lines.fen"},
  {total: "drug_fen" part: "lines.fen" where: "kind" value: "KIND_DRUG"}
]
"""
DECISION = """
decisions: [{field: "grade" lines: [
  {conditions: [{field: "main" least: 1 most: 1}, {field: "total_fen" least: 100 most: 999}] value: 2},
  {conditions: [{field: "main" least: 1 most: 2}] value: 1}
]}]
"""


COUNTS = """
item_counts: [{items: "lines" where: "kind" value: "KIND_BED" count: 2 conditions: [{field: "main" least: 2 most: 2}]}]
item_sums: [{total: "total_fen" part: "lines.fen"}]
"""


def compiled(folder: Path, declaration: str) -> tuple[Dataset, Any]:
    """A dataset with a declaration, and its message class."""
    bill = compile_messages(folder, TEXT.format(declaration=declaration))["Bill"]
    return compile_dataset(bill), GetMessageClass(bill)


def test_numbers_of_items(tmp_path: Path) -> None:
    """Asked where the conditions hold and there are items at all, and before totals: a lacking item is what is said."""
    dataset, bill = compiled(tmp_path, COUNTS)
    bed, drug = {"fen": 1, "kind": 2}, {"fen": 1, "kind": 1}
    for main, lines, field in [
        (2, [bed, bed], ""), (2, [bed, drug, bed], ""), (2, [bed], "lines.kind"), (2, [drug], "lines.kind"),
        (2, [bed, bed, bed], "lines.kind"), (2, [], ""), (1, [bed], ""), (0, [drug], ""),
    ]:  # fmt: skip
        message = bill(id="a", total_fen=len(lines) + (field != ""), main=main, lines=lines)
        broken = dataset.first_broken(message)
        assert (broken.field_path if broken else "") == field
        assert dataset.sums_hold(Columns([message])) == (broken is None)
        assert broken is None or (broken.rule_id == "count.differs" and "main" in broken.reason)
    assert not {"lines", "lines.kind"} & dataset.indispensable
    assert "main" in dataset.indispensable


def test_totals_over_items(tmp_path: Path) -> None:
    """All items, or those of one kind; the gate's two ways agree."""
    dataset, bill = compiled(tmp_path, SUMS)
    lines = [{"fen": 30, "kind": 1}, {"fen": 12, "kind": 2}]
    for total, drug, field in [(42, 30, ""), (43, 30, "total_fen"), (42, 42, "drug_fen"), (42, 0, "drug_fen")]:
        message = bill(id="a", total_fen=total, drug_fen=drug, lines=lines)
        broken = dataset.first_broken(message)
        assert (broken.field_path if broken else "") == field
        assert dataset.sums_hold(Columns([message])) == (broken is None)
        if broken:
            assert broken.rule_id == "sum.mismatch"
            assert "42" not in broken.reason


def test_a_summary_travels_without_its_details(tmp_path: Path) -> None:
    """But not the details without their total, even if that is 0, unless none of them counts."""
    dataset, bill = compiled(tmp_path, SUMS)
    assert dataset.first_broken(bill(id="a", total_fen=30)) is None
    assert dataset.first_broken(bill(id="a", lines=[{"fen": 0}])) is not None
    assert dataset.first_broken(bill(id="a", lines=[{"fen": 30}])) is not None
    assert dataset.first_broken(bill(id="a", total_fen=30, lines=[{"fen": 30, "kind": 2}])) is None
    assert dataset.first_broken(bill(id="a", total_fen=0, lines=[{"fen": 0, "kind": 1}])) is not None


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"main": 1, "total_fen": 100}, 2),
        ({"main": 1, "total_fen": 999}, 2),
        ({"main": 1, "total_fen": 1000}, 1),
        ({"main": 1}, 1),  # an absent field keeps no condition
        ({"main": 2, "total_fen": 100}, 1),
    ],
)
def test_the_first_line_that_holds_decides(tmp_path: Path, fields: dict[str, int], right: int) -> None:
    """Any other value is refused with the names of the fields."""
    dataset, bill = compiled(tmp_path, DECISION)
    assert dataset.first_broken(bill(id="a", grade=right, **fields)) is None
    broken = dataset.first_broken(bill(id="a", grade=right + 1, **fields))
    assert broken is not None
    assert (broken.field_path, broken.rule_id) == ("grade", "decision.differs")
    assert "main, total_fen" in broken.reason
    assert dataset.first_broken(bill(id="a", **fields)) is not None


def test_where_no_line_holds_the_field_is_free(tmp_path: Path) -> None:
    """Records that the decision is not about say what they like, or nothing."""
    dataset, bill = compiled(tmp_path, DECISION)
    assert dataset.first_broken(bill(id="a", grade=7)) is None
    assert dataset.first_broken(bill(id="a")) is None


def test_no_agreement_leaves_out_what_must_agree(tmp_path: Path) -> None:
    """Totals, decided fields and what decides them; but details may stay at home."""
    dataset, _ = compiled(tmp_path, SUMS + DECISION)
    assert dataset.indispensable == {"id", "total_fen", "drug_fen", "grade", "main"}


@pytest.mark.parametrize(
    "declaration",
    [
        'item_sums: [{total: "gone" part: "lines.fen"}]',
        'item_sums: [{total: "id" part: "lines.fen"}]',
        'item_sums: [{total: "total_fen" part: "lines.gone"}]',
        'item_sums: [{total: "total_fen" part: "lines.note"}]',
        'item_sums: [{total: "total_fen" part: "tags.fen"}]',
        'item_sums: [{total: "total_fen" part: "drug_fen"}]',
        'item_sums: [{total: "total_fen" part: "lines.fen" where: "kind" value: "KIND_GONE"}]',
        'item_sums: [{total: "total_fen" part: "lines.fen" where: "note" value: "a"}]',
        'decisions: [{field: "gone"}]',
        'decisions: [{field: "grade" lines: [{conditions: [{field: "tags"}]}]}]',
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(tmp_path: Path, declaration: str) -> None:
    """What it names must exist and be a number; otherwise the node does not start."""
    with pytest.raises(ValueError, match=r"Bill|Line"):
        compiled(tmp_path, declaration)
