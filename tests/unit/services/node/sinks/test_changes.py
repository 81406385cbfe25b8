"""What a sink knows a record's rows by: what the exchange knows the record by."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.mapping import find_mappings, load_mapping
from adapters.samples import sample_rows
from services.node.sinks.changes import ChangeReader
from services.wire.bodies import BodyWriter
from services.wire.datasets import load_datasets
from yrdx.node.v1 import node_pb2

TRANSFER = "social.transfer"


def test_two_people_under_one_case_number_are_two_records() -> None:
    """So neither takes the other's place in the table, and withdrawing one leaves the other."""
    mapping, dataset = load_mapping("shanghai", TRANSFER), load_datasets().find(TRANSFER, "1")
    reader, writer = ChangeReader(mapping, dataset), BodyWriter(dataset.type_url, real_data=False)
    rows = sample_rows(TRANSFER, "shanghai", seed=1, people=2, bad_rows=0).rows
    messages: list[Any] = [mapping.to_standard_rows([list(row)]).message for row in (rows[0], rows[-1])]
    first, second = messages
    assert first.person_number != second.person_number
    second.case_number, second.step = first.case_number, first.step

    def identified(message: Any) -> tuple[bytes, tuple[Any, ...]]:
        key = dataset.key(message)
        body = writer.upsert(key, message.SerializeToString())
        change = reader.read(node_pb2.WatchInboxResponse.Entry(position=1, key=key, body=body))
        (cells,) = {reader.key(row) for row in change.rows}
        return key, cells

    for left, right in zip(identified(first), identified(second), strict=True):
        assert left != right


@pytest.mark.parametrize(("dialect", "name"), list(find_mappings()))
def test_every_dialect_has_columns_for_the_subject(dialect: str, name: str) -> None:
    """Else rows of a table could not be told apart by it."""
    mapping, dataset = load_mapping(dialect, name), load_datasets().find(name, "1")
    for field in dataset.subject_fields:
        assert mapping.places_of([field])
