"""Stores in trouble under a serving node: nothing is answered that is not on disk, nothing is lost, and it passes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from adapters.samples import SampleFile
from tests.integration.support.commands import sync
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files
from tests.integration.support.tracing import needs_strace
from tests.integration.support.traps import full_disk, slow_disk
from tests.integration.support.waiting import until

PARTIAL, UNAVAILABLE = 3, 6
DELAY_S: Final = 1.0
OUTBOUND: Final = outbound_name(NANTONG.code, SHANGHAI.code)
SENT: Final[list[SampleFile]] = []
"""Every file of this module: the proof counts all that was ever sent."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two cities of this module's own."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities


def sample(folder: Path) -> SampleFile:
    """Write a file of Nantong's with other people than those before."""
    SENT.append(write_files(folder / "samples", seed=601 + len(SENT), people=200, bad_rows=16)[0])
    return SENT[-1]


@contextmanager
def moved_away(node: Node) -> Iterator[None]:
    """The database's file stands elsewhere while the block runs."""
    elsewhere = node.home.store.rename(node.home.store.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(node.home.store)


@contextmanager
def locked(node: Node) -> Iterator[None]:
    """Another process, an operator's tool for instance, writes while the block runs."""
    with closing(sqlite3.connect(node.home.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("trouble", [pytest.param(full_disk, marks=needs_strace), moved_away, locked])
def test_a_store_in_trouble_holds_records_back_and_loses_none(
    pair: Pair, tmp_path: Path, trouble: Callable[[Node], AbstractContextManager[None]]
) -> None:
    """Each side says so, exit code 6; once it is over the sync is repeated and delivery goes on by itself."""
    file = sample(tmp_path)

    with trouble(pair.nantong):
        refused = sync(pair.nantong.path, file.path, SHANGHAI.code, code=UNAVAILABLE)
    assert refused.reason == "STORE_UNAVAILABLE"
    with trouble(pair.shanghai):
        waiting = sync(pair.nantong.path, file.path, SHANGHAI.code, "--wait", "1s", code=UNAVAILABLE).json
        assert waiting["pending"] == waiting["submitted"] > 0
        until("the outbox says why", lambda: "[STORE_UNAVAILABLE]" in _outbound(pair.nantong, "last_error"))

    pair.nantong.until_settled(OUTBOUND)
    prove_exchange(pair.nantong, pair.shanghai, SENT, tmp_path)


@needs_strace
def test_answers_wait_for_the_disk(pair: Pair, tmp_path: Path) -> None:
    """While the sync of a commit has not returned, neither a submit nor a batch is answered."""
    file, late = sample(tmp_path / "first"), sample(tmp_path / "second")

    with slow_disk(pair.nantong, DELAY_S):
        begun = time.monotonic()
        sync(pair.nantong.path, file.path, SHANGHAI.code, "--no-wait", code=PARTIAL)
        assert time.monotonic() - begun >= 2 * DELAY_S  # the source is opened, then its rows are taken
    acknowledged = pair.nantong.until_settled(OUTBOUND)["acknowledged"]
    with slow_disk(pair.shanghai, DELAY_S):
        written = _log_written(pair.shanghai)
        sync(pair.nantong.path, late.path, SHANGHAI.code, "--no-wait", code=PARTIAL)
        until("the batch is written at the receiver", lambda: _log_written(pair.shanghai) != written)
        time.sleep(DELAY_S / 2)
        assert _outbound(pair.nantong, "acknowledged") == str(acknowledged)

    pair.nantong.until_settled(OUTBOUND)
    prove_exchange(pair.nantong, pair.shanghai, SENT, tmp_path)


def _outbound(node: Node, field: str) -> str:
    return str(node.stream(OUTBOUND, "outbound")[field])


def _log_written(node: Node) -> int:
    """Return when the log was written to, in nanoseconds."""
    return Path(f"{node.home.store}-wal").stat().st_mtime_ns
