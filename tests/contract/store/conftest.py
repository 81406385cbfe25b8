"""One suite over both stores: every test that asks for `store` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.bench.postgres import PostgresServer, running_postgres
from services.ports.store import Store
from services.store.opening import open_store
from services.store.schema import migrate
from services.store.tables import METADATA
from tests.contract.store.samples import Receiver, Sender

MIGRATED = "migrated"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL with a migrated database."""
    with running_postgres() as server:
        server.execute(f"CREATE DATABASE {MIGRATED}")
        migrate(server.url(MIGRATED))
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("store") / "migrated.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    """A SQLite store of its own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'store.sqlite')}"


@pytest.fixture
def postgresql_url(postgres: PostgresServer) -> str:
    """An empty PostgreSQL store: emptied, since making a database takes the server ten times as long."""
    tables = ", ".join(table.name for table in METADATA.sorted_tables)
    postgres.execute(f"TRUNCATE {tables} RESTART IDENTITY", MIGRATED)
    return postgres.url(MIGRATED)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Either database."""
    chosen: str = request.getfixturevalue(f"{request.param}_url")
    return chosen


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store on either database."""
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def sender(store: Store) -> Sender:
    """A sending node."""
    return Sender(store)


@pytest.fixture
def receiver(store: Store) -> Receiver:
    """A receiving node."""
    return Receiver(store)
