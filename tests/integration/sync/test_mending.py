"""The mending loop: a clerk mends the rejects file and sends just its rows, each linked to what it mends."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path
from typing import Any

import pytest

from adapters.mapping import load_mapping
from adapters.samples import mend_rejects, write_sample
from adapters.tables import REASON_COLUMNS, REFERENCE_COLUMN
from services.node.sync.inputs import layout_of
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import Arrivals, local_sheet


def listed(pair: Pair, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rejections of a report's source."""
    found = yrdx("rejections", "ls", "--home", pair.nantong.path, "--json").json
    return [one for one in found if one["source"] == report["source"]]


def resubmit(pair: Pair, path: Path | str, *, code: int = 0) -> dict[str, Any]:
    """Resubmit a mended file and return what is said."""
    found: dict[str, Any] = yrdx("rejections", "resubmit", path, "--home", pair.nantong.path, "--json", code=code).json
    return found


def sent(pair: Pair, sheet: Sheet, path: Path) -> dict[str, Any]:
    """Sync a sheet that has bad rows."""
    report: dict[str, Any] = sync(pair.nantong.path, sheet.write(path), SHANGHAI.code, code=3).json
    return report


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_every_planted_row_is_mended_to_zero(pair: Pair, tmp_path: Path, suffix: str) -> None:
    """Ours and the partner's, from CSV and from Excel: the rejects file mended, resubmitted, nothing is open."""
    seed = 9_100 + len(suffix)
    file = write_sample(tmp_path / f"all{suffix}", DATASET, "local", seed=seed, people=300)
    report = sync(pair.nantong.path, file.path, SHANGHAI.code, code=3).json
    rejects = Path(report["rejects_file"])
    planted = [row for row in file.planted if row.rejected_by]
    before = listed(pair, report)

    assert rejects.suffix == suffix
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    assert {(one["row"], one["rejected_by"]) for one in before} == {(row.row, row.rejected_by) for row in planted}
    assert all(one["open"] for one in before)
    new = Arrivals(pair.shanghai, NANTONG.code)
    mend_rejects(rejects, layout_of(load_mapping("local", DATASET)), file.corrections())
    mended = resubmit(pair, rejects)

    assert mended["report"]["acknowledged"] == len(planted) == new.count()
    after = listed(pair, report)
    assert [one["open"] for one in after] == [False] * len(planted)
    assert {one["closed_by_file"] for one in after} == {rejects.name}
    assert all(one["closed_by_row"] >= 2 for one in after)


def test_a_row_that_is_still_wrong_is_rejected_once_more(pair: Pair, tmp_path: Path) -> None:
    """Its former rejection is closed by the new one; the other row is sent; a second mending sends the rest."""
    sheet = local_sheet(tmp_path, people=4)
    good = [sheet.rows[0], sheet.rows[1]]
    sheet.rows[0] = sheet.with_cell(2, "AAE140", "999")
    sheet.rows[1] = sheet.with_cell(3, "AAE180", "-1.00")
    report = sent(pair, sheet, tmp_path / "wrong.csv")
    rejects = Sheet.read(Path(report["rejects_file"]), "local")
    half = with_rows(rejects, [good[0] + rejects.rows[0][len(good[0]) :], rejects.rows[1]])

    first = resubmit(pair, half.write(tmp_path / "half.csv"), code=3)

    assert (first["report"]["acknowledged"], first["report"]["rejected_local"]) == (1, 1)
    again = Sheet.read(Path(first["report"]["rejects_file"]), "local")
    rest = with_rows(again, [good[1] + again.rows[0][len(good[1]) :]])
    second = resubmit(pair, rest.write(tmp_path / "rest.csv"))
    assert second["report"]["acknowledged"] == 1
    open_numbers = {one["id"] for one in yrdx("rejections", "ls", "--home", pair.nantong.path, "--open", "--json").json}
    assert not open_numbers & {int(row[REFERENCE_COLUMN]) for row in (*rejects.by_name(), *again.by_name())}


def test_the_command_that_a_sync_names_works_as_it_stands(pair: Pair, tmp_path: Path) -> None:
    """Whoever pastes it reaches the rejects file and the right node; unmended, the row is rejected once more."""
    sheet = local_sheet(tmp_path, people=4)
    sheet.rows[0] = sheet.with_cell(2, "AAE140", "999")
    path, to_city = sheet.write(tmp_path / "wrong.csv"), SHANGHAI.code
    line = ("sync", "run", path, "--home", pair.nantong.path, "--to", to_city, "--dataset", DATASET)
    said = yrdx(*line, code=3).err

    (command,) = (line.partition(": ")[2] for line in said.splitlines() if "rejections resubmit" in line)
    words = shlex.split(command)

    assert words[:3] == ["yrdx", "rejections", "resubmit"]
    assert yrdx(*words[1:], "--json", code=3).json["report"]["rejected_local"] == 1


def test_the_same_mended_file_again_sends_nothing(pair: Pair, tmp_path: Path) -> None:
    """Whoever else mended a row before: it is left out and counted."""
    sheet = local_sheet(tmp_path, people=4)
    good = sheet.rows[0]
    sheet.rows[0] = sheet.with_cell(2, "AAE140", "999")
    report = sent(pair, sheet, tmp_path / "wrong.csv")
    rejects = Sheet.read(Path(report["rejects_file"]), "local")
    mended = with_rows(rejects, [good + rejects.rows[0][len(good) :]]).write(tmp_path / "mended.csv")
    assert resubmit(pair, mended)["report"]["acknowledged"] == 1
    new = Arrivals(pair.shanghai, NANTONG.code)

    assert resubmit(pair, mended) == {"closed_before": 1, "report": None}
    assert new.count() == 0


def test_a_full_file_with_the_row_mended_closes_the_rejection(pair: Pair, tmp_path: Path) -> None:
    """Who mends the source instead of the rejects file has mended as well: the subject is known by its key."""
    sheet = local_sheet(tmp_path, people=4)
    good = sheet.rows[0]
    sheet.rows[0] = sheet.with_cell(2, "AAE180", "-1.00")
    report = sent(pair, sheet, tmp_path / "wrong.csv")
    assert [one["open"] for one in listed(pair, report)] == [True]

    sync(
        pair.nantong.path,
        with_rows(sheet, [good, *sheet.rows[1:]]).write(tmp_path / "right.csv"),
        SHANGHAI.code,
        code=0,
    )

    (closed,) = listed(pair, report)
    assert (closed["open"], closed["closed_by_file"], closed["closed_by_row"]) == (False, "right.csv", 2)


def test_an_operator_closes_what_will_not_be_mended(pair: Pair, tmp_path: Path) -> None:
    """With a reason, which stands in the list; unknown numbers are not found."""
    sheet = local_sheet(tmp_path, people=4)
    sheet.rows[0] = sheet.with_cell(2, "AAE180", "-1.00")
    report = sent(pair, sheet, tmp_path / "wrong.csv")
    (one,) = listed(pair, report)

    yrdx("rejections", "close", one["id"], "--reason", "已停保", "--home", pair.nantong.path)

    (closed,) = listed(pair, report)
    assert (closed["open"], closed["closed_reason"]) == (False, "已停保")
    yrdx("rejections", "close", 10**9, "--reason", "x", "--home", pair.nantong.path, code=4)


@pytest.mark.parametrize(
    ("number", "words"), [("", REFERENCE_COLUMN), ("x1", REFERENCE_COLUMN), ("999999999", "999999999")]
)
def test_rows_that_name_no_rejection_are_not_sent(pair: Pair, tmp_path: Path, number: str, words: str) -> None:
    """A new row, a damaged number, another node's file: the whole file is refused, with the row or the number."""
    sheet = local_sheet(tmp_path, people=4)
    sheet.rows[0] = sheet.with_cell(2, "AAE140", "999")
    report = sent(pair, sheet, tmp_path / "wrong.csv")
    rejects = Sheet.read(Path(report["rejects_file"]), "local")
    row = rejects.with_cell(2, REFERENCE_COLUMN, number)
    new = Arrivals(pair.shanghai, NANTONG.code)

    refused = resubmit(pair, with_rows(rejects, [row]).write(tmp_path / "other.csv"), code=2)

    assert (refused["error"]["reason"], words in refused["error"]["message"]) == ("NOT_RESUBMITTED", True)
    assert new.count() == 0


def test_a_file_that_is_no_rejects_file_is_refused(pair: Pair, tmp_path: Path) -> None:
    """The source itself has no column of numbers."""
    sheet = local_sheet(tmp_path, people=4)

    refused = resubmit(pair, sheet.write(tmp_path / "plain.csv"), code=2)

    assert refused["error"]["reason"] == "NOT_RESUBMITTED"
    assert REASON_COLUMNS[-1] in refused["error"]["message"]
