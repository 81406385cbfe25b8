"""Disks that are full or slow under a serving node: nothing is answered that is not on disk, and all of it passes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.support.commands import sync
from tests.integration.support.nodes import outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files
from tests.integration.support.tracing import needs_strace
from tests.integration.support.traps import full_disk, slow_disk
from tests.integration.support.waiting import until

PARTIAL, UNAVAILABLE = 3, 6
DELAY_S: Final = 1.0

pytestmark = needs_strace


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own: the proof counts everything that was ever sent."""
    with running(tmp_path / "cities") as cities:
        yield cities


def test_full_disks_hold_records_back_and_lose_none(pair: Pair, tmp_path: Path) -> None:
    """Each side says so in plain words, exit code 6; with space again the sync is repeated and delivery goes on."""
    file = write_files(tmp_path / "samples", seed=601, people=300, bad_rows=16)[0]
    name = outbound_name(pair.nantong.city, pair.shanghai.city)

    with full_disk(pair.nantong):
        refused = sync(pair.nantong.path, file.path, pair.shanghai.city, code=UNAVAILABLE)
    assert refused.reason == "STORE_UNAVAILABLE"
    assert "full" in refused.json["error"]["message"]
    with full_disk(pair.shanghai):
        waiting = sync(pair.nantong.path, file.path, pair.shanghai.city, "--wait", "2s", code=UNAVAILABLE).json
        assert waiting["pending"] == waiting["submitted"] > 0
        until(
            "the outbox says why", lambda: "[STORE_UNAVAILABLE]" in pair.nantong.stream(name, "outbound")["last_error"]
        )

    pair.nantong.until_settled(name)
    prove_exchange(pair.nantong, pair.shanghai, [file], tmp_path)


def test_answers_wait_for_the_disk(pair: Pair, tmp_path: Path) -> None:
    """While the sync of a commit has not returned, neither a submit nor a batch is answered."""
    file, late = (write_files(tmp_path / str(seed), seed=seed, people=200, bad_rows=16)[0] for seed in (602, 603))
    name = outbound_name(pair.nantong.city, pair.shanghai.city)

    with slow_disk(pair.nantong, DELAY_S):
        begun = time.monotonic()
        sync(pair.nantong.path, file.path, pair.shanghai.city, "--no-wait", code=PARTIAL)
        assert time.monotonic() - begun >= 2 * DELAY_S  # the source is opened, then its rows are taken
    acknowledged = pair.nantong.until_settled(name)["acknowledged"]
    with slow_disk(pair.shanghai, DELAY_S):
        written = _log_written(pair)
        sync(pair.nantong.path, late.path, pair.shanghai.city, "--no-wait", code=PARTIAL)
        until("the batch is written at the receiver", lambda: _log_written(pair) != written)
        time.sleep(DELAY_S / 2)
        assert pair.nantong.stream(name, "outbound")["acknowledged"] == acknowledged

    pair.nantong.until_settled(name)
    prove_exchange(pair.nantong, pair.shanghai, [file, late], tmp_path)


def _log_written(pair: Pair) -> int:
    """Return when the receiver's log was written to, in nanoseconds."""
    return Path(f"{pair.shanghai.home.store}-wal").stat().st_mtime_ns
