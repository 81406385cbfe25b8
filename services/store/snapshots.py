"""Reading: works on consistent snapshots, whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine

from services.ports.store import Snapshots, Transaction
from services.store.dialect import Dialect
from services.store.dialect.postgresql import PostgresqlDialect
from services.store.dialect.sqlite import SqliteDialect
from services.store.engines import is_sqlite, postgresql_engine, reading, sqlite_engine, sqlite_path
from services.store.failures import DATABASE_ERRORS, to_domain_error
from services.store.transaction import SqlTransaction

T = TypeVar("T")


class SqlSnapshots:
    """`services.ports.store.Snapshots` of a database.

    Args:
        engine: Its transactions see one snapshot each.
        dialect: What the database calls it.
    """

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See the port."""
        try:
            with self._engine.connect() as connection:
                return work(SqlTransaction(connection, self._dialect))
        except DATABASE_ERRORS as error:
            raise to_domain_error(error) from None  # see services.store.failures

    def close(self) -> None:
        """See the port."""
        self._engine.dispose()


def open_snapshots(url: str) -> Snapshots:
    """Open a store only to read it, in a process beside the one that has it open to write.

    Args:
        url: As in `services.store.opening.open_store`.

    Raises:
        ValueError: The URL names neither.
        services.store.errors.UnsafeDatabase: The SQLite library would lose data.
    """
    if is_sqlite(url):
        return SqlSnapshots(sqlite_engine(sqlite_path(url), writes=False), SqliteDialect())
    return SqlSnapshots(reading(postgresql_engine(url)), PostgresqlDialect())
