from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from services.domain.rejection import LocalRejection
from services.domain.stream import Direction
from services.node.bench.postgres import PostgresServer
from services.ports.store import Transaction
from services.store.opening import open_store
from services.store.schema import migrate, pending_migrations
from tests.contract.store.former import (
    CITIES,
    REVISIONS,
    Rows,
    connected,
    former_file,
    load_former,
    rows_of,
    said_of,
)
from tests.contract.store.samples import NOW, VIOLATION, do

UNUSED_ROW: Final = 1_000_000
ALL: Final = 10_000
WITH_ACCESS_LOG: Final = tuple(revision for revision in REVISIONS if revision >= "0004")


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    """A former schema."""
    return str(request.param)


@pytest.fixture(params=CITIES)
def city(request: pytest.FixtureRequest) -> str:
    """Whose store it is."""
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def former_url(request: pytest.FixtureRequest, revision: str, city: str, tmp_path: Path) -> str:
    """A store with what the demo of that version left in it."""
    file = former_file(tmp_path, revision, city)
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database()
    load_former(url, file, revision)
    return url


def standing(rows: Rows, before: Rows) -> Rows:
    """Return rows with those tables and columns alone that there were before."""
    columns = {table: set(found[0]) for table, found in before.items() if found}
    return {
        table: [{name: row[name] for name in row if name in columns[table]} for row in rows[table]] for table in columns
    }


def test_a_former_store_keeps_every_value(former_url: str, revision: str) -> None:
    """Every row and every column that a former version wrote stands after the migrations, and the store opens."""
    before = rows_of(former_url)
    assert all(before[table] for table in ("batch", "receipt", "inbox", "outbox", "rejection", "partner", "agreement"))

    done = migrate(former_url)

    assert done[0] > revision
    assert pending_migrations(former_url) == []
    assert standing(rows_of(former_url), before) == {table: found for table, found in before.items() if found}
    open_store(former_url).close()


def test_a_migrated_store_goes_on_counting(former_url: str) -> None:
    """A row that is rejected after the upgrade gets a number that none had before: clerks mend by it."""
    migrate(former_url)
    before = rows_of(former_url)["rejection"]
    known = before[-1]
    store = open_store(former_url)
    refused = [LocalRejection(UNUSED_ROW, "", VIOLATION)]
    do(store, lambda tx: tx.add_local_rejections(known["stream_id"], known["source_id"], refused, now=NOW))
    store.close()
    (new,) = rows_of(former_url)["rejection"][len(before) :]
    assert new["id"] > known["id"]
    assert new["position"] == UNUSED_ROW


def read_of(tx: Transaction) -> dict[str, Any]:
    """Return what a node reads of its store: trust, the access log, and of every stream batches and records."""
    streams = tx.streams()
    inbound = [one for one in streams if one.direction is Direction.INBOUND]
    return {
        "streams": streams,
        "partners": tx.partners(),
        "agreements": tx.agreements(),
        "revocations": tx.revocations(),
        "acknowledged bundles": tx.bundle_acks(),
        "accesses": tx.accesses(after_id=0, limit=ALL),
        "progress": [tx.stream_progress(one.id) for one in streams],
        "receipts": [tx.receipted(one.id, 1, after_sequence=0, limit=ALL) for one in streams],
        "records": [
            list(tx.iterate_records(one.id, upto_id=tx.last_record_id(one.id), latest_only=True)) for one in inbound
        ],
    }


def test_both_databases_answer_the_same(revision: str, city: str, tmp_path: Path, postgres: PostgresServer) -> None:
    """A former store that was upgraded on SQLite and on PostgreSQL is read alike: nothing hangs on where it lies."""
    file, loaded = former_file(tmp_path, revision, city), postgres.create_database()
    load_former(loaded, file, revision)
    answers = []
    for url in (f"sqlite:///{file}", loaded):
        migrate(url)
        store = open_store(url)
        answers.append(store.read(read_of))
        store.close()

    assert answers[0] == answers[1]
    assert all(answers[0][name] for name in ("streams", "partners", "agreements"))
    assert all(answers[0]["receipts"])
    assert all(answers[0]["records"])
    assert bool(answers[0]["revocations"]) == (revision >= "0003")


@pytest.mark.parametrize("revision", WITH_ACCESS_LOG)
def test_the_access_log_and_the_right_to_ask_survive(former_url: str, revision: str, city: str) -> None:
    """Every access with its id, as that version listed it; it still only grows; the agreement to ask by stands."""
    said = said_of(revision, city)
    migrate(former_url)
    store = open_store(former_url)
    accesses, agreements = store.read(lambda tx: (tx.accesses(after_id=0, limit=ALL), tx.agreements()))
    store.close()

    def told(one: dict[str, Any]) -> list[Any]:
        return [one[name] for name in ("id", "side", "question", "request_id", "purpose", "subject", "outcome")]

    now = [
        [one.id, one.side, one.question, one.request_id, one.purpose, one.subject.hex(), one.outcome]
        for one in accesses
    ]
    assert now == [told(one) for one in said["accesses"]] != []
    assert [one.id for one in agreements if one.mode == "lookup"] == ["DEMO-L-310000-320600"]
    with pytest.raises(DatabaseError, match="only grows"), connected(former_url) as connection:
        connection.execute(text("DELETE FROM access"))


def test_the_vectors_are_what_that_version_said(revision: str, city: str, tmp_path: Path) -> None:
    """As many receipts and rejections as the former command listed: the files belong together."""
    rows, said = rows_of(f"sqlite:///{former_file(tmp_path, revision, city)}"), said_of(revision, city)
    assert len(rows["receipt"]) == len(said["receipts"])
    assert {row["id"] for row in rows["rejection"]} >= {one["id"] for one in said["rejections"]}
    assert {row["name"] for row in rows["stream"]} == {one["stream"] for one in said["streams"]}
