"""One suite over both databases: every test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest

from tests.postgres import PostgresServer, running_postgres


@dataclass
class Database:
    """A database of a city's own.

    Attributes:
        url: How it is opened as a source.
        kind: "sqlite" or "postgresql".
        address: How the tests themselves reach it.
    """

    url: str
    kind: str
    address: str

    def execute(self, *statements: str) -> None:
        """Run statements as the city's own system does."""
        if self.kind == "postgresql":
            with psycopg.connect(self.address, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
            return
        connection = sqlite.connect(self.address)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        if self.kind == "postgresql":
            with psycopg.connect(self.address) as connection:
                return connection.execute(query.encode()).fetchall()
        with closing(sqlite.connect(self.address)) as file:
            return list(map(tuple, file.execute(query)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with running_postgres(fsync="off") as server:
        yield server


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Database:
    """An empty PostgreSQL database."""
    address = postgres.create_database()
    return Database(address.replace("postgresql://", "postgresql+psycopg://"), "postgresql", address)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Database:
    """An empty SQLite file."""
    path = tmp_path / "city.sqlite"
    sqlite.connect(path).close()
    path.touch()
    return Database(f"sqlite:///{path}", "sqlite", str(path))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of either kind."""
    fixture = "sqlite_file" if request.param == "sqlite" else request.param
    found: Database = request.getfixturevalue(fixture)
    return found
