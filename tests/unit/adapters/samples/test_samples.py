"""The sample files: repeatable, right in every check digit, and wrong exactly where they say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from adapters.frames.rows import FrameContext
from adapters.mapping import Mapping, RowRejected, load_mapping
from adapters.mapping.divisions import load_divisions
from adapters.samples import (
    Planted,
    SampleFile,
    SampleRows,
    enough_people,
    mend_rejects,
    sample_rows,
    write_register,
    write_sample,
    write_samples,
)
from adapters.samples.contributions import NANTONG, SHANGHAI, City
from adapters.samples.papers import Form
from adapters.samples.people import people
from adapters.samples.planted import LOCAL_KINDS, SHANGHAI_KINDS
from adapters.samples.records import RECIPES, kinds_of
from adapters.tables import REASON_COLUMNS, BadRow, CsvLayout, RejectedCells, Row, open_csv, open_rejects, open_table
from adapters.tables.vehicle_register import read_vehicles
from services.domain.check_digits import is_citizen_number

DATASET = "social.contribution"
PARTNER = {"local": "shanghai", "shanghai": "local"}
every_dataset = pytest.mark.parametrize("dataset", list(RECIPES))


def layout(mapping: Mapping, frames: FrameContext | None = None) -> CsvLayout:
    """The dialect's files."""
    return CsvLayout(mapping.columns, mapping.file.encoding, mapping.file.delimiter, frames=frames)


def rows_of(sample: SampleFile | SampleRows) -> Iterator[Row[Any] | BadRow]:
    """The rows as a source hands them over."""
    if isinstance(sample, SampleRows):
        yield from (Row(number, list(cells)) for number, cells in enumerate(sample.rows, 1))
        return
    register = sample.path.with_name("vehicles.csv")
    unsaid = FrameContext("WGS84", read_vehicles(register, CsvLayout(()))) if register.exists() else None
    with open_table(sample.path, layout(load_mapping(sample.dialect, sample.dataset), unsaid)) as source:
        yield from source


def textual(sample: SampleFile | SampleRows, mapping: Mapping) -> Iterator[Row[Any] | BadRow]:
    """Rows of texts; one whose values cannot be said is no row, as a sync has it."""
    for row in rows_of(sample):
        if isinstance(row, BadRow):
            # The reader may know the column of a spoilt line; what was planted is the line.
            yield row._replace(column="")
            continue
        try:
            yield Row(row.number, mapping.texts(row.cells))
        except RowRejected as refused:
            yield BadRow(row.number, [], refused.rule_id, refused.reason, refused.column)


def refusal(sample: SampleFile | SampleRows, rows: Sequence[Sequence[Any]]) -> tuple[str, str, str, int] | bytes:
    """Who refuses a record by which rule, column and row; or the record, if both cities take it."""
    mapping = load_mapping(sample.dialect, sample.dataset)
    partner = load_mapping(PARTNER[sample.dialect], sample.dataset)
    try:
        message = mapping.to_standard_rows(rows).message
    except RowRejected as refused:
        return "local", refused.rule_id, refused.column, refused.row
    refused_there = partner.unexpressible(message)
    if refused_there is not None:
        return "partner", refused_there.rule_id, mapping.column_of(refused_there.field), 0
    content: bytes = message.SerializeToString(deterministic=True)
    return content


def outcomes(sample: SampleFile | SampleRows) -> tuple[dict[int, tuple[str, str, str]], dict[bytes, list[int]]]:
    """Which rows who rejects by which rule and column, and the first rows of each record that was taken."""
    mapping = load_mapping(sample.dialect, sample.dataset)
    rejected: dict[int, tuple[str, str, str]] = {}
    taken: dict[bytes, list[int]] = {}
    for group in mapping.gather(textual(sample, mapping), lambda row: isinstance(row, BadRow)):
        bad = [row for row in group.rows if isinstance(row, BadRow)]
        if bad:
            rejected[bad[0].number] = ("local", bad[0].rule_id, bad[0].column)
            continue
        if group.problem is not None:
            rejected[group.rows[group.problem.row].number] = ("local", group.problem.rule_id, group.problem.column)
            continue
        found = refusal(sample, [row.cells for row in group.rows])
        if isinstance(found, bytes):
            taken.setdefault(found, []).append(group.rows[0].number)
        else:
            *said, row = found
            rejected[group.rows[row].number] = (said[0], said[1], said[2])
    return rejected, taken


def told(planted: tuple[Planted, ...]) -> dict[int, tuple[str, str, str]]:
    """What planted rows say about themselves, in the same shape."""
    return {row.row: (row.rejected_by, row.rule, row.column) for row in planted if row.rule}


def verify_planted(sample: SampleFile | SampleRows) -> None:
    """Every planted row is rejected by whom and by what it says, no other row is, and mended they all are taken."""
    rejected, taken = outcomes(sample)
    assert rejected == told(sample.planted)
    duplicates = [row for row in sample.planted if row.kind == "exact_duplicate"]
    assert [numbers for numbers in taken.values() if len(numbers) > 1] == [[row.of_row, row.row] for row in duplicates]
    assert len(duplicates) == 1
    mended = [refusal(sample, list(filter(None, row.mended))) for row in sample.planted if row.rejected_by]
    contents = [content for content in mended if isinstance(content, bytes)]
    assert len(contents) == len(mended)
    assert len(set(contents)) == len(contents)
    conflicting = next(row.mended for row in sample.planted if row.kind == "same_key_other_content")
    assert [content for content in contents if content in taken] == [refusal(sample, conflicting)]


@every_dataset
@pytest.mark.parametrize("seed", [1, 2])
def test_wrong_exactly_where_they_say(tmp_path: Path, seed: int, dataset: str) -> None:
    """In files of both kinds every planted row is refused as it says, and can be mended."""
    for file in write_samples(tmp_path, seed=seed, people=300, bad_rows=None, datasets=[dataset], excel=True).files:
        verify_planted(file)


@every_dataset
@pytest.mark.parametrize("dialect", list(PARTNER))
def test_rows_for_a_database(dataset: str, dialect: str) -> None:
    """So it is in rows for a table, counted from 1, and what is planted there needs no bytes."""
    rows = sample_rows(dataset, dialect, seed=3, people=400)
    verify_planted(rows)
    assert rows.columns == load_mapping(dialect, dataset).columns
    assert len(rows.rows) >= rows.records
    assert not [row for row in rows.planted if row.rule.startswith(("csv.", "typed."))]


@pytest.mark.parametrize("city", [NANTONG, SHANGHAI], ids=lambda city: city.dialect)
def test_frames_of_vehicles(tmp_path: Path, city: City) -> None:
    """So it is in files of frames, where every kind of frame that is none is planted."""
    write_register(tmp_path / "vehicles.csv", people=200)
    path = tmp_path / f"positions.{'jtt808' if city is NANTONG else 'jtt809'}"
    file = write_sample(path, "transport.position", city.dialect, seed=2, people=200)
    verify_planted(file)
    kinds = [kind.name for kind in kinds_of(city, file.dataset, Form.FRAMES)]
    assert {row.kind for row in file.planted} == {*kinds, "exact_duplicate", "same_key_other_content"}
    assert len({row.rule for row in file.planted if row.rule.startswith("frame.")}) >= 8


@every_dataset
def test_workbooks_hold_values_of_wrong_types(tmp_path: Path, dataset: str) -> None:
    """Days with a time of day, fractions of fen: what only a cell with a type of its own can hold."""
    file = write_sample(tmp_path / "a.xlsx", dataset, "shanghai", seed=2, people=300)
    rules = {row.rule for row in file.planted if row.rule.startswith("typed.")}
    has_days = any(column.type == "date" for column in load_mapping("shanghai", dataset).declaration.columns)
    # Of a record of several rows only items are spoilt, and no item of care has a day.
    assert rules if dataset.startswith("care.") and has_days else ("typed.time" in rules) == has_days
    verify_planted(file)


def test_a_rejects_file_is_mended(tmp_path: Path) -> None:
    """The right cells stand in every row, the reasons beside as they were; surplus rows are taken out."""
    for suffix, name in ((".csv", "local"), (".xlsx", "shanghai")):
        file = write_sample(tmp_path / f"sample{suffix}", "social.transfer", name, seed=1, people=300)
        shape = layout(load_mapping(name, file.dataset))
        rejects, corrections = tmp_path / f"rejects{suffix}", file.corrections()
        with open_rejects(rejects, shape) as sink:
            for row in rows_of(file):
                if row.number in corrections:
                    sink.row(row.cells, RejectedCells(row.number, "列", "rule", "why", f"r{row.number}"))
        kept = {row: cells for row, cells in corrections.items() if cells}
        assert mend_rejects(rejects, shape, corrections) == len(kept) > 100
        assert len(kept) < len(corrections)
        with open_table(rejects, CsvLayout((*shape.columns, *REASON_COLUMNS)), ignored=()) as source:
            mended = [[cell or "" for cell in row.cells] for row in source]
        assert mended == [[*cells, str(row), "列", "rule", "why", f"r{row}"] for row, cells in kept.items()]


def test_a_row_without_correction(tmp_path: Path) -> None:
    """It is named, and the rejects file stays as it was."""
    shape = CsvLayout(("甲",), "gb18030")
    with open_rejects(tmp_path / "rejects.csv", shape) as sink:
        sink.row(["1"], RejectedCells(7, "甲", "rule", "why", "r"))
    before = (tmp_path / "rejects.csv").read_bytes()
    with pytest.raises(ValueError, match=r"rejects\.csv row 2: no correction for row 7 of the source"):
        mend_rejects(tmp_path / "rejects.csv", shape, {})
    assert (tmp_path / "rejects.csv").read_bytes() == before


@pytest.mark.parametrize("people", [3, 10, 40, 100])
def test_as_many_kinds_as_fit(people: int) -> None:
    """Without a number of bad rows there are as many kinds as the records are enough for."""
    for dataset, seed in product(RECIPES, range(4)):
        rows = sample_rows(dataset, "local", seed=seed, people=people)
        assert sum(1 for row in rows.planted if row.rejected_by) <= rows.records // 4


def test_every_kind_occurs(tmp_path: Path) -> None:
    """Enough bad rows show every kind, of both who reject; thirty are enough for both."""
    many = write_samples(tmp_path, seed=5, people=1_000, bad_rows=80)
    for file, kinds in zip(many.files, (LOCAL_KINDS, SHANGHAI_KINDS), strict=True):
        assert {kind.name for kind in kinds} < {row.kind for row in file.planted}
        assert sum(1 for row in file.planted if row.rejected_by) == 80
    few = write_samples(tmp_path, seed=5, people=1_000, bad_rows=30)
    for file in few.files:
        assert {row.rejected_by for row in file.planted} == {"local", "partner", ""}
        assert len({row.kind for row in file.planted}) == 30


@every_dataset
def test_every_kind_of_every_dataset_occurs(tmp_path: Path, dataset: str) -> None:
    """Whatever the mapping's columns may get wrong is planted once, given as many people as it says are enough."""
    for city, suffix in ((NANTONG, ".csv"), (SHANGHAI, ".xlsx")):
        people = enough_people(dataset, city.dialect)
        file = write_sample(tmp_path / f"a{suffix}", dataset, city.dialect, seed=4, people=people)
        form = Form.EXCEL if suffix == ".xlsx" else Form.CSV
        kinds = [kind.name for kind in kinds_of(city, dataset, form)]
        pair = ["same_key_other_content"] * 2
        assert sorted(row.kind for row in file.planted) == sorted([*kinds, "exact_duplicate", *pair])
        assert len(set(kinds)) == len(kinds)


def test_rows_of_a_record_are_told_together(tmp_path: Path) -> None:
    """Of a record with several rows planted.json names the one at fault and all that are rejected with it."""
    made = write_samples(tmp_path, seed=1, people=300, bad_rows=40, datasets=["social.transfer"])
    said = json.loads(made.planted_path.read_text(encoding="utf-8"))["files"]["nantong_transfers.csv"]
    assert (said["dataset"], said["records"]) == ("social.transfer", 600)
    several = [row for row in said["planted"] if "last_row" in row]
    assert several
    assert all(row["first_row"] <= row["row"] <= row["last_row"] for row in several)
    assert said["rows"] > said["records"]


def test_datasets_without_samples(tmp_path: Path) -> None:
    """The error names those that have some."""
    with pytest.raises(ValueError, match=r"no samples of social\.other; there are social\.enrolment"):
        write_samples(tmp_path, seed=1, people=10, bad_rows=0, datasets=["social.other"])


def test_a_kind_that_fits_no_record(tmp_path: Path) -> None:
    """Too few records for the kinds are refused, not silently left out."""
    with pytest.raises(ValueError, match="more people"):
        write_samples(tmp_path, seed=1, people=50, bad_rows=48, datasets=["social.transfer"])


def test_the_conflict(tmp_path: Path) -> None:
    """One pair of rows has the same key and other content, and both rows say so."""
    for file in write_samples(tmp_path, seed=6, people=200, bad_rows=10).files:
        mapping = load_mapping(file.dialect, DATASET)
        first, second = (row for row in file.planted if row.kind == "same_key_other_content")
        assert (first.of_row, second.of_row) == (second.row, first.row)
        with open_csv(file.path, layout(mapping)) as source:
            rows = {row.number: row.cells for row in source}
        differing = [
            column
            for column, one, other in zip(mapping.columns, rows[first.row], rows[second.row], strict=True)
            if one != other
        ]
        assert differing == [{"local": "AAE180", "shanghai": "jfjs"}[file.dialect]]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Samples repeat to the byte, and another seed gives others."""
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        made = write_samples(folder, seed=seed, people=200, bad_rows=30)
        contents.append([path.read_bytes() for path in (*(file.path for file in made.files), made.planted_path)])
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[2][0]


def test_what_planted_json_says(tmp_path: Path) -> None:
    """planted.json says what SampleFile.planted says, for programs in any language."""
    made = write_samples(tmp_path, seed=1, people=300, bad_rows=30)
    said = json.loads(made.planted_path.read_text(encoding="utf-8"))
    assert said["real_data"] is False
    for file in made.files:
        assert said["files"][file.path.name] == {
            "dialect": file.dialect,
            "rows": 300,
            "planted": [row.as_json() for row in file.planted],
        }
    kinds = {row["kind"]: row for row in said["files"]["nantong_contributions.csv"]["planted"]}
    assert kinds["exact_duplicate"]["counted_as"] == "duplicate"
    assert "rejected_by" not in kinds["exact_duplicate"]


def test_the_variety_that_was_promised(tmp_path: Path) -> None:
    """Retired and long divisions, month-only dates, every missing word, rare characters and dots occur in good rows."""
    made = write_samples(tmp_path, seed=1, people=3_000, bad_rows=0)
    nantong = made.files[0].path.read_bytes().decode("gb18030")
    shanghai = made.files[1].path.read_bytes().decode("utf-8-sig")
    for text in (",320684\r\n", ",320612101\r\n", ",320613001000\r\n", ",202601,", ",--,", ",—,", ",,"):
        assert text in nantong
    for text in ("南汇区", ";不详;", ";--;", ";;"):
        assert text in shanghai
    for text in ("𠮷", "𬭎", "㛃", "䶮", "·", "•"):
        assert text in nantong
        assert text in shanghai
    assert made.files[0].planted == ()


def test_months(tmp_path: Path) -> None:
    """A person may have several months, each with its own serial."""
    made = write_samples(tmp_path, seed=1, people=50, bad_rows=0, months=3)
    assert [file.rows for file in made.files] == [150, 150]
    _, taken = outcomes(made.files[0])
    assert len(taken) == 150


@pytest.mark.parametrize("bad_rows", [1, 50])
def test_impossible_requests(tmp_path: Path, bad_rows: int) -> None:
    """A conflict needs two rows, and bad rows need good ones around them."""
    for suffix in (".csv", ".xlsx"):
        path = tmp_path / f"sample{suffix}"
        with pytest.raises(ValueError, match="bad_rows"):
            write_sample(path, DATASET, "shanghai", seed=1, people=100, bad_rows=bad_rows)
        assert not path.exists()


def test_people_are_many_and_right() -> None:
    """Each invented number is right, its own, and of an area in force when it was issued; its sex is the person's."""
    table = load_divisions("2026-01-01")
    made = list(people(Random(1), ("3206", "3290"), 3_000))
    assert len({person.number for person in made}) == 3_000
    for person in made:
        assert is_citizen_number(person.number)
        assert person.number[6:14] == f"{person.birth:%Y%m%d}"
        assert int(person.number[16]) % 2 == person.male
        assert table.areas[person.number[:6]].in_force_in(max(person.birth.year, 1984))


def test_no_more_people_than_numbers() -> None:
    """More people than numbers cannot be invented."""
    with pytest.raises(ValueError, match="at most"):
        next(people(Random(1), ("3206",), 10**9))
