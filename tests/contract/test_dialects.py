"""The laws of every mapping, and the golden rows of every dialect: a new mapping file is tested without a line here."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib import resources
from io import BytesIO
from typing import Any, TypeVar

import protovalidate
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.mapping import Mapping, NotExpressible, RowRejected, find_mappings, load_mapping
from adapters.tables import BadRow, CsvLayout, CsvSource, Row
from services.domain.check_digits import is_calendar_date, is_citizen_number, is_social_credit_code
from tests.contract.standard_messages import ANY_TEXT, TRICKY, messages
from yrdx.types.v1 import types_pb2

M = TypeVar("M")
MAPPINGS = [load_mapping(*pair) for pair in find_mappings()]
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: f"{mapping.dialect}/{mapping.dataset}")
# The first example compiles the rules of protovalidate, so no deadline.
lawful = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
NAMED_RULES = {
    types_pb2.RULE_CITIZEN_NUMBER: is_citizen_number,
    types_pb2.RULE_SOCIAL_CREDIT_CODE: is_social_credit_code,
    types_pb2.RULE_CALENDAR_DATE: is_calendar_date,
}


def carried(mapping: Mapping, message: M) -> M:
    """A copy without the fields that the dialect does not carry."""
    copy = deepcopy(message)
    for path in mapping.declaration.not_carried:
        *parents, name = path.split(".")
        owner: Any = getattr(copy, parents[0]) if parents else copy
        owner.ClearField(name)
    return copy


def layout(mapping: Mapping) -> CsvLayout:
    """The dialect's CSV files."""
    return CsvLayout(mapping.columns, mapping.file.encoding, mapping.file.delimiter, mapping.file.line_end)


def golden(mapping: Mapping) -> list[Row[str] | BadRow]:
    """The dialect's golden rows."""
    file = resources.files("adapters") / mapping.dialect / "samples" / f"{mapping.dataset.replace('.', '_')}.csv"
    return list(CsvSource(BytesIO(file.read_bytes()), file.name, layout(mapping)))


@st.composite
def rows(draw: st.DrawFn, mapping: Mapping) -> list[str]:
    """Rows as people write them: what the dialect writes, with the habits that it declares as normalisations."""
    message = draw(messages(mapping.standard, any_value=False))
    assume(mapping.unexpressible(message) is None)
    row: list[str] = mapping.from_standard(message)
    for place in draw(st.lists(st.integers(0, len(row) - 1), max_size=4)):
        cell = row[place] or draw(st.sampled_from(sorted(mapping.declaration.missing)))
        habits = [f" {cell}", f"{cell}\u3000", cell.replace("·", "•"), cell.lower(), cell.translate(FULL_WIDTH)]
        row[place] = draw(st.sampled_from(habits))
    return row


FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@every_mapping
@lawful
@given(data=st.data())
def test_standard_to_dialect_to_standard(mapping: Mapping, data: st.DataObject) -> None:
    """What passes the gate is written and read back as it was, on carried fields, or refused by both forms alike."""
    message = data.draw(messages(mapping.standard, any_value=True))
    refusal = mapping.unexpressible(message)
    if refusal is None:
        back = mapping.to_standard(mapping.from_standard(message)).message
        assert carried(mapping, back) == carried(mapping, message)
        return
    with pytest.raises(NotExpressible) as raised:
        mapping.from_standard(message)
    assert (raised.value.field, raised.value.rule_id) == (refusal.field, refusal.rule_id)


@every_mapping
@lawful
@given(data=st.data())
def test_dialect_to_standard_to_dialect(mapping: Mapping, data: st.DataObject) -> None:
    """A row comes back as it was, unless a named normalisation touched it; from then on it is stable."""
    row = data.draw(rows(mapping))
    try:
        standardised = mapping.to_standard(row)
    except RowRejected:
        assume(False)
    written = mapping.from_standard(standardised.message)
    assert set(standardised.normalisations) <= mapping.declaration.normalisations.keys()
    if not standardised.normalisations:
        assert written == row
    again = mapping.to_standard(written)
    assert carried(mapping, again.message) == carried(mapping, standardised.message)
    assert mapping.from_standard(again.message) == written


@every_mapping
@lawful
@given(data=st.data())
def test_what_the_mapping_lets_through_passes_the_gate(mapping: Mapping, data: st.DataObject) -> None:
    """A row with any cell in it is rejected by the mapping, or its record breaks no rule of the standard."""
    row = data.draw(rows(mapping))
    for place in data.draw(st.lists(st.integers(0, len(row) - 1), max_size=2)):
        row[place] = data.draw(st.sampled_from(row) | TRICKY | ANY_TEXT)
    try:
        message: Any = mapping.to_standard(row).message
    except RowRejected:
        return
    protovalidate.validate(message)
    for described, value in message.ListFields():
        rule = described.GetOptions().Extensions[types_pb2.rule]
        assert rule == types_pb2.RULE_UNSPECIFIED or NAMED_RULES[rule](value)
    for total, parts in mapping.standard.sums:
        assert getattr(message, total) == sum(getattr(message, part) for part in parts)


@every_mapping
def test_golden_rows(mapping: Mapping) -> None:
    """Each golden row becomes exactly what stands beside it, and goes back as it was unless normalised."""
    folder = resources.files("adapters") / mapping.dialect / "samples"
    name = mapping.dataset.replace(".", "_")
    expected = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    source = golden(mapping)
    assert [row.number for row in source] == [line["row"] for line in expected]
    for row, line in zip(source, expected, strict=True):
        assert isinstance(row, Row)
        message, normalisations = mapping.to_standard(row.cells)
        assert list(normalisations) == line["normalisations"]
        assert MessageToDict(message, preserving_proto_field_name=True) == line["standard"]
        if not normalisations or set(normalisations) <= {"division_retired", "division_cut"}:
            written = carried(mapping, mapping.to_standard(mapping.from_standard(message)).message)
            assert written == carried(mapping, message)


@pytest.mark.parametrize("source", MAPPINGS, ids=lambda mapping: f"from {mapping.dialect}")
@pytest.mark.parametrize("target", MAPPINGS, ids=lambda mapping: f"to {mapping.dialect}")
def test_every_dialect_can_say_what_another_says(source: Mapping, target: Mapping) -> None:
    """A golden record travels into any dialect of its dataset and back, or is refused with field and code system."""
    if source.dataset != target.dataset:
        pytest.skip("other datasets")
    messages_there = [source.to_standard(row.cells).message for row in golden(source)]
    said = 0
    for message in messages_there:
        refusal = target.unexpressible(message)
        if refusal is None:
            back = target.to_standard(target.from_standard(message)).message
            assert carried(target, back) == carried(target, message)
            said += 1
        else:
            assert refusal.rule_id == "code.unsaid"
            assert target.dialect in refusal.reason
    assert said >= len(messages_there) - 1
