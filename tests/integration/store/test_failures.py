"""What happens to an open store when its disk or its database does not go along."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import cast

import psycopg
import pytest
from sqlalchemy import Connection, text

from services.domain.errors import StoreFailed, StoreUnavailable
from services.node.bench.postgres import PostgresServer
from services.ports.store import Store, Transaction
from services.store import engines
from services.store.engines import sqlite_path, verify_postgresql_settings, verify_sqlite_version
from services.store.errors import UnsafeDatabase
from services.store.opening import open_store
from services.store.transaction import SqlTransaction
from tests.contract.store.samples import NOW, Sender, a_row, a_source, do

HOLD = """
import sys, pysqlite3
connection = pysqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sqlite_sender(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    """A sender on SQLite that does not wait long for locks."""
    monkeypatch.setattr(engines, "LOCK_TIMEOUT_S", 0.3)
    store = open_store(sqlite_url)
    yield Sender(store)
    store.close()


def path_of(sender: Sender, url: str) -> Path:
    """Return the store's file."""
    assert sender.store.read(lambda tx: tx.streams())
    return sqlite_path(url)


def connection_of(tx: Transaction) -> Connection:
    """Reach behind a transaction."""
    return cast(SqlTransaction, tx)._connection


def limit_pages(store: Store, spare: int) -> None:
    """Let the database file grow by a few pages only."""

    def work(tx: Transaction) -> None:
        connection = connection_of(tx)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + spare}").close()

    do(store, work)


def append(sender: Sender, body: bytes, tx: Transaction) -> None:
    """Append one row."""
    tx.append_outbox(sender.stream.id, sender.source.id, [a_row(1)._replace(body=body)], now=NOW)


class TestSqlite:
    def test_a_full_disk_changes_nothing_and_passes(self, sqlite_sender: Sender) -> None:
        """Works that do not fit are told to come back later; with space again the store goes on."""
        store = sqlite_sender.store
        sqlite_sender.submit(1)
        limit_pages(store, 20)
        futures = [store.write(partial(append, sqlite_sender, bytes(100_000))) for _ in range(10)]
        errors = [future.exception(30) for future in futures]
        refused = [error for error in errors if error is not None]
        assert refused
        for error in refused:
            assert isinstance(error, StoreUnavailable)
            assert error.retry_after_s is not None
        assert len(sqlite_sender.pending()) == 1 + len(errors) - len(refused)
        limit_pages(store, 100_000)
        sqlite_sender.submit(2)
        assert sqlite_sender.pending()[-1].record.body == b"body 2"

    def test_a_lock_of_another_process_is_waited_for_and_told(self, sqlite_sender: Sender, sqlite_url: str) -> None:
        """While another process writes, works are told to come back; queued ones do not wait one after the other."""
        with held(sqlite_path(sqlite_url)):
            futures = [sqlite_sender.store.write(partial(append, sqlite_sender, b"x")) for _ in range(40)]
            errors = [future.exception(3) for future in futures]
            assert sqlite_sender.pending() == []
        assert {type(error) for error in errors} == {StoreUnavailable}
        sqlite_sender.submit(1)
        assert len(sqlite_sender.pending()) == 1

    @pytest.mark.parametrize("suffix", ["", "-wal"])
    def test_a_file_that_was_moved_takes_no_work(self, sqlite_sender: Sender, sqlite_url: str, suffix: str) -> None:
        """SQLite would go on writing where nobody looks; put back, the store goes on."""
        path = Path(f"{sqlite_path(sqlite_url)}{suffix}")
        elsewhere = path.rename(path.with_name("elsewhere"))
        with pytest.raises(StoreUnavailable, match="moved or deleted"):
            sqlite_sender.submit(1)
        elsewhere.rename(path)
        sqlite_sender.submit(2)
        assert [row.record.body for row in sqlite_sender.pending()] == [b"body 2"]

    def test_a_damaged_file_is_not_opened(self, sqlite_url: str) -> None:
        """A file that is not a database any more is nothing to wait for: a backup must be restored."""
        sqlite_path(sqlite_url).write_bytes(b"\xff" * 65_536)
        with pytest.raises(StoreFailed, match="restore a backup"):
            open_store(sqlite_url)

    @pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 51, 2)])
    def test_a_library_that_loses_commits_is_refused(self, version: tuple[int, ...]) -> None:
        """The versions with the WAL-reset bug are named."""
        with pytest.raises(UnsafeDatabase, match="WAL-reset"):
            verify_sqlite_version(version)

    def test_a_mended_library_is_taken(self) -> None:
        """Versions with the mend pass."""
        verify_sqlite_version((3, 51, 3))
        verify_sqlite_version((3, 53, 4))


class TestPostgresql:
    def test_a_lost_connection_is_told_and_mended(self, postgresql_url: str) -> None:
        """A work whose connection is cut is told to come back; the next one gets a new connection."""
        store = open_store(postgresql_url)
        sender = Sender(store)

        def cut(tx: Transaction) -> None:
            append(sender, b"lost", tx)
            connection_of(tx).execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        for _ in range(6):
            with pytest.raises(StoreUnavailable):
                do(store, cut)
        sender.submit(1)
        assert [row.record.body for row in sender.pending()] == [b"body 1"]
        store.close()

    def test_a_server_that_is_away(self, postgres: PostgresServer) -> None:
        """A store whose server does not answer is unavailable, not broken."""
        with pytest.raises(StoreUnavailable):
            open_store(postgres.url("no_such_database"))

    def test_deadlocks_are_tried_again(self, postgresql_url: str) -> None:
        """Two works that lock the same rows in opposite order both succeed."""
        store = open_store(postgresql_url)
        sender = Sender(store)
        first, second = sender.source, a_source(store, sender.stream, "second")
        both = Barrier(2)

        def advance(order: list[int], tx: Transaction) -> None:
            for place, source_id in enumerate(order):
                connection_of(tx).execute(
                    text("UPDATE source SET position = position + 1 WHERE id = :id"), {"id": source_id}
                )
                if place == 0:
                    meet(both)

        futures = [store.write(partial(advance, order)) for order in ([first.id, second.id], [second.id, first.id])]
        for future in futures:
            future.result(30)
        positions = store.read(
            lambda tx: [source.position for name in (first.name, "second") for source in tx.sources(1, name)]
        )
        assert positions == [2, 2]
        store.close()

    @pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
    def test_a_server_that_loses_commits_is_refused(self, name: str) -> None:
        """A server that acknowledges before its disk does is named by its setting."""
        safe = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
        verify_postgresql_settings(safe)
        verify_postgresql_settings({**safe, "synchronous_commit": "remote_apply"})
        with pytest.raises(UnsafeDatabase, match=name):
            verify_postgresql_settings({**safe, name: "off"})

    def test_a_database_that_loses_commits_is_not_opened(self, postgres: PostgresServer) -> None:
        """The settings are looked at on every connection."""
        url = postgres.create_database()
        name = url.split("/")[3].split("?")[0]
        postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
            open_store(url)


def meet(barrier: Barrier) -> None:
    """Wait for the other work the first time; afterwards there is nobody to wait for."""
    try:
        barrier.wait(1)
    except BrokenBarrierError:
        return


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let another process hold the write lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        holder.communicate("")


def test_errors_quote_no_rows(store: Store) -> None:
    """No exception of the database, nor what it came from, carries what was stored: rows hold personal data."""
    secret = "320612199001011234"
    sender = Sender(store)

    def twice(tx: Transaction) -> None:
        connection = connection_of(tx)
        for _ in range(2):
            connection.execute(
                text("INSERT INTO partner VALUES (:s, :b, :s, :s, :s, :s)"), {"s": secret, "b": secret.encode()}
            )

    error = sender.store.write(twice).exception(30)
    told: list[str] = []
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert told
    assert secret not in "".join(told)


def test_the_error_of_psycopg_would_quote_the_row(postgres: PostgresServer) -> None:
    """The control of the test above: PostgreSQL's own message holds the key."""
    url = postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE person (number text PRIMARY KEY)")
        connection.execute("INSERT INTO person VALUES ('320612199001011234')")
        with pytest.raises(psycopg.errors.UniqueViolation, match="320612199001011234"):
            connection.execute("INSERT INTO person VALUES ('320612199001011234')")
        connection.rollback()
