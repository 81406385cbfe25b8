from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.rejection import LocalRejection
from services.node.bench.postgres import PostgresServer
from services.store.opening import open_store
from services.store.schema import migrate, pending_migrations
from tests.contract.store.former import CITIES, REVISIONS, Rows, former_file, load_former, rows_of, said_of
from tests.contract.store.samples import NOW, VIOLATION, do

UNUSED_ROW = 1_000_000


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


def test_the_vectors_are_what_that_version_said(revision: str, city: str, tmp_path: Path) -> None:
    """As many receipts and rejections as the former command listed: the files belong together."""
    rows, said = rows_of(f"sqlite:///{former_file(tmp_path, revision, city)}"), said_of(revision, city)
    assert len(rows["receipt"]) == len(said["receipts"])
    assert {row["id"] for row in rows["rejection"]} >= {one["id"] for one in said["rejections"]}
    assert {row["name"] for row in rows["stream"]} == {one["stream"] for one in said["streams"]}
