"""A backup put in the place of a store: staged, verified, and only then in place.

SQLite: the copy is staged beside the store; the former files are kept in a folder of their own. PostgreSQL: the copy is
loaded into the database that the settings name, which must be empty, so that the former database stays as it is.
While it is staged the caller migrates it and looks at what it holds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import inspect

from services.store import files, postgresql_tools
from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path
from services.store.errors import BackupUnfit
from services.store.failures import DATABASE_ERRORS
from services.store.schema import is_empty

_SQLITE_MAGIC: Final = b"SQLite format 3\x00"
_POSTGRESQL_MAGIC: Final = b"PGDMP"


@contextmanager
def staged(url: str, backup: Path) -> Iterator[str]:
    """Copy a backup to where it can be looked at without touching the store; `place` it, or it is gone in the end.

    Args:
        url: Store to restore, ``sqlite:///path`` or ``postgresql://…``.
        backup: File that `services.store.backup` wrote.

    Yields:
        URL of the staged store, of the schema that it was written with. PostgreSQL: ``url`` itself; what was loaded
        stays where it is.

    Raises:
        FileNotFoundError: There is no such file.
        BackupUnfit: It is no backup of such a store, it is damaged, or the PostgreSQL database is not empty.
        services.store.errors.SchemaTooNew: A newer version of this software wrote it.
        services.store.errors.ToolFailed: pg_restore is not there, or failed.
    """
    _verify_kind(url, backup)
    if not is_sqlite(url):
        _load(url, backup)
        _verify_filled(url, backup)
        yield url
        return
    store = sqlite_path(url)
    copy = store.with_name(f".{store.name}.restoring")
    files.remove(copy)
    try:
        files.create_private(copy)
        shutil.copyfile(backup, copy)
        _verify_pages(copy, backup)
        _verify_filled(f"sqlite:///{copy}", backup)
        yield f"sqlite:///{copy}"
    finally:
        files.remove(copy)


def place(url: str, staged_url: str, kept: Path) -> bool:
    """Put a staged store that nobody has open in the place of the store.

    Cut off at any moment, there is the former store, or none, or the new one; never one with another's log.

    Args:
        url: The store.
        staged_url: As `staged` gave it.
        kept: Folder that does not exist yet, on the store's file system, for the former files.

    Returns:
        Whether there were any.

    Raises:
        BackupUnfit: Somebody reads the staged store.
    """
    if not is_sqlite(url):
        return False
    store, new = sqlite_path(url), sqlite_path(staged_url)
    _fold_log(new)
    had_one = _keep(store, kept)
    files.remove(store)
    new.rename(store)
    files.sync(store.parent)
    return had_one


def _verify_kind(url: str, backup: Path) -> None:
    kind, magic = ("SQLite", _SQLITE_MAGIC) if is_sqlite(url) else ("PostgreSQL", _POSTGRESQL_MAGIC)
    with backup.open("rb") as file:
        is_one = file.read(len(magic)) == magic
    _require(
        is_one, f"{backup} is no backup of a {kind} store: `yrdx db backup` of a home with such a store writes one"
    )
    log = files.log_of(backup)
    is_whole = not log.exists() or log.stat().st_size == 0
    _require(is_whole, f"{log} lies beside it: it is a store, or half a copy of one: take what `yrdx db backup` wrote")


def _verify_pages(copy: Path, backup: Path) -> None:
    """Read every page and every index once."""
    engine = sqlite_engine(copy, writes=False)
    try:
        with engine.connect() as connection:
            fault = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    except DATABASE_ERRORS:
        fault = "unreadable"
    finally:
        engine.dispose()
    _require(fault == "ok", f"{backup} is damaged: take another backup")


def _verify_filled(url: str, backup: Path) -> None:
    _require(not is_empty(url), f"{backup} holds no store of yrdx")


def _load(url: str, backup: Path) -> None:
    engine = postgresql_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    _require(
        not tables,
        "the database that `store_url` names is not empty, and nothing in it is touched: make a new one (createdb), "
        "name that one in node.toml, and restore again",
    )
    postgresql_tools.load(url, backup)


def _fold_log(path: Path) -> None:
    """Put what stands in the log alone into the file, and be sure that it is on disk."""
    with closing(sqlite.connect(str(path))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    log = files.log_of(path)
    is_folded = not log.exists() or log.stat().st_size == 0
    _require(is_folded, f"somebody reads {path}: end that process and restore again")
    files.sync(path)


def _keep(store: Path, kept: Path) -> bool:
    """Give the former files a second name, so that they are kept whole before the first name goes."""
    former = [part for part in (store, files.log_of(store)) if part.exists()]
    if not former:
        return False
    kept.mkdir(mode=0o700)
    for part in former:
        os.link(part, kept / part.name)
    files.sync(kept)
    files.sync(kept.parent)
    return True


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BackupUnfit(otherwise)
