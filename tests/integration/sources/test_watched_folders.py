"""A watched folder: what is complete is synced and moved aside, what cannot be read is told, nothing is taken twice."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.commands import finish, start_yrdx, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.waiting import until
from tests.integration.sync.files import Arrivals, local_sheet


def line(pair: Pair, folder: Path, *more: object) -> list[object]:
    """Return the command line that watches a folder."""
    home = ("--home", pair.nantong.path, "--to", SHANGHAI.code, "--dataset", DATASET)
    return ["sync", "watch", folder, *home, "--settle", "0s", "--json", *more]


def taken(pair: Pair, folder: Path, *, code: int = 0) -> list[dict[str, Any]]:
    """Take what lies in a folder and return what is said of each file."""
    return [json.loads(one) for one in yrdx(*line(pair, folder, "--once"), code=code).out.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder under watch."""
    path = tmp_path / "outgoing"
    path.mkdir()
    return path


def test_files_are_moved_aside(pair: Pair, tmp_path: Path, folder: Path) -> None:
    """Good ones and those with bad rows to done/, unreadable ones to failed/ with the reason; unfinished ones stay."""
    sheet, new = local_sheet(tmp_path, people=6), Arrivals(pair.shanghai, NANTONG.code)
    sheet.write(folder / "good.csv")
    wrong = local_sheet(tmp_path, people=4)
    wrong.rows[1] = wrong.with_cell(3, "AAE180", "?")
    wrong.write(folder / "wrong.csv")
    (folder / "no-table.csv").write_bytes(b"\xff\xff")
    (folder / "half.csv.tmp").write_bytes(sheet.encoded()[:200])
    for age, name in enumerate(("no-table.csv", "wrong.csv", "good.csv")):
        os.utime(folder / name, (1_700_000_000 - age, 1_700_000_000 - age))

    told = taken(pair, folder, code=3)

    assert [one["file"] for one in told] == ["good.csv", "wrong.csv", "no-table.csv"]
    assert [one["report"]["acknowledged"] for one in told[:2]] == [6, 3]
    assert told[2]["report"] is None
    assert " / " in told[2]["refused"]
    assert [Path(one["moved_to"]).parent.name for one in told] == ["done", "done", "failed"]
    reason = Path(f"{told[2]['moved_to']}.txt")
    assert reason.read_text(encoding="utf-8").strip() == told[2]["refused"]
    assert stat.S_IMODE(reason.stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["half.csv.tmp"]
    assert new.count() == 9
    (folder / "half.csv.tmp").write_bytes(sheet.encoded())
    (folder / "half.csv.tmp").rename(folder / "whole.csv")
    (again,) = taken(pair, folder)
    assert (again["report"]["submitted"], new.count()) == (6, 9)  # the very same content: nothing is sent again
    assert taken(pair, folder) == []


@pytest.mark.long
def test_a_watch_outlasts_its_node(pair: Pair, tmp_path: Path, folder: Path) -> None:
    """A file that comes while the node is down, or is killed, waits for it; each row arrives once."""
    sheets, new = [local_sheet(tmp_path, people=5) for _ in range(3)], Arrivals(pair.shanghai, NANTONG.code)
    process = start_yrdx(*line(pair, folder))
    assert process.stdout is not None
    sheets[0].write(folder / "first.csv")
    assert json.loads(process.stdout.readline())["file"] == "first.csv"
    pair.nantong.kill()
    sheets[1].write(folder / "second.csv")
    pair.nantong.restart()
    assert json.loads(process.stdout.readline())["file"] == "second.csv"
    process.kill()
    finish(process, code=-9)

    sheets[2].write(folder / "third.csv")
    assert [one["file"] for one in taken(pair, folder)] == ["third.csv"]
    until("all rows arrived", lambda: new.count() == 15)
    assert len(list((folder / "done").iterdir())) == 3


@pytest.mark.parametrize(("words", "code", "named"), [(["--settle", "soon"], 2, "--settle"), ([], 4, "nowhere")])
def test_mistakes(pair: Pair, tmp_path: Path, words: list[str], code: int, named: str) -> None:
    """A folder that is none, a time that is none."""
    ran = yrdx(*line(pair, tmp_path / "nowhere"), *words, "--once", code=code)
    assert named in ran.json["error"]["message"]
