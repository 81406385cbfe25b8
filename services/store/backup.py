"""A copy of a store as of one moment, made while it serves; `services.store.restore` is the way back."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Final

import pysqlite3.dbapi2 as sqlite

from services.store import files, postgresql_tools
from services.store.engines import is_sqlite, sqlite_engine, sqlite_path

_PAGES_PER_STEP: Final = 1_000


def backup(url: str, path: Path) -> None:
    """Copy a store as of one moment: SQLite's online backup, or PostgreSQL's pg_dump. Writers are not held up.

    The copy gets its name once it is whole and on disk: half a backup must not look like one.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``.
        path: File to write, readable by its owner only; it must not exist.

    Raises:
        FileExistsError: There is a file already: a backup never overwrites one.
        services.store.errors.ToolFailed: pg_dump is not there, or failed.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        files.create_private(partial)
        if is_sqlite(url):
            _copy(sqlite_path(url), partial)
        else:
            postgresql_tools.dump(url, partial)
        files.sync(partial)
        partial.rename(path)
        files.sync(path.absolute().parent)
    finally:
        files.remove(partial)


def _copy(store: Path, path: Path) -> None:
    engine = sqlite_engine(store, writes=False)
    try:
        with engine.connect() as connection, closing(sqlite.connect(str(path))) as copy:
            # One snapshot: a read transaction keeps the source's pages as they are until all are copied.
            connection.exec_driver_sql("SELECT 1 FROM alembic_version").close()
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite.Connection)  # noqa: S101 - it is our driver's
            source.backup(copy, pages=_PAGES_PER_STEP)
    finally:
        engine.dispose()
