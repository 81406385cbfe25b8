"""kill -9 at every commit point: either side dies at its n-th disk sync, for each n that an exchange goes through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Final

import pytest

from adapters.samples import SampleFile
from services.domain.errors import ExchangeError
from services.node.exits import CommandFailed
from tests.integration.support.commands import sync
from tests.integration.support.nodes import Node, outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files
from tests.integration.support.tracing import needs_strace
from tests.integration.support.traps import SYNCS, WRITES, trapped
from tests.integration.support.waiting import until

BAD_ROWS: Final = 20
PARTIAL: Final = 3
NODE_GONE: Final = (1, 6)
"""How a sync ends whose node dies: it is not there, or its home is still held for a moment."""

pytestmark = needs_strace


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own: the proof counts everything that was ever sent."""
    with running(tmp_path / "cities") as cities:
        yield cities


def test_either_side_dies_at_its_first_sync(pair: Pair, tmp_path: Path) -> None:
    """The sender as it takes rows, then the receiver as the stream opens: both start again and all rows arrive."""
    files = list(islice(_files_in(tmp_path, rows=300), 2))
    for victim, file in zip(pair.nodes, files, strict=True):
        with trapped(victim, 1):
            assert _died(pair, victim, file)
        victim.restart()

    prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("side", "least"), [("sender", 6), ("receiver", 2)])
def test_a_death_at_each_sync_of_an_exchange_loses_and_doubles_nothing(
    pair: Pair, tmp_path: Path, side: str, least: int
) -> None:
    """A node dies at its first sync, starts again and dies at its second, until a file gets through without a death."""
    victim, files = _victim(pair, side), []
    for nth, file in enumerate(_files_in(tmp_path, rows=1_200), 1):
        files.append(file)
        with trapped(victim, nth):
            has_died = _died(pair, victim, file)
        if not has_died:
            break
        victim.restart()

    assert nth > least
    prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_every_commit_point_of_a_longer_exchange(pair: Pair, tmp_path: Path, side: str) -> None:
    """The same with more batches, and the whole proof after each death."""
    victim, files = _victim(pair, side), []
    for nth, file in enumerate(_files_in(tmp_path, rows=4_000), 1):
        files.append(file)
        with trapped(victim, nth):
            has_died = _died(pair, victim, file)
        if not has_died:
            break
        victim.restart()
        prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_deaths_in_the_middle_of_commits(pair: Pair, tmp_path: Path, side: str) -> None:
    """At some write into the log: the commit that it belongs to never was."""
    victim, files, deaths, random = _victim(pair, side), [], 0, Random(320600)
    for file in islice(_files_in(tmp_path, rows=2_000), 12):
        files.append(file)
        with trapped(victim, random.randrange(1, 200), calls=WRITES):
            has_died = _died(pair, victim, file)
        if has_died:
            deaths += 1
            victim.restart()

    assert deaths > len(files) / 2
    prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("side", ["sender", "receiver"])
@pytest.mark.parametrize("calls", [SYNCS, WRITES])
def test_deaths_in_checkpoints(pair: Pair, tmp_path: Path, side: str, calls: str) -> None:
    """While the log is copied into the database, or before the copy is on disk: the log still has everything."""
    victim, files, deaths = _victim(pair, side), [], 0
    for file in _files_in(tmp_path, rows=10_000):
        files.append(file)
        with trapped(victim, 1 + 100 * deaths if calls == WRITES else 1, calls=calls, file=""):
            has_died = _died(pair, victim, file)
        if has_died:
            deaths += 1
            victim.restart()
        if deaths == 2:
            break

    prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


def _victim(pair: Pair, side: str) -> Node:
    return pair.nantong if side == "sender" else pair.shanghai


def _files_in(folder: Path, *, rows: int) -> Iterator[SampleFile]:
    """Write one file after the other, each of other people."""
    for seed in count(500):
        yield write_files(folder / str(seed), seed=seed, people=rows, bad_rows=BAD_ROWS)[0]


def _died(pair: Pair, victim: Node, file: SampleFile) -> bool:
    """Let the stream be opened anew, send a file, and wait until the victim is dead or everything is answered.

    Returns:
        Whether it died.
    """
    pair.to_shanghai.cut()
    ran = sync(pair.nantong.path, file.path, pair.shanghai.city, "--no-wait", code=(PARTIAL, *NODE_GONE))
    is_taken = ran.code == PARTIAL
    until(
        "the trap closed, or all is answered",
        lambda: _is_dead(victim) or (is_taken and _is_answered(pair)),
        timeout_s=60,
    )
    return _is_dead(victim)


def _is_dead(node: Node) -> bool:
    return node.exit_code is not None


def _is_answered(pair: Pair) -> bool:
    try:
        stream = pair.nantong.stream(outbound_name(pair.nantong.city, pair.shanghai.city), "outbound")
    except (ExchangeError, CommandFailed):  # its node dies at this moment
        return False
    return bool(stream) and not stream["pending"]
