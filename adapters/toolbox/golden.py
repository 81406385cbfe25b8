"""Golden rows: invented rows of the dialect, and what each must become and go back to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from adapters.mapping import Group, Mapping, RowRejected
from adapters.mapping.declared_columns import UnusedColumn
from adapters.tables import BadRow, FileRefused, Row, TableLayout, open_table
from adapters.toolbox.places import MappingPlace

ABSENT: Final = "（无 / nothing）"


class NoGoldenRows(Exception):
    """There are none, or they cannot be read; whoever wrote the mapping file writes some.

    Args:
        problem: What is lacking, Chinese with English beside.
    """


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a golden row is not what it should be.

    Attributes:
        row: First row of the record, as people count.
        place: A field, "division.code", or a column, "AAE140".
        direction: "to_standard" or "from_standard".
        expected: What should be there.
        found: What is.
    """

    row: int
    place: str
    direction: str
    expected: str
    found: str

    def as_json(self) -> dict[str, str | int]:
        """Return it for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """One golden record.

    Attributes:
        row: Its first row, as people count.
        rows: Its cells, row by row.
        reason: Why its rows cannot be one record; empty where nothing speaks against it.
    """

    row: int
    rows: list[list[str]]
    reason: str


def golden_records(place: MappingPlace, mapping: Mapping) -> list[GoldenRecord]:
    """Read the dialect's side of the golden rows.

    Raises:
        NoGoldenRows: There are none, or the file is refused.
    """
    path, file = place.samples(".csv"), mapping.file
    if not path.is_file():
        raise NoGoldenRows(f"没有样例文件 / there is no {path}")
    layout = TableLayout(mapping.columns, file.encoding, file.delimiter, file.line_end)
    try:
        with open_table(path, layout, ignored=()) as source:
            return [_record(group) for group in mapping.gather(source, lambda row: isinstance(row, BadRow))]
    except FileRefused as refused:
        raise NoGoldenRows(str(refused)) from refused


def _record(group: Group[Row[Any] | BadRow]) -> GoldenRecord:
    bad = next((row for row in group.rows if isinstance(row, BadRow)), None)
    reason = bad.reason if bad else group.problem.reason if group.problem else ""
    return GoldenRecord(group.rows[0].number, [list(row.cells) for row in group.rows], reason)


def verify_golden(place: MappingPlace) -> tuple[int, list[Difference]]:
    """Compare golden rows with what they become, and with what they go back to.

    Returns:
        How many records were compared, and all differences.

    Raises:
        MappingInvalid: The mapping file is wrong.
        NoGoldenRows: There are none, or they cannot be read.
    """
    mapping = place.load()
    records, expected = golden_records(place, mapping), _expected(place)
    differences: list[Difference] = []
    for record in records:
        wanted = expected.pop(record.row, None)
        differences += _compare(mapping, record, wanted)
    for row in expected:
        differences.append(Difference(row, "", "to_standard", "一条记录 / a record", ABSENT))
    return len(records), differences


def accept_golden(place: MappingPlace) -> int:
    """Write what the golden rows become now as what they must become; somebody then reads it, line by line.

    Returns:
        How many records were written.

    Raises:
        MappingInvalid: The mapping file is wrong.
        NoGoldenRows: There are none, or one of them is rejected.
    """
    mapping = place.load()
    lines = [_line(mapping, record) for record in golden_records(place, mapping)]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    place.samples(".jsonl").write_text(content, encoding="utf-8")
    return len(lines)


def _line(mapping: Mapping, record: GoldenRecord) -> dict[str, Any]:
    try:
        standard, notes = mapping.to_standard_rows(record.rows)
    except RowRejected as rejected:
        raise NoGoldenRows(f"第 {record.row} 行被拒 / row {record.row} is rejected: {rejected}") from None
    several = {"rows": len(record.rows)} if len(record.rows) > 1 else {}
    said = MessageToDict(standard, preserving_proto_field_name=True)
    return {"row": record.row, **several, "normalisations": list(notes), "standard": said}


def _expected(place: MappingPlace) -> dict[int, dict[str, Any]]:
    path = place.samples(".jsonl")
    if not path.is_file():
        raise NoGoldenRows(f"没有期望文件 / there is no {path}: yrdx mapping test --accept")
    try:
        return dict(_expectation(line) for line in path.read_text(encoding="utf-8").splitlines())
    except (ValueError, KeyError, TypeError) as error:
        raise NoGoldenRows(f"期望文件无法读取 / {path} cannot be read: yrdx mapping test --accept") from error


def _expectation(line: str) -> tuple[int, dict[str, Any]]:
    """Read what one record must become; whatever lacks is a KeyError."""
    told = json.loads(line)
    return told["row"], {name: told[name] for name in ("standard", "normalisations")}


def _compare(mapping: Mapping, record: GoldenRecord, wanted: dict[str, Any] | None) -> Iterator[Difference]:
    """Compare one record, both ways."""
    if record.reason or wanted is None:
        found = record.reason or "一条记录 / a record"
        yield Difference(record.row, "", "to_standard", ABSENT if wanted is None else "一条记录 / a record", found)
        return
    try:
        standard, notes = mapping.to_standard_rows(record.rows)
    except RowRejected as rejected:
        yield Difference(record.row, rejected.column, "to_standard", "一条记录 / a record", str(rejected))
        return
    said = _flat(MessageToDict(standard, preserving_proto_field_name=True))
    yield from _differing(record.row, "to_standard", _flat(wanted["standard"]), said)
    named = {"normalisations": " ".join(wanted["normalisations"])}
    yield from _differing(record.row, "to_standard", named, {"normalisations": " ".join(notes)})
    if not notes:
        written = mapping.from_standard_rows(standard)
        yield from _differing(record.row, "from_standard", _cells(mapping, record.rows), _cells(mapping, written))


def _differing(row: int, direction: str, expected: dict[str, str], found: dict[str, str]) -> Iterator[Difference]:
    for place in dict.fromkeys([*expected, *found]):
        wanted, there = expected.get(place, ABSENT), found.get(place, ABSENT)
        if wanted != there:
            yield Difference(row, place, direction, wanted, there)


def _flat(value: Any, path: str = "") -> dict[str, str]:  # noqa: ANN401 - JSON
    """Name every value of a record by its path: "years[0].place.code"."""
    match value:
        case dict():
            parts = [_flat(inner, f"{path}.{name}" if path else name) for name, inner in value.items()]
        case list():
            parts = [_flat(inner, f"{path}[{index}]") for index, inner in enumerate(value)]
        case _:
            return {path: str(value)}
    return {place: text for part in parts for place, text in part.items()}


def _cells(mapping: Mapping, rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Name every cell that travels: "AAE140", and in the second row of a record "AAE140 (2)"."""
    travelling = [
        (place, column.name)
        for place, column in enumerate(mapping.declaration.columns)
        if not isinstance(column, UnusedColumn)
    ]
    return {
        f"{name} ({number})" if len(rows) > 1 else name: row[place]
        for number, row in enumerate(rows, 1)
        for place, name in travelling
    }
