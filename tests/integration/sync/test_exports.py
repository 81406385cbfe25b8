"""`yrdx inbox export`: repeatable to the byte, in the receiver's own shape, and safe to open in a spreadsheet."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.mapping import load_mapping
from adapters.tables import open_table
from services.node.demo.cities import DemoCity
from services.node.sync.inputs import layout_of
from services.node.sync.reading import textual_rows
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.pairs import Pair
from tests.integration.support.records import exported_records
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import local_sheet, samples

OUTBOUND: Final = outbound_name(NANTONG.code, SHANGHAI.code)
FORMULAS: Final = ("=1+1贸易有限公司", "+86贸易有限公司", "-5℃冷链有限公司", "@家网络有限公司")
HARMLESS: Final = ("'单引号'便民超市", "海安;如东联营运输队", '"好邻居"便民超市', "1-2-3商行")


def export(node: Node, path: Path, *more: object) -> bytes:
    """Export a node's inbox and return the file's bytes."""
    yrdx("inbox", "export", "--home", node.path, "--dataset", DATASET, "-o", path, *more)
    return path.read_bytes()


def standard_rows(path: Path, city: DemoCity) -> list[Any]:
    """Return what the rows of a table mean, which a city's own mapping must be able to say."""
    mapping = load_mapping(city.dialect, DATASET)
    with open_table(path, layout_of(mapping)) as source:
        return [mapping.to_standard(row.cells).message for row in textual_rows(source, mapping)]


@pytest.mark.parametrize("receiver", [SHANGHAI, NANTONG], ids=lambda city: city.code)
def test_an_export_is_the_same_to_the_byte(pair: Pair, tmp_path: Path, receiver: DemoCity) -> None:
    """Twice in a row, in both shapes, in both cities; nobody else may read the files."""
    _exchange(pair, tmp_path)
    node = pair.shanghai if receiver is SHANGHAI else pair.nantong
    for name in ("inbox.csv", "inbox.jsonl"):
        path = tmp_path / name
        first = export(node, path)
        assert export(node, path) == first != b""
        assert export(node, tmp_path / f"again-{name}") == first
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("receiver", [SHANGHAI, NANTONG], ids=lambda city: city.code)
def test_both_shapes_say_the_same(pair: Pair, tmp_path: Path, receiver: DemoCity) -> None:
    """Read back by the receiver's own mapping, the ``.csv`` has the rows of the ``.jsonl``, in the same order."""
    _exchange(pair, tmp_path)
    node = pair.shanghai if receiver is SHANGHAI else pair.nantong
    export(node, tmp_path / "inbox.csv")
    lines = export(node, tmp_path / "inbox.jsonl").splitlines()

    told = [_identity(json.loads(line)) for line in lines]
    read = [
        (row.source_serial, row.person_number, row.person_name, row.base_fen)
        for row in standard_rows(tmp_path / "inbox.csv", receiver)
    ]

    assert read == told
    header = Sheet.read(tmp_path / "inbox.csv", receiver.dialect).header
    assert header == list(load_mapping(receiver.dialect, DATASET).columns)


def test_the_present_state_has_each_subject_once_and_the_history_all(pair: Pair, tmp_path: Path) -> None:
    """A corrected row replaces the one before it in the export; ``--history`` keeps both."""
    sheet = local_sheet(tmp_path, people=3)
    sync(pair.nantong.path, sheet.write(tmp_path / "first.csv"), SHANGHAI.code)
    corrected = with_rows(sheet, [sheet.with_cell(3, "AAC003", "王更正")])
    sync(pair.nantong.path, corrected.write(tmp_path / "correction.csv"), SHANGHAI.code)
    serial = f"{sheet.column('AAC001')[1]}-{sheet.column('AAE002')[1]}"

    def names(*more: object) -> list[str]:
        lines = export(pair.shanghai, tmp_path / "inbox.jsonl", *more).splitlines()
        records = [json.loads(line) for line in lines]
        mine = sheet.column("AAC002")[1].upper()
        return [r["person_name"] for r in records if r["source_serial"] == serial and r["person_number"] == mine]

    assert names() == ["王更正"]
    assert names("--history") == [sheet.column("AAC003")[1].strip(), "王更正"]


def test_cells_that_a_spreadsheet_would_run_are_neutralised(pair: Pair, tmp_path: Path) -> None:
    """In the ``.csv`` an apostrophe stands before them and before no other; the ``.jsonl`` has them as they are."""
    names = [*FORMULAS, *HARMLESS]
    sheet = local_sheet(tmp_path, people=len(names))
    rows = [sheet.with_cell(row, "AAB004", name) for row, name in enumerate(names, 2)]
    report = sync(pair.nantong.path, with_rows(sheet, rows).write(tmp_path / "names.csv"), SHANGHAI.code).json
    assert report["acknowledged"] == len(names)

    export(pair.shanghai, tmp_path / "inbox.csv")
    export(pair.shanghai, tmp_path / "inbox.jsonl")

    written = set(Sheet.read(tmp_path / "inbox.csv", SHANGHAI.dialect).column("dwmc"))
    assert {f"'{name}" for name in FORMULAS} | set(HARMLESS) <= written
    assert not written & set(FORMULAS)
    for cell in _cells(tmp_path / "inbox.csv", SHANGHAI):
        assert cell[:1] not in "=+@\t\r" or not cell
        assert not cell.startswith("-") or not cell.strip("-")
    told = {json.loads(record)["employer_name"] for record in exported_records(tmp_path / "inbox.jsonl", OUTBOUND)}
    assert set(names) <= told


def test_an_export_travels_back_unchanged(pair: Pair, tmp_path: Path) -> None:
    """What Shanghai exports, Shanghai can send: marks before formulas do not pile up on the way."""
    sheet = local_sheet(tmp_path, people=len(FORMULAS))
    rows = [sheet.with_cell(row, "AAB004", name) for row, name in enumerate(FORMULAS, 2)]
    sync(pair.nantong.path, with_rows(sheet, rows).write(tmp_path / "there.csv"), SHANGHAI.code)
    export(pair.shanghai, tmp_path / "inbox.csv")
    exported = Sheet.read(tmp_path / "inbox.csv", SHANGHAI.dialect)
    back = with_rows(exported, exported.rows[-len(FORMULAS) :]).write(tmp_path / "back.csv")

    report = sync(pair.shanghai.path, back, NANTONG.code).json

    assert report["acknowledged"] == len(FORMULAS)
    export(pair.nantong, tmp_path / "returned.jsonl")
    returned = exported_records(tmp_path / "returned.jsonl", outbound_name(SHANGHAI.code, NANTONG.code))
    assert set(FORMULAS) <= {json.loads(record)["employer_name"] for record in returned}


def test_a_workbook_says_what_the_csv_says(pair: Pair, tmp_path: Path) -> None:
    """Row for row, by the city's own mapping."""
    _exchange(pair, tmp_path)
    for name in ("inbox.csv", "inbox.xlsx"):
        export(pair.shanghai, tmp_path / name)

    rows = standard_rows(tmp_path / "inbox.csv", SHANGHAI)

    assert rows
    assert standard_rows(tmp_path / "inbox.xlsx", SHANGHAI) == rows


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["-o", "inbox.pdf"], 2, "USAGE"),
        (["-o", "nowhere/inbox.csv"], 4, "ENOENT"),
        (["-o", "nowhere/inbox.jsonl"], 4, "ENOENT"),
        (["--dataset", "social.unknown"], 1, "MAPPING_INVALID"),
    ],
)
def test_an_export_that_cannot_be_leaves_nothing(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, reason: str
) -> None:
    """Another kind of file, a folder that does not exist, an unknown dataset."""
    monkeypatch.chdir(tmp_path)
    line = ["inbox", "export", "--home", pair.shanghai.path, "--dataset", DATASET, "-o", "inbox.csv", *words, "--json"]

    assert yrdx(*line, code=code).reason == reason
    assert not list(tmp_path.iterdir())


def _exchange(pair: Pair, folder: Path) -> None:
    """Send some rows both ways, bad ones among them."""
    nantong, shanghai = samples(folder, people=100, bad_rows=12)
    sync(pair.nantong.path, nantong.path, SHANGHAI.code)
    sync(pair.shanghai.path, shanghai.path, NANTONG.code)


def _identity(record: dict[str, Any]) -> tuple[str, str, str, int]:
    names = ("source_serial", "person_number", "person_name")
    serial, number, name = (record[field] for field in names)
    return serial, number, name, int(record["base_fen"])


def _cells(path: Path, city: DemoCity) -> list[str]:
    return [cell for row in Sheet.read(path, city.dialect).rows for cell in row]
