"""Connections: how each database is opened so that what it acknowledges is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from services.store.errors import UnsafeDatabase

LOCK_TIMEOUT_S: Final = 5.0
READERS_MAX: Final = 4
POSTGRESQL_CONNECTIONS_MAX: Final = 8

_PAGE_BYTES: Final = 8_192
_WRITER_CACHE_KIB: Final = 16_384  # more than one group of works changes
_READER_CACHE_KIB: Final = 4_096
_LEFTOVER_WAL_BYTES: Final = 64 * 1_048_576

_WAL_RESET_BUG_SINCE: Final = (3, 7, 0)
_WAL_RESET_BUG_UNTIL: Final = (3, 51, 3)

_MUST_BE_ON: Final = ("fsync", "full_page_writes")


def sqlite_path(url: str) -> Path:
    """Return the file of a URL ``sqlite:///path``.

    Raises:
        ValueError: It names no file.
    """
    database = make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("a SQLite store is a file: sqlite:///path")
    return Path(database)


def sqlite_uri(path: Path, mode: Literal["ro", "rw"]) -> str:
    """Return SQLite's URI of a file that exists: in either mode one that is gone is an error, never a new empty one."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def is_sqlite(url: str) -> bool:
    """Say which of the two databases a URL means.

    Raises:
        ValueError: Neither.
    """
    backend = make_url(url).get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("a store is sqlite:///path or postgresql://…")
    return backend == "sqlite"


def verify_sqlite_version(version: tuple[int, ...]) -> None:
    """Check that the SQLite library does not lose committed writes.

    Raises:
        UnsafeDatabase: It has the WAL-reset bug (https://sqlite.org/wal.html#walresetbug): with two connections,
            committed transactions can vanish.
    """
    if _WAL_RESET_BUG_SINCE <= version < _WAL_RESET_BUG_UNTIL:
        found = ".".join(map(str, version))
        raise UnsafeDatabase(f"SQLite {found} can lose committed writes (WAL-reset bug): 3.51.3 or newer is needed")


def sqlite_engine(path: Path, *, writes: bool) -> Engine:
    """Prepare connections to a SQLite file that exists.

    Args:
        path: The file.
        writes: Begin every transaction with the write lock, so that none reads first and loses an update later.

    Raises:
        UnsafeDatabase: The SQLite library has a bug that loses data.
    """
    verify_sqlite_version(sqlite.sqlite_version_info)
    engine = create_engine(
        "sqlite://",
        module=sqlite,
        creator=lambda: _connect_sqlite(path, writes=writes),
        # Named, since the URL without a file would otherwise mean one shared connection.
        poolclass=QueuePool,
        pool_size=READERS_MAX,
        max_overflow=0,
        pool_timeout=LOCK_TIMEOUT_S,
        hide_parameters=True,
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.connection.driver_connection.execute(begin))
    return engine


def postgresql_engine(url: str) -> Engine:
    """Prepare connections to a PostgreSQL database; each one is checked when it is made.

    Raises (when connecting):
        UnsafeDatabase: The server does not sync to disk before it acknowledges.
    """
    engine = create_engine(
        _with_driver(make_url(url)),
        pool_size=POSTGRESQL_CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=LOCK_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        # No prepared statements: behind PgBouncer the next transaction may run on another server connection.
        connect_args={"prepare_threshold": None, "connect_timeout": int(LOCK_TIMEOUT_S)},
    )
    event.listen(engine, "connect", lambda connection, _: _prepare_postgresql(connection))
    return engine


def reading(engine: Engine) -> Engine:
    """Return a PostgreSQL engine, on the same connections, whose transactions read one snapshot each."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def verify_postgresql_settings(settings: dict[str, str]) -> None:
    """Check that a commit is on disk when PostgreSQL says so.

    Args:
        settings: Values of fsync, full_page_writes and synchronous_commit.

    Raises:
        UnsafeDatabase: It may not be.
    """
    wrong = [name for name in _MUST_BE_ON if settings[name] != "on"]
    if settings["synchronous_commit"] == "off":
        wrong.append("synchronous_commit")
    if wrong:
        raise UnsafeDatabase(f"PostgreSQL can lose committed writes: switch on {', '.join(wrong)}")


def _connect_sqlite(path: Path, *, writes: bool) -> sqlite.Connection:
    connection = sqlite.connect(
        sqlite_uri(path, "rw"),
        uri=True,
        timeout=LOCK_TIMEOUT_S,
        isolation_level=None,  # the driver begins nothing by itself
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    settings = {
        "page_size": _PAGE_BYTES,  # of a new file; 8 KiB measured 10 % faster than 4 KiB
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "secure_delete": "ON",
        "foreign_keys": "ON",
        "cache_size": -(_WRITER_CACHE_KIB if writes else _READER_CACHE_KIB),
        "wal_autocheckpoint": 0,  # the store does it: SQLite would keep a failed sync to itself
        "journal_size_limit": _LEFTOVER_WAL_BYTES,
        "query_only": "OFF" if writes else "ON",
    }
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        connection.close()
        raise UnsafeDatabase(f"the store's file system does not do write-ahead logging (journal mode {mode}): move it")
    return connection


def _prepare_postgresql(connection: Any) -> None:  # noqa: ANN401 - the driver's
    # Ranges of ids look far larger to the planner than they are, large enough to compile every query.
    connection.execute("SET jit = off")
    connection.execute("SET datestyle = 'ISO'")  # dates are read as texts, whatever the database's own style is
    connection.commit()
    names = (*_MUST_BE_ON, "synchronous_commit")
    found = connection.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)).fetchone()
    connection.rollback()
    try:
        verify_postgresql_settings(dict(zip(names, found, strict=True)))
    except UnsafeDatabase:
        connection.close()
        raise


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")
