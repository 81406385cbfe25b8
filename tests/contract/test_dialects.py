"""The laws of every mapping, and the golden rows of every dialect: a new mapping file is tested without a line here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from importlib import resources
from io import BytesIO
from typing import Any, TypeVar

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.mapping import Group, Mapping, NotExpressible, RowRejected, find_mappings, load_mapping
from adapters.mapping.column import BoundColumn
from adapters.mapping.declared_columns import UnusedColumn
from adapters.mapping.reasons import reason_text
from adapters.tables import BadRow, CsvLayout, CsvSource, Row
from services.wire.columns import Columns
from services.wire.contract import first_violation
from services.wire.datasets import load_datasets
from tests.contract.standard_messages import ANY_TEXT, TRICKY, messages

M = TypeVar("M")
MAPPINGS = [load_mapping(*pair) for pair in find_mappings()]
DATASETS = load_datasets()
FLAT = [mapping for mapping in MAPPINGS if not mapping.grouped]
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: f"{mapping.dialect}/{mapping.dataset}")
# The first example compiles the rules of protovalidate, so no deadline.
lawful = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
SAYS_LESS = {"code.unsaid", "default.differs", "date.precision", "time.precision", "division.not_in_force"}
"""Why a dialect may refuse what another one says: it has fewer words, and not that it says them wrongly."""
OF_A_WHOLE_RECORD = {"sum.mismatch", "count.differs", "decision.differs"}
"""Refusals that no column alone is the reason of."""
RESOLVED = {"division_retired", "division_cut"}
"""Normalisations that keep what was written."""


def without(message: M, paths: Sequence[str]) -> M:
    """A copy without some fields, "division.as_of" or "years.place.as_of"."""
    copy = deepcopy(message)
    for path in paths:
        *parents, name = path.split(".")
        owners: list[Any] = [copy]
        for parent in parents:
            owners = [inner for owner in owners for inner in _inside(owner, parent)]
        for owner in owners:
            owner.ClearField(name)
    return copy


def _inside(owner: Any, name: str) -> list[Any]:
    if owner.DESCRIPTOR.fields_by_name[name].is_repeated:
        return list(getattr(owner, name))
    return [getattr(owner, name)] if owner.HasField(name) else []


def carried(mapping: Mapping, message: M) -> M:
    """A copy with what the dialect carries."""
    return without(message, list(mapping.declaration.not_carried))


def exactly_carried(mapping: Mapping, message: M) -> M:
    """A copy with what the dialect carries without leaving anything out."""
    lossy = [column.facts.path for column in mapping.plan.columns if column.cell.lossy]
    return without(carried(mapping, message), lossy)


def said(mapping: Mapping, rows: list[list[str]]) -> list[list[str]]:
    """Rows without what stays in the city."""
    unused = {place for place, one in enumerate(mapping.declaration.columns) if isinstance(one, UnusedColumn)}
    return [["" if place in unused else cell for place, cell in enumerate(row)] for row in rows]


def layout(mapping: Mapping) -> CsvLayout:
    """The dialect's CSV files."""
    return CsvLayout(mapping.columns, mapping.file.encoding, mapping.file.delimiter, mapping.file.line_end)


def golden(mapping: Mapping) -> list[Group[Row[str] | BadRow]]:
    """The dialect's golden rows, by record."""
    file = resources.files("adapters") / mapping.dialect / "samples" / f"{mapping.dataset.replace('.', '_')}.csv"
    source = CsvSource(BytesIO(file.read_bytes()), file.name, layout(mapping))
    return list(mapping.gather(source, lambda row: isinstance(row, BadRow)))


def cells(group: Group[Row[str] | BadRow]) -> list[list[str]]:
    """The cells of a record's rows."""
    assert group.problem is None
    return [row.cells for row in group.rows]


@st.composite
def records(draw: st.DrawFn, mapping: Mapping) -> list[list[str]]:
    """Rows as people write them: what the dialect writes, with the habits that it declares as normalisations."""
    message = draw(messages(mapping.standard, any_value=False))
    assume(mapping.unexpressible(message) is None)
    rows = mapping.from_standard_rows(message)
    for place in draw(st.lists(st.integers(0, len(mapping.columns) - 1), max_size=4)):
        habit = draw(st.integers(0, 4))
        for row in rows:
            column = mapping.declaration.columns[place]
            words = {**mapping.declaration.missing, **getattr(column, "missing", {})}
            cell = row[place] or sorted(words)[habit % len(words)]
            habits = [f" {cell}", f"{cell}\u3000", cell.replace("·", "•"), cell.lower(), cell.translate(FULL_WIDTH)]
            row[place] = habits[habit]
    return rows


@every_mapping
@lawful
@given(data=st.data())
def test_standard_to_dialect_to_standard(mapping: Mapping, data: st.DataObject) -> None:
    """What passes the gate is written and read back as it was, on carried fields, or refused by both forms alike."""
    message = data.draw(messages(mapping.standard, any_value=True))
    refusal = mapping.unexpressible(message)
    if refusal is None:
        rows = mapping.from_standard_rows(message)
        back = mapping.to_standard_rows(rows).message
        assert exactly_carried(mapping, back) == exactly_carried(mapping, message)
        assert mapping.from_standard_rows(back) == rows
        return
    with pytest.raises(NotExpressible) as raised:
        mapping.from_standard_rows(message)
    assert (raised.value.field, raised.value.rule_id) == (refusal.field, refusal.rule_id)


@every_mapping
@lawful
@given(data=st.data())
def test_written_as_by_the_complete_ways(mapping: Mapping, data: st.DataObject) -> None:
    """Each cell is what its column's complete way writes and reads back; what that refuses is refused in its words."""
    message = data.draw(messages(mapping.standard, any_value=True))
    written, refusals = completely_written(mapping, message)
    for _ in range(2):  # the second time from memory
        if refusals:
            with pytest.raises(NotExpressible) as raised:
                mapping.from_standard_rows(message)
            assert str(raised.value) in refusals
        else:
            rows = mapping.from_standard_rows(message)
            assert {(row, place): rows[row][place] for row, place in written} == written


def completely_written(mapping: Mapping, message: Any) -> tuple[dict[tuple[int, int], str], list[str]]:
    """Every cell by row and place, and every refusal, by nothing of what is compiled."""
    plan, written = mapping.plan, dict[tuple[int, int], str]()
    differing = [one.facts.path for one in plan.defaults if getattr(message, one.facts.name) != one.value]
    refusals = [str(NotExpressible(path, "default.differs", reason_text("default.differs"))) for path in differing]
    for part in (plan.record, *plan.items):
        for row, owner in enumerate(getattr(message, part.items) if part.items else [message]):
            for _, column in part.columns:
                try:
                    texts = _texts(column, owner)
                except NotExpressible as refused:
                    refusals.append(str(refused.in_item(row) if part.items else refused))
                else:
                    written |= {(row, place): text for place, text in zip(column.places, texts, strict=True)}
    return written, refusals


def _texts(column: BoundColumn, owner: Any) -> Sequence[str]:
    """The cells of one column, or of columns that a converter joins."""
    name, need = column.facts.name, column.cell.needs
    if not (owner.HasField(name) if column.facts.has_presence else column.facts.required or getattr(owner, name)):
        return [""] * len(column.places)
    text = column.write(getattr(owner, name), getattr(owner, need) if need else "")
    return [text] if len(column.places) == 1 else list(text)


@pytest.mark.parametrize("mapping", FLAT, ids=lambda mapping: f"{mapping.dialect}/{mapping.dataset}")
@lawful
@given(data=st.data())
def test_read_as_by_the_complete_ways(mapping: Mapping, data: st.DataObject) -> None:
    """Each field is what its column's complete way reads, with its notes; what that refuses is refused in its words."""
    row = data.draw(records(mapping))[0]
    for place in data.draw(st.lists(st.integers(0, len(row) - 1), max_size=2)):
        row[place] = data.draw(st.sampled_from(row) | TRICKY | ANY_TEXT)
    values, notes, refusals = completely_read(mapping, row)
    for _ in range(2):  # the second time from memory
        if refusals:
            with pytest.raises(RowRejected) as raised:
                mapping.to_standard(row)
            assert str(raised.value) in refusals
            continue
        try:
            message, noted = mapping.to_standard(row)
        except RowRejected as refused:
            assume(refused.rule_id not in OF_A_WHOLE_RECORD)
            raise
        assert set(noted) == notes
        assert {name: _value(message, name) for name in values} == values


def completely_read(mapping: Mapping, row: Sequence[str]) -> tuple[dict[str, Any], set[str], list[str]]:
    """Every field, what had to be noted, and every refusal, by nothing of what is compiled."""
    values, notes, refusals = dict[str, Any](), list[str](), list[str]()
    for filler in mapping.plan.fillers:
        try:
            if filler.text and row[filler.place] != filler.text:
                filler.check(row[filler.place], notes)
        except RowRejected as refused:
            refusals.append(str(refused))
    for column in sorted(mapping.plan.columns, key=lambda one: one.cell.needs != ""):
        cells = tuple(row[place] for place in column.places)
        try:
            need = values.get(column.cell.needs, "")
            value = column.read(cells if len(cells) > 1 else cells[0], notes, need)
            values[column.facts.name] = value if column.facts.has_presence else value or ""
        except RowRejected as refused:
            refusals.append(str(refused))
    return values, set(notes), refusals


def _value(message: Any, name: str) -> Any:
    """A field's value; None where it is absent, and "" where absent and empty are one."""
    if message.DESCRIPTOR.fields_by_name[name].has_presence:
        return getattr(message, name) if message.HasField(name) else None
    return getattr(message, name) or ""


@every_mapping
@lawful
@given(data=st.data())
def test_many_messages_are_never_judged_more_kindly(mapping: Mapping, data: st.DataObject) -> None:
    """Surely expressible together means expressible alone; and usual messages are surely expressible."""
    drawn = [data.draw(messages(mapping.standard, any_value=data.draw(st.booleans()))) for _ in range(2)]
    if mapping.all_expressible(Columns(drawn)):
        assert [mapping.unexpressible(message) for message in drawn] == [None, None]
    else:
        assert any(mapping.unexpressible(message) for message in drawn)


@every_mapping
@lawful
@given(data=st.data())
def test_dialect_to_standard_to_dialect(mapping: Mapping, data: st.DataObject) -> None:
    """Rows come back as they were, unless a named normalisation touched them; from then on they are stable."""
    rows = data.draw(records(mapping))
    try:
        standardised = mapping.to_standard_rows(rows)
    except RowRejected:
        assume(False)
    written = mapping.from_standard_rows(standardised.message)
    assert set(standardised.normalisations) <= mapping.declaration.normalisations.keys()
    if not standardised.normalisations:
        assert written == said(mapping, rows)
    again = mapping.to_standard_rows(written)
    assert carried(mapping, again.message) == carried(mapping, standardised.message)
    assert mapping.from_standard_rows(again.message) == written


@every_mapping
@lawful
@given(data=st.data())
def test_what_the_mapping_lets_through_passes_the_gate(mapping: Mapping, data: st.DataObject) -> None:
    """A row with any cell in it is rejected by the mapping, or its record breaks no rule of the standard."""
    rows = data.draw(records(mapping))
    for place in data.draw(st.lists(st.integers(0, len(mapping.columns) - 1), max_size=2)):
        row = data.draw(st.sampled_from(rows))
        row[place] = data.draw(st.sampled_from(row) | TRICKY | ANY_TEXT)
    try:
        message: Any = mapping.to_standard_rows(rows).message
    except RowRejected:
        return
    assert first_violation(message) is None
    assert DATASETS.find(mapping.dataset, mapping.standard.version).first_broken(message) is None


@every_mapping
@lawful
@given(data=st.data())
def test_typed_targets_and_sources(mapping: Mapping, data: st.DataObject) -> None:
    """What is written to a typed table and read from it again is the same row."""
    message = data.draw(messages(mapping.standard, any_value=False))
    assume(mapping.unexpressible(message) is None)
    for row in mapping.from_standard_rows(message):
        values = mapping.values(row)
        assert all(type(value) is not float and value != "" for value in values)
        assert mapping.texts(values) == row


@every_mapping
def test_golden_rows(mapping: Mapping) -> None:
    """Each golden record becomes exactly what stands beside it, and goes back as it was unless normalised."""
    folder = resources.files("adapters") / mapping.dialect / "samples"
    name = mapping.dataset.replace(".", "_")
    expected = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    groups = golden(mapping)
    found = [(group.rows[0].number, len(group.rows)) for group in groups]
    assert found == [(line["row"], line.get("rows", 1)) for line in expected]
    for group, line in zip(groups, expected, strict=True):
        message, normalisations = mapping.to_standard_rows(cells(group))
        assert list(normalisations) == line["normalisations"]
        assert MessageToDict(message, preserving_proto_field_name=True) == line["standard"]
        written = mapping.from_standard_rows(message)
        assert carried(mapping, mapping.to_standard_rows(written).message) == carried(mapping, message)
        if not normalisations:
            assert written == said(mapping, cells(group))


@every_mapping
def test_golden_records_are_proved_good_together(mapping: Mapping) -> None:
    """The gate's fast way decides about usual records: no rule of a standard is too unusual for it."""
    dataset = DATASETS.find(mapping.dataset, mapping.standard.version)
    records_there = [mapping.to_standard_rows(cells(group)).message for group in golden(mapping)]
    columns = dataset.run.parse_clean([message.SerializeToString() for message in records_there])
    assert columns is not None
    assert dataset.sums_hold(columns)
    assert mapping.all_expressible(columns)


@pytest.mark.parametrize(
    ("source", "target"),
    [(source, target) for source in MAPPINGS for target in MAPPINGS if source.dataset == target.dataset],
    ids=lambda mapping: f"{mapping.dialect}/{mapping.dataset}",
)
def test_every_dialect_can_say_what_another_says(source: Mapping, target: Mapping) -> None:
    """A golden record travels into any dialect of its dataset and back, or is refused with field and reason."""
    messages_there = [source.to_standard_rows(cells(group)).message for group in golden(source)]
    sent = 0
    for message in messages_there:
        refusal = target.unexpressible(message)
        if refusal is None:
            back = target.to_standard_rows(target.from_standard_rows(message)).message
            assert exactly_carried(target, back) == exactly_carried(target, message)
            sent += 1
        else:
            assert refusal.rule_id in SAYS_LESS
            assert target.dialect in refusal.reason or refusal.rule_id != "code.unsaid"
    # A young dialect may know few codes; those two were written to say what each other says.
    assert sent >= (len(messages_there) - 1 if {source.dialect, target.dialect} <= {"local", "shanghai"} else 1)
