"""Received records as lines for other programs: each at least once, and never again once it is acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.sinks.targets import CONTRIBUTION, LocalFile, send
from tests.integration.support.commands import finish, start_yrdx, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, outbound_name
from tests.integration.support.pairs import Pair

STREAM: Final = outbound_name(NANTONG.code, SHANGHAI.code)


def line(pair: Pair, name: str, *more: object) -> list[object]:
    """Return the command line of a watcher."""
    return ["inbox", "watch", "--home", pair.shanghai.path, "--dataset", CONTRIBUTION, "--name", name, *more]


def watched(pair: Pair, name: str, *more: object) -> list[dict[str, Any]]:
    """Return the records that a watcher prints until nothing is left."""
    return [json.loads(one) for one in yrdx(*line(pair, name, "--once", *more)).out.splitlines()]


def positions(records: list[dict[str, Any]]) -> list[int]:
    """Return the place of each record in its stream."""
    return [record["@record"]["position"] for record in records]


def acknowledge(pair: Pair, name: str, position: int, *, code: int = 0) -> str:
    """Say how far a watcher has come."""
    words = ("inbox", "ack", "--home", pair.shanghai.path, "--name", name, "--stream", STREAM, "--position", position)
    return yrdx(*words, code=code).err


def arrive(pair: Pair, folder: Path, *, seed: int, people: int) -> LocalFile:
    """Have records arrive."""
    file = LocalFile.make(folder / f"{seed}.csv", CONTRIBUTION, seed=seed, people=people)
    send(pair, file.path, CONTRIBUTION)
    return file


def test_each_watcher_has_its_place(pair: Pair, tmp_path: Path) -> None:
    """Every record once, in order, with its operation; the next run prints what is new; another name has them all."""
    file = arrive(pair, tmp_path, seed=61_000, people=20)
    first = watched(pair, "first")
    assert len(first) >= 20
    assert positions(first) == sorted(set(positions(first)))
    assert {record["@record"]["stream"] for record in first} == {STREAM}
    assert watched(pair, "first") == []

    fewer = file.write(file.changed(file.records(), 1, "AAC003", "𠮷改名")[:-1], name="b.csv")
    send(pair, fewer.path, CONTRIBUTION, "--snapshot", "--allow-retract", 100_000)
    new = watched(pair, "first")
    assert [one["person_name"] for one in new if one["@record"]["operation"] == "UPSERT"] == ["𠮷改名"]
    assert {one["@record"]["operation"] for one in new} == {"UPSERT", "RETRACT"}
    assert watched(pair, "second") == first + new
    assert watched(pair, "third", "--from", "330100") == []


def test_a_reader_that_acknowledges_itself(pair: Pair, tmp_path: Path) -> None:
    """With --no-ack records come again until `inbox ack` says how far the reader is; it never goes back."""
    arrive(pair, tmp_path, seed=61_100, people=10)
    records = watched(pair, "own", "--no-ack")
    assert watched(pair, "own", "--no-ack") == records
    places = positions(records)

    assert str(places[6]) in acknowledge(pair, "own", places[6])
    assert watched(pair, "own", "--no-ack") == records[7:]
    assert str(places[6]) in acknowledge(pair, "own", places[2])
    assert positions(watched(pair, "own", "--no-ack")) == places[7:]
    assert "position" in acknowledge(pair, "own", places[-1] + 1, code=4)


def test_a_watcher_that_is_killed(pair: Pair, tmp_path: Path) -> None:
    """Killed with -9 while it prints: the next run prints again what was not acknowledged; nothing is left out."""
    arrive(pair, tmp_path, seed=61_200, people=1_300)
    everything = positions(watched(pair, "reference"))
    process = start_yrdx(*line(pair, "killed"))
    assert process.stdout is not None
    seen = positions([json.loads(process.stdout.readline()) for _ in range(1_100)])
    process.kill()
    finish(process, code=-9)

    rest = positions(watched(pair, "killed"))

    assert sorted({*seen, *rest}) == everything
    assert rest == everything[-len(rest) :]
    assert len(rest) < len(everything)
    assert watched(pair, "killed") == []


def test_a_reader_that_goes_away(pair: Pair, tmp_path: Path) -> None:
    """What a closed pipe did not take is not acknowledged; the command ends in silence, as others do."""
    arrive(pair, tmp_path, seed=61_300, people=200)
    everything = watched(pair, "all")
    process = start_yrdx(*line(pair, "pipe"))
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    ended = process.wait(30)
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()

    assert (ended, told) == (1, "")
    assert watched(pair, "pipe")[-1] == everything[-1]


@pytest.mark.long
def test_a_watcher_outlasts_its_node(pair: Pair, tmp_path: Path) -> None:
    """While the node is killed and started again the watcher waits, holds nothing that the node needs, and goes on."""
    arrive(pair, tmp_path, seed=61_400, people=10)
    before = len(watched(pair, "count"))
    process = start_yrdx(*line(pair, "patient"))
    assert process.stdout is not None
    for _ in range(before):
        process.stdout.readline()
    pair.shanghai.kill()
    pair.shanghai.restart()
    arrive(pair, tmp_path, seed=61_401, people=10)

    new = [json.loads(process.stdout.readline()) for _ in range(10)]

    assert positions(new) == positions(watched(pair, "count"))
    process.kill()
    finish(process, code=-9)
    assert positions(watched(pair, "patient")) in ([], positions(new))  # whether it came to acknowledge them


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--name", "Groß"], 1, "name"),
        (["--name", "x", "--from", "Nantong"], 1, "from_city"),
        (["--name", "x", "--dataset", "social.none"], 2, "social.none"),
    ],
)
def test_mistakes(pair: Pair, words: list[str], code: int, named: str) -> None:
    """Each is told by name."""
    dataset = () if "--dataset" in words else ("--dataset", CONTRIBUTION)
    ran = yrdx("inbox", "watch", "--home", pair.shanghai.path, *dataset, *words, "--once", code=code)
    assert named in ran.err
    assert "bug" not in ran.err
