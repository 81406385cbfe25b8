"""A table that is synced while everything is killed with -9: each row arrives once, and none is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import pytest

from services.node.bench.postgres import PostgresServer
from services.node.session import open_session
from tests.databases import Database, postgresql_database, sqlite_database
from tests.integration.sources.tables import NOON, Table, arriving, invented
from tests.integration.support.commands import finish, start_yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, outbound_name, streams_of
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_receipts
from tests.integration.support.waiting import until
from tests.integration.sync.files import Arrivals

ROWS: Final = 6_000
OUTBOUND: Final = outbound_name(NANTONG.code, SHANGHAI.code)
ENDED_SOMEHOW: Final = range(-64, 256)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two cities of this module's own: what arrives here is much, and is counted again and again."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer) -> Database:
    """An empty database of the sender's."""
    return sqlite_database(tmp_path / "hr.sqlite") if request.param == "sqlite" else postgresql_database(postgres)


def submitted(pair: Pair) -> int:
    """Return how many records Nantong has submitted."""
    with open_session(pair.nantong.path) as session:
        return int(streams_of(session, "outbound").get(OUTBOUND, {}).get("submitted", 0))


def disturbed(pair: Pair, table: Table, words: tuple[str, ...], disturb: Callable[[Popen[str]], None]) -> int:
    """Begin a sync, disturb it once the node has taken some of its rows, and return how it ended."""
    before = submitted(pair)
    process = start_yrdx(*table.words(pair, *words))
    until("rows are taken", lambda: process.poll() is not None or submitted(pair) > before, timeout_s=60)
    disturb(process)
    return finish(process, code=ENDED_SOMEHOW).code


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("words", [(), ("--updated", "gxsj"), ("--serial", "xh")])
def test_everything_dies_and_each_row_arrives_once(
    pair: Pair, postgres: PostgresServer, database: Database, words: tuple[str, ...]
) -> None:
    """The sync, the sender's node, the receiver's and the database are killed; rows are added and changed meanwhile."""
    rows, table, new = invented(ROWS), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    table.create(rows[: ROWS // 2])

    def kill_sync(process: Popen[str]) -> None:
        process.kill()

    def kill_nodes(_: Popen[str]) -> None:
        for node in pair.nodes:
            node.kill()
        for node in pair.nodes:
            node.restart()

    def kill_database(_: Popen[str]) -> None:
        postgres.kill()
        postgres.start()

    assert disturbed(pair, table, words, kill_sync) == -9
    table.insert(rows[ROWS // 2 :], at=NOON + timedelta(minutes=7))
    disturbed(pair, table, words, kill_nodes)
    table.change(5, "AAC003", "改名之后", minutes=20 if "--updated" in words else 0)
    if database.kind == "postgresql":
        process = start_yrdx(*table.words(pair, *words))
        kill_database(process)
        assert finish(process, code=ENDED_SOMEHOW).code in (0, 6)
    report: dict[str, Any] = table.sync(pair, *words)

    changed = 0 if "--serial" in words else 1  # a rising number says nothing of rows that change
    assert report["pending"] == 0
    assert new.count() == ROWS + changed
    assert arriving(rows) <= new.records()
    prove_receipts(pair.nantong, pair.shanghai)
    assert table.sync(pair, *words)["corrected"] == 0
    assert new.count() == ROWS + changed
