"""One suite over both databases: every test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.bench.postgres import PostgresServer, running_postgres
from tests.databases import Database, postgresql_database, sqlite_database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with running_postgres(fsync="off") as server:
        yield server


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Database:
    """An empty PostgreSQL database."""
    return postgresql_database(postgres)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Database:
    """An empty SQLite file."""
    return sqlite_database(tmp_path / "city.sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of either kind."""
    fixture = "sqlite_file" if request.param == "sqlite" else request.param
    found: Database = request.getfixturevalue(fixture)
    return found
