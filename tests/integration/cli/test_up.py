"""`yrdx up`: two cities, both ways, a proof at the end, nothing left running, and nobody's data in what it says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.mapping import load_mapping
from adapters.samples import SampleFile, write_samples
from adapters.tables import open_csv
from services.node.demo.cities import DemoCity
from services.node.demo.up import BAD_ROWS
from services.node.home import Home
from services.node.lock import Holder, holder_of
from services.node.settings import load_settings
from services.node.sync.run import layout_of
from tests.integration.support.commands import Ran, finish, start_yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.proof import prove_exchange
from tests.integration.support.waiting import until

PEOPLE: Final = 300
SEED: Final = 7
"""The command's own default."""
COUNTS: Final = ("submitted", "acknowledged", "rejected_local", "rejected_partner", "pending", "duplicates", "missing")
PERSONAL_FIELDS: Final = ("person_number", "person_name", "employer_name", "employer_code")


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that ended.

    Attributes:
        folder: Its ``--home``.
        ran: How it ended.
    """

    folder: Path
    ran: Ran

    def home(self, city: DemoCity) -> Home:
        """Return a city's home."""
        return Home(self.folder / city.code)

    @property
    def said(self) -> str:
        """Everything that it wrote and that both nodes logged."""
        logs = [self.home(city).log.read_text(encoding="utf-8") for city in (NANTONG, SHANGHAI)]
        return "\n".join([self.ran.out, self.ran.err, *logs])


def run_up(folder: Path, *more: object) -> Demo:
    """Run the demo to its verification."""
    line = ("up", "--once", "--json", "--home", folder, "--people", PEOPLE, *more)
    return Demo(folder, finish(start_yrdx(*line), timeout_s=90))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo of a few hundred people that ended; nobody goes on with its folder."""
    return run_up(tmp_path_factory.mktemp("up") / "demo")


@pytest.fixture
def folder(demo: Demo, tmp_path: Path) -> Path:
    """A copy of the demo's folder, to go on with."""
    return shutil.copytree(demo.folder, tmp_path / "demo", symlinks=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleFile, ...]:
    """The files that the demo wrote, made once more: same seed, same bytes."""
    return write_samples(tmp_path_factory.mktemp("same"), seed=SEED, people=PEOPLE, bad_rows=BAD_ROWS).files


def told_counts(report: Any) -> list[tuple[str, dict[str, int]]]:
    """Return what a report tells of each stream."""
    return [(stream["stream"], {name: stream[name] for name in COUNTS}) for stream in report["streams"]]


def true_counts(file: SampleFile) -> dict[str, int]:
    """Return what must be told of a file, from what was planted in it."""
    local, partner, repeated = (sum(row.rejected_by == by for row in file.planted) for by in ("local", "partner", ""))
    submitted = file.rows - local - repeated
    return dict(zip(COUNTS, (submitted, submitted - partner, local, partner, 0, 0, 0), strict=True))


def test_the_report_has_exactly_this_shape_and_is_true(demo: Demo, files: tuple[SampleFile, ...]) -> None:
    """One JSON object on stdout, nothing else; its counts are those of the planted rows, at least 30 of many kinds."""
    report = demo.ran.json

    assert list(report) == ["verified", "elapsed_s", "streams"]
    assert report["verified"] is True
    assert 0 < report["elapsed_s"] < 90
    assert all(list(stream) == ["stream", *COUNTS] for stream in report["streams"])
    names = [outbound_name(a.code, b.code) for a, b in ((NANTONG, SHANGHAI), (SHANGHAI, NANTONG))]
    assert told_counts(report) == [(name, true_counts(file)) for name, file in zip(names, files, strict=True)]
    for file in files:
        assert len({row.kind for row in file.planted if row.rejected_by}) >= 30


def test_the_homes_and_the_samples_stand_where_they_are_said_to(demo: Demo, files: tuple[SampleFile, ...]) -> None:
    """``DIR/320600`` and ``DIR/310000`` are homes that nobody holds any more; the samples and what is wrong beside."""
    for city, file in zip((NANTONG, SHANGHAI), files, strict=True):
        assert demo.home(city).settings.is_file()
        assert holder_of(demo.home(city)) is None
        assert (demo.folder / "samples" / file.path.name).read_bytes() == file.path.read_bytes()
    planted = json.loads((demo.folder / "samples" / "planted.json").read_bytes())["files"]
    assert {name: len(told["planted"]) for name, told in planted.items()} == {
        file.path.name: len(file.planted) for file in files
    }


def test_both_ends_agree_with_the_files(demo: Demo, files: tuple[SampleFile, ...], tmp_path: Path) -> None:
    """What the demo calls verified is so by the proof of the kill tests, which asks the homes anew."""
    nantong, shanghai = Node(demo.home(NANTONG)), Node(demo.home(SHANGHAI))

    prove_exchange(nantong, shanghai, [files[0]], tmp_path)
    prove_exchange(shanghai, nantong, [files[1]], tmp_path)


def test_nothing_that_was_said_or_logged_names_anybody(demo: Demo, files: tuple[SampleFile, ...]) -> None:
    """No name, citizen number or employer of any row, good or bad, in stdout, stderr or either node's log."""
    identities = {identity for file in files for identity in identities_in(file.path, file.dialect)}
    assert len(identities) > 4 * PEOPLE

    assert not leaks(demo.said, identities)
    # The control: where rows are meant to stand, the same search finds them.
    rejects = [path for city in (NANTONG, SHANGHAI) for path in demo.home(city).rejects.glob("nantong*")]
    assert leaks(rejects[0].read_text(encoding="gb18030"), identities)
    assert leaks(json.dumps({"name": next(iter(identities))}), identities)


@pytest.mark.long
def test_a_second_run_over_the_same_folder_ends_as_well(demo: Demo, folder: Path) -> None:
    """The same people again: nothing is sent, and the report is the same."""
    again = run_up(folder).ran.json

    assert again["verified"] is True
    assert told_counts(again) == told_counts(demo.ran.json)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_it_serves_until_it_is_told_to_stop(folder: Path, number: signal.Signals) -> None:
    """Other people over the same folder are verified beside the former ones; both nodes serve, and end with it."""
    homes = [Home(folder / city.code) for city in (NANTONG, SHANGHAI)]
    with started(folder, "--seed", 100, "--people", 120) as process:
        said = read_until(process, "Ctrl-C")
        below = descendants(process.pid)
        assert {holder_of(home) for home in homes} <= {Holder(pid, True) for pid in below}

        process.send_signal(number)
        ran = finish(process)
        assert gone(below)

    assert "· verified" in said
    assert "stopping" in ran.err
    for home in homes:
        assert "node.stopped" in home.log.read_text(encoding="utf-8").splitlines()[-1]
    ended = Demo(folder, Ran(ran.line, ran.code, ran.out, said + ran.err))
    for city, path in zip((NANTONG, SHANGHAI), sorted((folder / "samples").glob("*.csv")), strict=True):
        assert not leaks(ended.said, set(identities_in(path, city.dialect)))


@pytest.mark.parametrize("moment", ["starting the node", pytest.param("syncing", marks=pytest.mark.long)])
def test_interrupted_before_the_end_it_leaves_nothing_running(folder: Path, moment: str) -> None:
    """Ctrl-C while a node starts, or while rows travel: exit code 130, no traceback, and every process is gone."""
    with started(folder, "--seed", 200, "--people", 120) as process:
        read_until(process, moment)
        below = until("a node is started", lambda: descendants(process.pid))

        process.send_signal(signal.SIGINT)
        ran = finish(process, code=130)
        assert gone(below)

    assert "Traceback" not in ran.err


def test_a_taken_port_is_named(folder: Path) -> None:
    """The demo ends with the reason that its node had, and leaves nothing running."""
    homes = [Home(folder / city.code) for city in (NANTONG, SHANGHAI)]
    host, _, port = load_settings(homes[0]).listen.partition(":")

    with socket.create_server((host, int(port))):
        ran = finish(start_yrdx("up", "--once", "--json", "--home", folder, "--people", PEOPLE), code=6)

    assert f"cannot listen on {host}:{port}" in ran.json["error"]["message"]
    assert [holder_of(home) for home in homes] == [None, None]


def gone(pids: list[int]) -> bool:
    """Say whether processes have ended, once those that were told to had a moment to do so."""
    return until(
        "every process of the demo is gone", lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    )


@contextmanager
def started(folder: Path, *more: object) -> Iterator[subprocess.Popen[str]]:
    """Start a demo that serves until it is told to stop; whatever is left of it in the end is killed."""
    process = start_yrdx("up", "--home", folder, *more)
    try:
        yield process
    finally:
        for pid in [*descendants(process.pid), *([process.pid] if process.poll() is None else [])]:
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """Return what a process says on stderr up to the line that holds a word."""
    said = ""
    assert process.stderr is not None
    while word not in said:
        line = process.stderr.readline()
        assert line, f"{word!r} was never said:\n{said}"
        said += line
    return said


def descendants(pid: int) -> list[int]:
    """Return the processes below one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (parent := _parent(folder)):
            children.setdefault(parent, []).append(int(folder.name))
    found = list(children.get(pid, ()))
    for one in found:
        found += children.get(one, ())
    return found


def _parent(folder: Path) -> int:
    """Return a process's parent; 0 when it has ended."""
    try:
        return int((folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def identities_in(path: Path, dialect: str) -> Iterator[str]:
    """Yield whoever and whatever employer a file names, as its cells write it, spoilt rows included."""
    mapping = load_mapping(dialect, DATASET)
    names = {column.field: column.name for column in mapping.declaration.columns}
    places = [mapping.columns.index(names[field]) for field in PERSONAL_FIELDS]
    with open_csv(path, layout_of(mapping)) as rows:
        for row in rows:
            if len(row.cells) == len(mapping.columns):
                yield from (cell for place in places if len(cell := row.cells[place].strip()) > 1 and cell != "--")


def leaks(text: str, identities: set[str]) -> list[str]:
    """Return the identities that a text holds, also as JSON in ASCII would write them."""
    return [one for one in identities if one in text or json.dumps(one)[1:-1] in text]
