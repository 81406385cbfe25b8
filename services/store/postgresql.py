"""The store on PostgreSQL: a few writers, a transaction each; the server shares its disk syncs among them.

Works run under READ COMMITTED: what they read before they write is locked (`Streams.stream`) or compared and swapped.
A connection that is lost during a commit leaves the outcome unknown, and the caller is told that the store is
unavailable: it will try again, and every operation is a compare-and-swap or refuses what stands already.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final, TypeVar

from services.ports.store import Transaction
from services.store.dialect.postgresql import PostgresqlDialect
from services.store.engines import postgresql_engine, reading
from services.store.failures import DATABASE_ERRORS, is_transient, to_domain_error
from services.store.schema import verify_schema
from services.store.snapshots import SqlSnapshots
from services.store.transaction import SqlTransaction
from services.store.work import Work, WorkQueue

T = TypeVar("T")

WRITERS: Final = 4
ATTEMPTS_MAX: Final = 5
"""Runs of one work that others keep undoing: deadlocks and serialization failures."""


class PostgresqlStore:
    """`services.ports.store.Store` on a PostgreSQL database.

    Args:
        url: ``postgresql://…``, a database with this software's schema.

    Raises:
        services.store.errors.StoreRefused: Migrations are pending, or the server would lose data.
    """

    def __init__(self, url: str) -> None:
        self._dialect = PostgresqlDialect()
        self._engine = postgresql_engine(url)
        self._snapshots = SqlSnapshots(reading(self._engine), self._dialect)
        verify_schema(self._engine)
        self._queue = WorkQueue()
        self._writers = [
            Thread(target=self._write, name=f"store-writer-{number}", daemon=True) for number in range(WRITERS)
        ]
        for writer in self._writers:
            writer.start()

    def write(self, work: Callable[[Transaction], T]) -> Future[T]:
        """See the port."""
        return self._queue.put(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See the port."""
        return self._snapshots.read(work)

    def close(self) -> None:
        """See the port."""
        self._queue.close()
        for writer in self._writers:
            writer.join()
        self._engine.dispose()

    def _write(self) -> None:
        while (work := self._queue.get()) is not None:
            if work.starts():
                self._run(work)
                work.resolve()

    def _run(self, work: Work) -> None:
        """Run one work and commit it; again when it was undone only because of another one."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                with self._engine.begin() as connection:
                    work.run(SqlTransaction(connection, self._dialect))
            except DATABASE_ERRORS as error:
                work.failed(to_domain_error(error))
                if is_transient(error) and attempt + 1 < ATTEMPTS_MAX:
                    continue
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                work.failed(error)
            return
