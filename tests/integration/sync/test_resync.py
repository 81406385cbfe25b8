"""Syncs as people really do them: the full file every month, of which little changed; and complete files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from services.node.session import open_session
from tests.integration.support.commands import sync_line, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI
from tests.integration.support.pairs import Pair, running
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import Arrivals, local_sheet
from yrdx.node.v1 import node_pb2

ROWS: Final = 60
BASE: Final = "AAE180"


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two cities of a test's own: what stands is counted in shares."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities


def report_of(pair: Pair, file: Path, *more: object, code: int = 0) -> dict[str, Any]:
    """Sync a file and return its report, or its error."""
    found: dict[str, Any] = yrdx(*sync_line(pair.nantong.path, file, SHANGHAI.code), *more, code=code).json
    return found


def plan_of(pair: Pair, file: Path, *more: object) -> dict[str, Any]:
    """Plan a sync and return what it says."""
    line = ("sync", "plan", file, "--home", pair.nantong.path, "--to", SHANGHAI.code, "--dataset", DATASET, "--json")
    found: dict[str, Any] = yrdx(*line, *more).json
    return found


def without_spaces(sheet: Sheet) -> Sheet:
    """A sheet whose first row says the same otherwise: its name stands between blanks."""
    name = sheet.column("AAC003")[0]
    return with_rows(sheet, [sheet.with_cell(2, "AAC003", f" {name} "), *sheet.rows[1:]])


def standing_count(pair: Pair, folder: Path) -> int:
    """Return how many subjects of Nantong's stand at Shanghai."""
    path = folder / "standing.jsonl"
    yrdx("inbox", "export", "--home", pair.shanghai.path, "--dataset", DATASET, "-o", path)
    return sum(f"{NANTONG.code}/{SHANGHAI.code}/" in line for line in path.read_text(encoding="utf-8").splitlines())


def test_a_full_file_sends_only_what_changed(pair: Pair, tmp_path: Path) -> None:
    """One changed row of sixty is a correction, one new row is new; the rest is unchanged and not sent."""
    sheet = local_sheet(tmp_path, people=ROWS)
    first = with_rows(sheet, sheet.rows[:-1])
    assert report_of(pair, first.write(tmp_path / "january.csv"))["submitted"] == ROWS - 1
    new = Arrivals(pair.shanghai, NANTONG.code)
    changed = sheet.with_cell(4, "AAC003", "改名之后")
    second = with_rows(without_spaces(sheet), [*without_spaces(sheet).rows[:2], changed, *sheet.rows[3:]])

    plan = plan_of(pair, second.write(tmp_path / "february.csv"))
    report = report_of(pair, tmp_path / "february.csv")

    assert (plan["new"], plan["corrected"], plan["unchanged"], plan["retracted"]) == (1, 1, ROWS - 2, 0)
    told = {name: report[name] for name in ("read", "unchanged", "corrected", "submitted", "acknowledged")}
    assert told == {"read": ROWS, "unchanged": ROWS - 2, "corrected": 1, "submitted": 2, "acknowledged": 2}
    assert new.count() == 2


def test_a_plan_sends_nothing_and_leaves_nothing(pair: Pair, tmp_path: Path) -> None:
    """It names the rules that would reject rows, with counts, and a later sync does exactly what it said."""
    sheet = local_sheet(tmp_path, people=20)
    sheet.rows[3] = sheet.with_cell(5, BASE, "-1.00")
    path = sheet.write(tmp_path / "planned.csv")
    new = Arrivals(pair.shanghai, NANTONG.code)

    plan = plan_of(pair, path)

    assert (plan["read"], plan["mapped"], plan["rejected_local"], plan["new"]) == (20, 19, 1, 19)
    assert plan["rejected_by_rule"] == {"money.yuan2": 1}
    assert new.count() == 0
    assert not list(pair.nantong.home.temporary.iterdir())
    assert report_of(pair, path, code=3)["submitted"] == plan["new"]


def test_a_former_file_sent_again_takes_its_word_back(pair: Pair, tmp_path: Path) -> None:
    """January, February, January: the last one corrects what February said; once more, it is a no-op."""
    sheet = local_sheet(tmp_path, people=5)
    january = sheet.write(tmp_path / "january.csv")
    february = with_rows(sheet, [sheet.with_cell(2, "AAC003", "二月改名"), *sheet.rows[1:]]).write(tmp_path / "feb.csv")
    for path in (january, february):
        report_of(pair, path)
    new = Arrivals(pair.shanghai, NANTONG.code)

    assert report_of(pair, january)["corrected"] == 1
    assert new.count() == 1
    report_of(pair, january)
    assert new.count() == 1


def test_an_interrupted_run_that_began_by_itself_sends_what_still_differs(pair: Pair, tmp_path: Path) -> None:
    """January after February, broken off between its two changed rows: no row that stands is sent as a new one."""
    sheet = local_sheet(tmp_path, people=6)
    january = sheet.write(tmp_path / "first.csv")
    changed = [sheet.with_cell(2, "AAC003", "二月一"), *sheet.rows[1:4], sheet.with_cell(6, "AAC003", "二月二")]
    february = with_rows(sheet, [*changed, sheet.rows[5]]).write(tmp_path / "second.csv")
    source = report_of(pair, january)["source"]
    report_of(pair, february)
    opening = node_pb2.SubmitRequest.Opening(to_city=SHANGHAI.code, dataset=DATASET, source=source, again=True)
    interrupted = node_pb2.SubmitRequest.Chunk(after_position=0, upto_position=3)
    with open_session(pair.nantong.path) as session:
        requests = [node_pb2.SubmitRequest(opening=opening), node_pb2.SubmitRequest(chunk=interrupted)]
        opened, _ = session.stub.Submit(iter(requests))
    assert opened.opened.source == f"{source}#2"
    new = Arrivals(pair.shanghai, NANTONG.code)

    report = report_of(pair, january)

    assert (report["source"], report["submitted"], new.count()) == (f"{source}#2", 1, 1)


def test_a_snapshot_withdraws_what_is_absent(alone: Pair, tmp_path: Path) -> None:
    """Up to a twentieth of what stands, or what is allowed; an operator's slip is refused before anything is sent."""
    sheet = local_sheet(tmp_path, people=ROWS)
    report_of(alone, sheet.write(tmp_path / "all.csv"))
    fewer = with_rows(sheet, sheet.rows[3:]).write(tmp_path / "fewer.csv")
    none = with_rows(sheet, sheet.rows[-1:]).write(tmp_path / "slip.csv")

    refused = report_of(alone, none, "--snapshot", code=1)
    report = report_of(alone, fewer, "--snapshot")

    assert refused["error"]["reason"] == "SNAPSHOT_REFUSED"
    assert f"--allow-retract {ROWS - 1}" in refused["error"]["message"]
    assert (report["retracted"], report["unchanged"], report["submitted"]) == (3, ROWS - 3, 3)
    assert standing_count(alone, tmp_path) == ROWS - 3
    allowed = report_of(alone, none, "--snapshot", "--allow-retract", ROWS - 4)
    assert allowed["retracted"] == ROWS - 4
    assert standing_count(alone, tmp_path) == 1
    # Whoever is back in the next complete file stands again.
    assert report_of(alone, tmp_path / "all.csv", "--snapshot")["corrected"] == 0
    assert standing_count(alone, tmp_path) == ROWS


def test_a_snapshot_never_withdraws_whom_a_bad_row_names(alone: Pair, tmp_path: Path) -> None:
    """A row that is refused for its amount still says whose it is; an unreadable number stops the snapshot."""
    sheet = local_sheet(tmp_path, people=ROWS)
    report_of(alone, sheet.write(tmp_path / "all.csv"))
    wrong_amount = with_rows(sheet, [sheet.with_cell(2, BASE, "?"), *sheet.rows[1:-1]])

    report = report_of(alone, wrong_amount.write(tmp_path / "amount.csv"), "--snapshot", code=3)

    assert (report["rejected_local"], report["retracted"]) == (1, 1)
    assert standing_count(alone, tmp_path) == ROWS - 1
    wrong_number = with_rows(sheet, [sheet.with_cell(2, "AAC002", "?"), *sheet.rows[1:-2]])
    refused = report_of(alone, wrong_number.write(tmp_path / "number.csv"), "--snapshot", code=1)
    assert refused["error"]["reason"] == "SNAPSHOT_REFUSED"
    assert standing_count(alone, tmp_path) == ROWS - 1
