"""The kill test: rows each way while either node is killed with -9 and the network between them fails.

Set KILL_TEST_SEED to the number that a failure prints to repeat its order of faults.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

import pytest

from adapters.samples import SampleFile
from services.node.bench.postgres import running_postgres
from tests.integration.support.havoc import Havoc
from tests.integration.support.pairs import Pair, acquainted
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files

BAD_ROWS = 40
UNAVAILABLE, BUSY = 6, 1


def test_kills_and_a_bad_network_lose_and_double_nothing(tmp_path: Path) -> None:
    """1,500 rows each way under 4 kills: each arrives exactly once, and only the planted ones are rejected."""
    with acquainted(tmp_path) as pair:
        _storm(pair, tmp_path, rows=(900, 600), kills=4, pause_s_max=0.8)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_kills_and_a_bad_network_lose_and_double_nothing_at_length(tmp_path: Path) -> None:
    """50,000 rows each way under at least 30 kills, on SQLite."""
    with acquainted(tmp_path) as pair:
        _storm(pair, tmp_path, rows=(20_000, *[5_000] * 6), kills=30, pause_s_max=2.0)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_kills_and_a_bad_network_lose_and_double_nothing_on_postgresql(tmp_path: Path) -> None:
    """50,000 rows each way under at least 30 kills, on PostgreSQL."""
    with running_postgres() as server:
        urls = server.create_database(), server.create_database()
        with acquainted(tmp_path, store_urls=urls) as pair:
            _storm(pair, tmp_path, rows=(20_000, *[5_000] * 6), kills=30, pause_s_max=2.0)


def _storm(pair: Pair, folder: Path, *, rows: Sequence[int], kills: int, pause_s_max: float) -> None:
    """Sync files both ways through a storm, then prove that nothing happened to a record."""
    seed = int(os.environ.get("KILL_TEST_SEED", "0")) or SystemRandom().randrange(1, 2**31)
    print(f"KILL_TEST_SEED={seed}")  # noqa: T201 - shown when the test fails
    files = _files(folder / "samples", rows)
    for node in pair.nodes:
        node.start()
    havoc = Havoc(pair, Random(seed), pause_s_max=pause_s_max)
    feeders = havoc.run(files, kills=kills)
    print("faults:", *havoc.faults)  # noqa: T201 - the same

    assert havoc.kills >= kills
    for ran in (ran for feeder in feeders for ran in feeder.ended):
        assert ran.code in (0, 3, UNAVAILABLE) or (ran.code == BUSY and ran.reason == "HOME_BUSY"), ran
    prove_exchange(pair.nantong, pair.shanghai, files[0], folder)
    prove_exchange(pair.shanghai, pair.nantong, files[1], folder)


def _files(folder: Path, rows: Sequence[int]) -> tuple[list[SampleFile], list[SampleFile]]:
    """Write files of so many rows for both cities; the first ones have planted rows."""
    folder.mkdir()
    made = [
        write_files(folder / str(index), seed=100 + index, people=people, bad_rows=0 if index else BAD_ROWS)
        for index, people in enumerate(rows)
    ]
    return [nantong for nantong, _ in made], [shanghai for _, shanghai in made]
