"""A copy of a SQLite store while it serves; PostgreSQL has pg_basebackup and pg_dump."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import pysqlite3.dbapi2 as sqlite

from services.store.engines import create_sqlite_file, is_sqlite, sqlite_engine, sqlite_path

_PAGES_PER_STEP: Final = 1_000


def backup(url: str, path: Path) -> None:
    """Copy a SQLite store as of one moment, by SQLite's online backup; writers are not held up.

    Args:
        url: ``sqlite:///path`` of the store.
        path: File to write, readable by its owner only; it must not exist.

    Raises:
        ValueError: The URL is not SQLite's.
        FileExistsError: There is a file already: a backup never overwrites one.
    """
    if not is_sqlite(url):
        raise ValueError("back a PostgreSQL store up with pg_basebackup or pg_dump")
    if path.exists():
        raise FileExistsError(f"{path} exists")
    create_sqlite_file(path)
    engine = sqlite_engine(sqlite_path(url), writes=False)
    try:
        with engine.connect() as connection, closing(sqlite.connect(str(path))) as copy:
            # One snapshot: a read transaction keeps the source's pages as they are until all are copied.
            connection.exec_driver_sql("SELECT 1 FROM alembic_version").close()
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite.Connection)  # noqa: S101 - it is our driver's
            source.backup(copy, pages=_PAGES_PER_STEP)
    finally:
        engine.dispose()
