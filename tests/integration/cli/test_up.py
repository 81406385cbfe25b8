"""`yrdx up`: every dataset both ways, every planted error found and mended, and nobody's data in what it says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.frames.rows import FrameContext
from adapters.mapping import load_mapping
from adapters.tables import Row, open_table
from services.node.demo.cities import DemoCity
from services.node.demo.streams import DemoStream, make_streams
from services.node.home import Home
from services.node.lock import Holder, holder_of
from services.node.settings_file import load_settings
from services.node.sync.inputs import layout_of
from services.node.sync.reading import of_any_record, textual_rows
from tests.integration.support.commands import Ran, finish, start_yrdx, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI, Node
from tests.integration.support.proof import prove_ends, prove_receipts
from tests.integration.support.waiting import until

pytestmark = pytest.mark.timeout(600)
PEOPLE: Final = 300
POSITION: Final = "transport.position"
UP_S: Final = 550.0
"""Twenty-six streams, mended one after the other: half a minute on a quiet machine, minutes where many share it."""
SEED: Final = 7
"""The command's own default."""
COUNTS: Final = ("submitted", "acknowledged", "rejected_local", "rejected_partner", "pending", "duplicates", "missing")
PROOFS: Final = ("planted", "found", "mended", "open")
PERSONAL_FIELDS: Final = frozenset(
    {
        "person_number", "person_name", "former_person_number", "document_number", "employer_name", "employer_code",
        "employer_number", "payee_name", "payee_account", "household_address", "residence_address", "from_address",
        "from_phone", "case_number", "card_number", "plate_number", "vehicle_identification_number", "licence_number",
        "terminal_number", "owner_name", "owner_code", "insured_number", "phone", "address", "visit_number",
        "settlement_number", "institution_settlement_number", "items.serial",
    }
)  # fmt: skip
"""Fields that say who somebody is, lives, drives, was treated or is paid, in any dataset."""


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
    return Demo(folder, finish(start_yrdx(*line), timeout_s=UP_S))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo of a few hundred people that ended; nobody goes on with its folder."""
    return run_up(tmp_path_factory.mktemp("up") / "demo")


@pytest.fixture
def folder(demo: Demo, tmp_path: Path) -> Path:
    """A copy of the demo's folder, to go on with."""
    return shutil.copytree(demo.folder, tmp_path / "demo", symlinks=True)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoStream, ...]:
    """What the demo exchanged, made once more: same seed, same rows."""
    return make_streams(tmp_path_factory.mktemp("same"), seed=SEED, people=PEOPLE)


def told_counts(report: Any) -> list[tuple[str, dict[str, int]]]:
    """Return what a report tells of each stream."""
    return [(stream["stream"], {name: stream[name] for name in COUNTS}) for stream in report["streams"]]


def true_counts(stream: DemoStream) -> dict[str, int]:
    """Return what must be told of a stream, from what was planted in it; records count as one, however many rows."""
    mapping = load_mapping(stream.sender.dialect, stream.dataset)
    with stream.input.open("") as source:
        records = sum(1 for _ in mapping.gather(textual_rows(source, mapping), of_any_record))
    local, partner, repeated = (
        [one for one in stream.planted if one.rejected_by == by] for by in ("local", "partner", "")
    )
    submitted = records - len(local) - len(repeated)
    local_rows = sum((one.last_row or one.row) - (one.first_row or one.row) + 1 for one in local)
    return dict(zip(COUNTS, (submitted, submitted - len(partner), local_rows, len(partner), 0, 0, 0), strict=True))


def test_the_report_has_exactly_this_shape_and_is_true(demo: Demo, streams: tuple[DemoStream, ...]) -> None:
    """One JSON object on stdout, nothing else; its counts are those of the planted rows, of many kinds."""
    report = demo.ran.json

    assert list(report) == ["verified", "elapsed_s", "streams"]
    assert report["verified"] is True
    assert 0 < report["elapsed_s"] < UP_S
    assert all(list(stream) == ["stream", *COUNTS, *PROOFS] for stream in report["streams"])
    assert dict(told_counts(report)) == {stream.name: true_counts(stream) for stream in streams}
    kinds = {stream.name: {row.kind for row in stream.planted if row.rejected_by} for stream in streams}
    # A frame has fewer ways to be wrong than a line of a table.
    assert all(len(its) >= (12 if "position" in name else 30) for name, its in kinds.items())


def test_every_planted_error_is_found_named_and_mended(demo: Demo, streams: tuple[DemoStream, ...]) -> None:
    """By its rule and in its column; the mended rows are sent, and no rejection is left open on either side."""
    told = {stream["stream"]: {name: stream[name] for name in PROOFS} for stream in demo.ran.json["streams"]}
    for stream in streams:
        planted = sum(bool(one.rejected_by) for one in stream.planted)
        assert told[stream.name] == {"planted": planted, "found": planted, "mended": planted, "open": 0}
    for city in (NANTONG, SHANGHAI):
        listed = yrdx("rejections", "ls", "--home", demo.home(city).path, "--open", "--json").json
        assert listed == []


def test_the_homes_and_the_samples_stand_where_they_are_said_to(demo: Demo, streams: tuple[DemoStream, ...]) -> None:
    """``DIR/320600`` and ``DIR/310000`` are homes that nobody holds any more; the samples of every kind beside."""
    for city in (NANTONG, SHANGHAI):
        assert demo.home(city).settings.is_file()
        assert holder_of(demo.home(city)) is None
    suffixes = sorted(path.suffix for path in (demo.folder / "samples").iterdir())
    tables = len(streams) // 2
    expected = [".sqlite", ".jtt808", ".jtt809", *[".csv"] * (tables - 2), *[".xlsx"] * (tables - 1)]
    assert suffixes == sorted(expected)


def test_positions_go_out_as_frames(demo: Demo, tmp_path: Path) -> None:
    """What came as frames of terminals is written as frames of a platform, every position once.

    The other way it cannot be: a platform's frame does not say the terminal. The first record is named; no file stays.
    """
    out = tmp_path / "positions.jtt809"
    export = ("inbox", "export", "--dataset", POSITION, "-o")
    sent = yrdx(*export, out, "--home", demo.home(SHANGHAI).path, "--json").json
    told = next(one for one in demo.ran.json["streams"] if one["stream"] == f"320600/310000/{POSITION}/0")
    assert sent["rows"] == told["acknowledged"] + told["mended"]
    layout = layout_of(load_mapping(SHANGHAI.dialect, POSITION))
    with open_table(out, replace(layout, frames=FrameContext("WGS84"))) as source:
        assert [type(row) for row in source] == [Row] * sent["rows"]

    ran = yrdx(*export, tmp_path / "positions.jtt808", "--home", demo.home(NANTONG).path, code=2)
    assert f"310000/320600/{POSITION}/0 1/1: " in ran.err
    assert "[frame.lacking]" in ran.err
    assert not (tmp_path / "positions.jtt808").exists()


def test_both_ends_agree(demo: Demo, streams: tuple[DemoStream, ...]) -> None:
    """What the demo calls verified is so, asked of the homes anew: every person's contribution stands, once."""
    cities = {city: Node(demo.home(city)) for city in (NANTONG, SHANGHAI)}
    for stream in streams:
        if stream.dataset == DATASET:
            sender, receiver = cities[stream.sender], cities[stream.receiver]
            # One row repeats another one: a person less.
            prove_ends(sender, receiver, acknowledged=PEOPLE - 1)
            prove_receipts(sender, receiver)


def test_nothing_that_was_said_or_logged_names_anybody(demo: Demo, streams: tuple[DemoStream, ...]) -> None:
    """No name, number, employer, account or address of any row, good or bad, in stdout, stderr or either log."""
    identities = {identity for stream in streams for identity in identities_in(stream)}
    assert len(identities) > 6 * PEOPLE

    assert not leaks(demo.said, identities)
    # The control: where rows are meant to stand, the same search finds them.
    rejects = [path for city in (NANTONG, SHANGHAI) for path in demo.home(city).rejects.glob("nantong*.csv")]
    assert leaks(rejects[0].read_text(encoding="gb18030"), identities)
    assert leaks(json.dumps({"name": next(iter(identities))}), identities)


@pytest.mark.long
def test_a_second_run_over_the_same_folder_ends_as_well(
    demo: Demo, folder: Path, streams: tuple[DemoStream, ...]
) -> None:
    """The same people again: nothing is sent, and the report is the same."""
    again = run_up(folder).ran.json

    assert again["verified"] is True
    # A table of a database is read whole anew each time, so its run has sent what differs: nothing but planted rows.
    tables = {stream.name for stream in streams if stream.input.file is None}
    by_file = [name for name, _ in told_counts(again) if name not in tables]
    assert [one for one in told_counts(again) if one[0] in by_file] == [
        one for one in told_counts(demo.ran.json) if one[0] in by_file
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_it_serves_until_it_is_told_to_stop(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
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
    again = make_streams(tmp_path, seed=100, people=120)
    assert not leaks(ended.said, {identity for stream in again for identity in identities_in(stream)})


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


def identities_in(stream: DemoStream) -> Iterator[str]:
    """Yield whoever a stream's rows name, as their cells write it, spoilt rows included."""
    mapping = load_mapping(stream.sender.dialect, stream.dataset)
    places = mapping.places_of(sorted(PERSONAL_FIELDS))
    with stream.input.open("") as source:
        for row in textual_rows(source, mapping):
            cells = [row.cells[place] for place in places] if len(row.cells) == len(mapping.columns) else []
            yield from (text for cell in cells if len(text := str(cell).strip()) > 1 and text.strip("-—/") not in WORDS)


WORDS: Final = frozenset({"", "null", "无", "空", "NULL", "None"})
"""What cells say when they say nothing."""


def leaks(text: str, identities: set[str]) -> list[str]:
    """Return the identities that a text holds, also as JSON in ASCII would write them."""
    return [one for one in identities if one in text or json.dumps(one)[1:-1] in text]
