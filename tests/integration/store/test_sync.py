"""That a commit is on disk before it is answered. kill -9 cannot show it: the page cache survives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import text

from services.node.bench.postgres import PostgresServer, running_postgres
from services.ports.store import Transaction
from services.store.engines import sqlite_path
from services.store.opening import open_store
from services.store.schema import migrate
from services.store.transaction import SqlTransaction
from tests.contract.store.samples import NOW, Sender, a_row
from tests.integration.store.processes import start_writer
from tests.integration.support.tracing import STRACE, needs_strace

CALL = re.compile(r"^\d+ +(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?P<rest>.*)$")
WRITES = ("pwrite64", "write")
SYNCS = ("fsync", "fdatasync")
UNFINISHED = "<unfinished"
RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>")


def unsynced_answers(trace: str, log: str) -> Iterator[str]:
    """Yield the answers of a trace before which the write-ahead log was written, but not synced since.

    Args:
        trace: What ``strace -f -y`` wrote.
        log: Path of the write-ahead log.
    """
    synced, syncing = False, set()
    for line in trace.splitlines():
        if resumed := RESUMED.match(line):
            if resumed["name"] in SYNCS and resumed["thread"] in syncing:
                synced = True
            continue
        call = CALL.match(line)
        if call is None:
            continue
        if call["file"] == log and call["name"] in WRITES:
            synced = False
        elif call["file"] == log and UNFINISHED in line:
            syncing.add(line.split()[0])
        elif call["file"] == log:
            synced = True
        elif "answered" in call["rest"] and not synced:
            yield line


def test_the_check_sees_a_missing_sync() -> None:
    """An answer between the write and the sync is found, one after it is not."""
    write = '7 pwrite64(5</s-wal>, "x", 1, 0) = 1\n'
    sync = "7 fdatasync(5</s-wal>) = 0\n"
    begun, ended = "7 fdatasync(5</s-wal> <unfinished ...>\n", "7 <... fdatasync resumed>) = 0\n"
    answer = '8 write(1<pipe:[1]>, "answered 5\\n", 11) = 11\n'
    assert not list(unsynced_answers(write + sync + answer, "/s-wal"))
    assert not list(unsynced_answers(write + begun + ended + answer, "/s-wal"))
    assert list(unsynced_answers(write + answer + sync, "/s-wal"))
    assert list(unsynced_answers(write + begun + answer + ended, "/s-wal"))
    assert list(unsynced_answers(write + sync + write + answer, "/s-wal"))


@needs_strace
def test_sqlite_syncs_before_every_answer(sqlite_url: str, tmp_path: Path) -> None:
    """In the trace of a writer, a sync of the log lies between the last write to it and each answer."""
    trace = tmp_path / "trace"
    strace = (STRACE, "-f", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o", str(trace))
    # One row in flight: with more, the next group's writes would stand between a sync and its answers.
    writer = start_writer(sqlite_url, "--rows", "100", "--in-flight", "1", before=strace)
    out, error = writer.communicate(timeout=60)
    assert out.count("answered") == 20, error
    text_of_trace = trace.read_text()
    assert text_of_trace.count("answered") == 20
    assert list(unsynced_answers(text_of_trace, f"{sqlite_path(sqlite_url)}-wal")) == []


@needs_strace
def test_a_failed_sync_ends_the_process(sqlite_url: str, tmp_path: Path) -> None:
    """When the disk refuses a sync, nothing of that commit is answered, and the process is gone."""
    log = f"{sqlite_path(sqlite_url)}-wal"
    inject = "inject=fsync,fdatasync:error=EIO:when=6+"
    strace = (STRACE, "-f", "-qq", "-P", log, "-e", inject, "-o", str(tmp_path / "trace"))
    writer = start_writer(sqlite_url, "--rows", "1000", "--in-flight", "1", before=strace)
    out, error = writer.communicate(timeout=60)
    assert writer.returncode == 70, error
    assert error.splitlines() == ["yrdx: a commit failed, its outcome is unknown; the process ends"]
    assert out.count("answered") < 10


@needs_strace
def test_a_failed_checkpoint_ends_the_process(sqlite_url: str, tmp_path: Path) -> None:
    """When the disk refuses to sync the database itself, the log is never given up: what was answered stands."""
    inject = "inject=fsync,fdatasync:error=EIO"
    path = str(sqlite_path(sqlite_url))
    strace = (STRACE, "-f", "-qq", "-P", path, "-e", inject, "-o", str(tmp_path / "trace"))
    writer = start_writer(sqlite_url, "--rows", "100000", before=strace)
    out, error = writer.communicate(timeout=60)
    assert writer.returncode == 70, error
    assert error.splitlines() == ["yrdx: a checkpoint failed, the database may lack pages of its log; the process ends"]
    assert_all_answered_stand(sqlite_url, out)


def assert_all_answered_stand(url: str, out: str) -> None:
    """Open the store that a writer left behind and look for what it answered."""
    store = open_store(url)
    sender = Sender(store)
    answered = int(out.splitlines()[-1].split()[1])
    assert 0 < answered <= sender.source.position == len(sender.pending(100_000))
    store.close()


def test_an_io_error_at_the_commit_ends_the_process(sqlite_url: str) -> None:
    """The same without strace: the log may not grow any more."""
    writer = start_writer(sqlite_url, "--rows", "100000", "--file-bytes-max", "400000")
    out, error = writer.communicate(timeout=60)
    assert writer.returncode == 70, error
    assert error.splitlines() == ["yrdx: a commit failed, its outcome is unknown; the process ends"]
    assert_all_answered_stand(sqlite_url, out)


@pytest.fixture
def lazy_postgres() -> Iterator[PostgresServer]:
    """A server that flushes its log by itself only every ten seconds: whatever is flushed, a commit has flushed."""
    with running_postgres(wal_writer_delay="10000ms", wal_writer_flush_after="100MB") as server:
        yield server


def test_postgresql_flushes_before_every_answer(lazy_postgres: PostgresServer) -> None:
    """When a future resolves, the server's log is on disk beyond the work's last record."""
    url = lazy_postgres.create_database()
    migrate(url)
    store = open_store(url)
    sender = Sender(store)

    def work(tx: Transaction) -> str:
        tx.append_outbox(sender.stream.id, sender.source.id, [a_row(1)], now=NOW)
        connection = cast(SqlTransaction, tx)._connection
        return str(connection.execute(text("SELECT pg_current_wal_insert_lsn()")).scalar_one())

    with psycopg.connect(url, autocommit=True) as observer:
        for _ in range(20):
            assert flushed_beyond(observer, store.write(work).result(30))
        assert not flushed_beyond(observer, unsynced_commit(url))
    store.close()


def flushed_beyond(observer: psycopg.Connection[tuple[bool]], lsn: str) -> bool:
    """Say whether the server's log is on disk beyond a place, thus with the commit record that follows it."""
    row = observer.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", (lsn,)).fetchone()
    assert row is not None
    return row[0]


def unsynced_commit(url: str) -> str:
    """Commit something without syncing, as a control, and return its place in the log."""
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("CREATE TABLE control (id integer)")
        row = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert row is not None
        return str(row[0])
