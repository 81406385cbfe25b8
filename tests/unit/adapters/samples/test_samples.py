"""The sample files: repeatable, right in every check digit, and wrong exactly where they say."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from adapters.mapping import RowRejected, load_mapping
from adapters.mapping.divisions import load_divisions
from adapters.samples import Planted, SampleFile, SizeRefused, write_samples
from adapters.samples.people import people
from adapters.samples.planted import LOCAL_KINDS, SHANGHAI_KINDS
from adapters.tables import BadRow, CsvLayout, open_csv
from services.domain.check_digits import is_citizen_number

DATASET = "social.contribution"
PARTNER = {"local": "shanghai", "shanghai": "local"}


def outcomes(file: SampleFile) -> tuple[dict[int, tuple[str, str, str]], dict[bytes, list[int]]]:
    """Which rows who rejects by which rule and column, and the rows of each record that was taken."""
    mapping, partner = load_mapping(file.dialect, DATASET), load_mapping(PARTNER[file.dialect], DATASET)
    layout = CsvLayout(mapping.columns, mapping.file.encoding, mapping.file.delimiter)
    rejected: dict[int, tuple[str, str, str]] = {}
    taken: dict[bytes, list[int]] = {}
    with open_csv(file.path, layout) as source:
        for row in source:
            if isinstance(row, BadRow):
                rejected[row.number] = ("local", row.rule_id, "")
                continue
            try:
                message = mapping.to_standard(row.cells).message
            except RowRejected as refused:
                rejected[row.number] = ("local", refused.rule_id, refused.column)
                continue
            refusal = partner.unexpressible(message)
            if refusal is not None:
                rejected[row.number] = ("partner", refusal.rule_id, "")
            taken.setdefault(message.SerializeToString(deterministic=True), []).append(row.number)
    return rejected, taken


def told(planted: tuple[Planted, ...]) -> dict[int, tuple[str, str, str]]:
    """What planted rows say about themselves, in the same shape."""
    return {
        row.row: (row.rejected_by, row.rule, row.column if row.rejected_by == "local" else "")
        for row in planted
        if row.rule
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wrong_exactly_where_they_say(tmp_path: Path, seed: int) -> None:
    """Every planted row is rejected by whom and by what it says, and no other row is rejected."""
    for file in write_samples(tmp_path, seed=seed, people=700, bad_rows=60).files:
        rejected, taken = outcomes(file)
        assert rejected == told(file.planted)
        duplicates = [row for row in file.planted if row.kind == "exact_duplicate"]
        assert [numbers for numbers in taken.values() if len(numbers) > 1] == [
            [row.of_row, row.row] for row in duplicates
        ]
        assert len(duplicates) == 1


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


def test_the_conflict(tmp_path: Path) -> None:
    """One pair of rows has the same key and other content, and both rows say so."""
    for file in write_samples(tmp_path, seed=6, people=200, bad_rows=10).files:
        mapping = load_mapping(file.dialect, DATASET)
        first, second = (row for row in file.planted if row.kind == "same_key_other_content")
        assert (first.of_row, second.of_row) == (second.row, first.row)
        with open_csv(file.path, CsvLayout(mapping.columns, mapping.file.encoding, mapping.file.delimiter)) as source:
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
    with pytest.raises(SizeRefused, match="bad row"):
        write_samples(tmp_path, seed=1, people=100, bad_rows=bad_rows)


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
    with pytest.raises(SizeRefused, match="at most"):
        next(people(Random(1), ("3206",), 10**9))
