"""Nobody's name or number leaves by a side door: logs, metrics, words of commands and what crashes leave behind."""

from __future__ import annotations

import csv
import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from adapters.samples import SampleFile
from tests.integration.support.commands import Ran, finish, start_yrdx, sync_line
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, free_port, outbound_name
from tests.integration.support.pairs import Pair, acquainted
from tests.integration.support.records import write_files
from tests.integration.support.tracing import STRACE
from tests.integration.support.traps import full_disk
from tests.integration.support.waiting import until

_IDENTITIES: Final = {"local": ("gb18030", ",", ("AAC002", "AAC003")), "shanghai": ("utf-8-sig", ";", ("sfzh", "xm"))}
"""Encoding, delimiter, and the columns that name a person: citizen number and name."""
_LOOKS: Final = ("doctor", "stream ls", "outbox ls", "rejections ls", "partner ls", "inbox ls")
ANY: Final = range(256)


@dataclass
class Heard:
    """Everything that came out of both nodes and of every command, by where it came from."""

    texts: dict[str, str] = field(default_factory=dict)

    def command(self, *words: object) -> Ran:
        """Run a command in a process of its own, however it ends, and keep its words."""
        ran = finish(start_yrdx(*words), code=ANY, timeout_s=120)
        self.texts[f"{len(self.texts)}: yrdx {ran.line}"] = ran.out + ran.err
        return ran

    def sync(self, node: Node, file: SampleFile, to_city: str, *more: object) -> Ran:
        """Sync a file."""
        return self.command(*sync_line(node.path, file.path, to_city), *more)

    def node(self, node: Node) -> None:
        """Keep a node's log with its crashes, and its metrics as a scrape and as a file."""
        self.texts[f"log of {node.city}"] = node.log_text
        self.texts[f"metrics of {node.city}"] = scraped(node)
        self.texts[f"file of {node.city}"] = node.home.metrics.read_text(encoding="utf-8")
        self.texts[f"acts of {node.city}"] = node.home.acts.read_text(encoding="utf-8")


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file switches on the fault of its name, in every process that starts from here."""
    folder = tmp_path / "faults"
    folder.mkdir()
    monkeypatch.setenv("TEST_FAULTS", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("faulty")))
    return folder


@pytest.fixture
def pair(tmp_path: Path, faults: Path) -> Iterator[Pair]:
    """Two cities that serve metrics."""
    with acquainted(tmp_path / "cities", prepare=_with_metrics) as cities:
        for node in cities.nodes:
            node.start()
        yield cities


def _with_metrics(node: Node) -> None:
    text = node.home.settings.read_text(encoding="utf-8")
    node.home.settings.write_text(f"metrics_port = {free_port()}\n{text}", encoding="utf-8")


def scraped(node: Node) -> str:
    """Return what Prometheus reads."""
    (port,) = re.findall(r"metrics_port = (\d+)", node.home.settings.read_text(encoding="utf-8"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


@contextmanager
def switched_on(faults: Path, name: str) -> Iterator[None]:
    """A fault happens while the block runs."""
    (faults / name).touch()
    yield
    (faults / name).unlink()


def identities(file: SampleFile) -> set[str]:
    """Return citizen numbers and names of a file, planted mistakes among them."""
    encoding, delimiter, columns = _IDENTITIES[file.dialect]
    with file.path.open(encoding=encoding, newline="") as lines:
        found = {row[column] or "" for row in csv.DictReader(lines, delimiter=delimiter) for column in columns}
    return {one for one in found if len(one) >= 2 and one != "不详"}


def leaks(text: str, people: set[str]) -> set[str]:
    """Return who is in a text, plainly or as JSON, Python or a cut terminal would write them."""
    return {person for person in people if any(form in text for form in _forms(person))}


def _forms(person: str) -> set[str]:
    escaped = {json.dumps(person)[1:-1], person.encode("ascii", "backslashreplace").decode()}
    quoted = {repr(person.encode(encoding))[2:-1] for encoding in ("utf-8", "gb18030")}
    return {person, *escaped, *quoted}


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_nobody_is_in_anything_that_leaves_but_records(pair: Pair, faults: Path, tmp_path: Path) -> None:
    """Bad rows, kill -9, a full disk, exceptions that quote records, a revoked partner: every word of it is read."""
    nantong, shanghai = pair.nodes
    files = [write_files(tmp_path / str(seed), seed=seed, people=400, bad_rows=16) for seed in range(801, 806)]
    people = {one for both in files for file in both for one in identities(file)}
    heard = Heard()

    assert heard.sync(nantong, files[0][0], SHANGHAI.code).code == 3
    assert heard.sync(shanghai, files[0][1], NANTONG.code).code == 3
    _killed_at_work(heard, pair, files[1][0])
    with full_disk(nantong) if STRACE else nullcontext():
        heard.sync(nantong, files[2][0], SHANGHAI.code, "--wait", "3s")
    with switched_on(faults, "worker"):
        heard.sync(nantong, files[3][0], SHANGHAI.code, "--wait", "3s")
    with switched_on(faults, "node"):
        heard.sync(nantong, files[4][0], SHANGHAI.code, "--wait", "1s")
        until("Shanghai met a fault", lambda: shanghai.log_events("rpc.fault"))
    nantong.until_settled(outbound_name(NANTONG.code, SHANGHAI.code))
    heard.command("revoke", "city", SHANGHAI.code, "--home", nantong.path, "--reason", "演练 · drill")
    heard.sync(nantong, files[3][0], SHANGHAI.code, "--wait", "1s")
    for words in (
        ("doctor",),
        ("stream", "ls"),
        ("outbox", "ls"),
        ("rejections", "ls"),
        ("partner", "ls"),
        ("sync", "status"),
    ):
        for node in pair.nodes:
            heard.command(*words, "--home", node.path)
    for node in pair.nodes:
        heard.node(node)

    assert "ValueError" in heard.texts[f"log of {NANTONG.code}"]
    assert nantong.log_events("batch.acknowledged")
    assert any("yrdx_rejected_records_total{" in text for text in heard.texts.values())
    assert {name: found for name, text in heard.texts.items() if (found := leaks(text, people))} == {}
    assert len(people) > 2_000


def _killed_at_work(heard: Heard, pair: Pair, file: SampleFile) -> None:
    """Kill the receiver while batches are unanswered, and the sync and the sender with them; then all go on."""
    pair.to_shanghai.hold_answers()
    running = start_yrdx(*sync_line(pair.nantong.path, file.path, SHANGHAI.code))
    until("a batch is applied", lambda: len(pair.shanghai.log_events("batch.applied")) > 1)
    for process in (pair.shanghai, pair.nantong, running):
        process.kill()
    out, err = running.communicate()
    heard.texts["the sync that was killed"] = out + err
    pair.to_shanghai.cut()
    pair.to_shanghai.release()
    for node in pair.nodes:
        node.restart()


@pytest.mark.parametrize("form", ["{}", "refused: {}!", '"{}"'])
@pytest.mark.parametrize("person", ["沈示例", "32061219900101001X"])
def test_the_search_finds_whoever_is_there(form: str, person: str) -> None:
    """Plainly, as JSON escapes, and as the bytes of either encoding: or the test above would prove nothing."""
    assert leaks(form.format(person), {person}) == {person}
    assert leaks(json.dumps(form.format(person)), {person}) == {person}
    for encoding in ("utf-8", "gb18030"):
        assert leaks(repr(form.format(person).encode(encoding)), {person}) == {person}
    assert leaks("somebody else", {person}) == set()
