"""A city's own database in tests, as its own system reaches it: SQLite or a real PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite

from services.node.bench.postgres import PostgresServer


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


def postgresql_database(server: PostgresServer) -> Database:
    """Make an empty PostgreSQL database."""
    address = server.create_database()
    return Database(address.replace("postgresql://", "postgresql+psycopg://"), "postgresql", address)


def sqlite_database(path: Path) -> Database:
    """Make an empty SQLite file."""
    sqlite.connect(path).close()
    path.touch()
    return Database(f"sqlite:///{path}", "sqlite", str(path))
