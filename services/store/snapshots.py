"""Reading: works on consistent snapshots, whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine

from services.ports.store import Transaction
from services.store.dialect import Dialect
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
