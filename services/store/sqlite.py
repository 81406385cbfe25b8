"""The store on SQLite: one writer, group commit.

One thread writes. It takes what has queued up meanwhile, runs each work in a savepoint of its own, commits them all
with one disk sync, and only then resolves their futures. Readers see consistent snapshots and block nobody (WAL).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from services.domain.errors import StoreFailed, StoreUnavailable
from services.ports.store import Transaction
from services.store.dialect.sqlite import SqliteDialect
from services.store.engines import sqlite_engine
from services.store.failures import DATABASE_ERRORS, end_process, is_io_error, to_domain_error
from services.store.schema import verify_schema
from services.store.snapshots import SqlSnapshots
from services.store.transaction import SqlTransaction
from services.store.work import Work, WorkQueue

T = TypeVar("T")

WORKS_PER_COMMIT_MAX: Final = 32
"""So that nobody waits long for its neighbours: about 0.1 s of batches of 1,000 records."""

CHECKPOINT_PAGES: Final = 2_000
"""16 MiB: below, syncing the database too costs more; above, a checkpoint stalls the writer for longer."""


class SqliteStore:
    """`services.ports.store.Store` on a SQLite file.

    Args:
        path: The file, with this software's schema.
        on_failure: Called when a commit reports an I/O error; nothing is acknowledged after it.

    Raises:
        services.store.errors.StoreRefused: Migrations are pending, or the SQLite library would lose data.
    """

    def __init__(self, path: Path, *, on_failure: Callable[[StoreFailed], object] = end_process) -> None:
        self._on_failure = on_failure
        self._dialect = SqliteDialect()
        self._writing = sqlite_engine(path, writes=True)
        self._snapshots = SqlSnapshots(sqlite_engine(path, writes=False), self._dialect)
        verify_schema(self._writing)
        self._files = _Files(path)
        self._queue = WorkQueue()
        self._failed = False
        self._writer = Thread(target=self._write, name="store-writer", daemon=True)
        self._writer.start()

    def write(self, work: Callable[[Transaction], T]) -> Future[T]:
        """See the port."""
        return self._queue.put(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """See the port."""
        return self._snapshots.read(work)

    def close(self) -> None:
        """See the port."""
        self._queue.close()
        self._writer.join()
        self._writing.dispose()
        self._snapshots.close()

    def _write(self) -> None:
        with self._writing.connect() as connection:
            while not self._failed and (first := self._queue.get()) is not None:
                self._write_group(connection, first)

    def _write_group(self, connection: Connection, first: Work) -> None:
        """Run works until the queue is empty or the group is full; commit and resolve them."""
        started: list[Work] = []
        try:
            self._files.verify()
            connection.begin()
            for work in self._group(first):
                if work.starts():
                    started.append(work)
                    self._run(connection, work)
        except (*DATABASE_ERRORS, StoreUnavailable) as error:
            self._undo(connection, error, [*started, *self._waiting(first, started)])
        else:
            self._commit(connection, started)

    def _group(self, first: Work) -> Iterator[Work]:
        yield first
        for _ in range(WORKS_PER_COMMIT_MAX - 1):
            work = self._queue.get_waiting()
            if work is None:
                return
            yield work

    def _waiting(self, first: Work, started: list[Work]) -> list[Work]:
        """Return the works that share the fate of a group that could not even begin: each would wait as long."""
        return [] if started else [work for work in self._group(first) if work.starts()]

    def _run(self, connection: Connection, work: Work) -> None:
        """Run one work in a savepoint: its exception undoes it alone.

        Raises:
            sqlalchemy.exc.DBAPIError: The database cannot go on; the whole group is undone.
        """
        driver: Any = connection.connection.driver_connection  # SQLAlchemy's savepoints take longer than small works
        driver.execute("SAVEPOINT work")
        try:
            work.run(SqlTransaction(connection, self._dialect))
        except DATABASE_ERRORS as error:
            meaning = to_domain_error(error)
            if isinstance(meaning, StoreUnavailable | StoreFailed):
                raise
            driver.execute("ROLLBACK TO work")
            work.failed(meaning)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            driver.execute("ROLLBACK TO work")
            work.failed(error)
        driver.execute("RELEASE work")

    def _commit(self, connection: Connection, group: list[Work]) -> None:
        """Sync the group to disk, then let its futures know."""
        try:
            connection.commit()
            self._files.verify()
        except (*DATABASE_ERRORS, StoreUnavailable) as error:
            # A sync that failed once may report success when asked again, though its pages are lost.
            if is_io_error(error) or isinstance(error, StoreUnavailable):
                self._fail(StoreFailed("a commit failed, its outcome is unknown"))
            else:
                self._undo(connection, error, group)
            return
        for work in group:
            work.resolve()
        self._checkpoint(connection)

    def _checkpoint(self, connection: Connection) -> None:
        """Copy the log into the database once it is long enough; what is committed stands in the log until then."""
        try:
            driver: Any = connection.connection.driver_connection  # no transaction: SQLAlchemy would begin one
            _, logged, copied = driver.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
            if logged - copied >= CHECKPOINT_PAGES:
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except DATABASE_ERRORS as error:
            # Any other error passes: the log is kept, and the next commit tries again.
            if is_io_error(error):
                self._fail(StoreFailed("a checkpoint failed, the database may lack pages of its log"))

    def _undo(self, connection: Connection, error: Exception, group: list[Work]) -> None:
        """Roll back and tell everybody: nothing was changed."""
        connection.connection.rollback()  # SQLAlchemy forgets the transaction of a commit that failed
        connection.rollback()
        meaning = to_domain_error(error)
        if isinstance(meaning, StoreFailed):
            self._fail(meaning)
            return
        for work in group:
            work.failed(meaning)
            work.resolve()

    def _fail(self, failure: StoreFailed) -> None:
        """End: normally the process, and in any case this store."""
        self._failed = True
        self._queue.close()
        self._on_failure(failure)


class _Files:
    """The database and its log, as they were opened.

    SQLite goes on writing to files that somebody has moved or deleted, and acknowledges what nobody will find again.
    """

    def __init__(self, path: Path) -> None:
        self._paths = (str(path), f"{path}-wal")
        self._opened = self._identities()

    def verify(self) -> None:
        """Check that they still stand where they were opened.

        Raises:
            StoreUnavailable: They do not.
        """
        try:
            if self._identities() == self._opened:
                return
        except OSError:
            pass
        raise StoreUnavailable("the store's files were moved or deleted: put them back, or restart the node")

    def _identities(self) -> list[tuple[int, int]]:
        return [(found.st_dev, found.st_ino) for found in map(os.stat, self._paths)]
