"""The store: its engine, its schema, and that a commit reaches the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pysqlite3 import sqlite_version

from services.node.addresses import store_file
from services.node.cli.checks.verdict import Verdict, failed, passed
from services.node.home import Home
from services.store import schema

MEND: Final = "检查 node.toml 的 store_url 与数据库 · check `store_url` in node.toml, and that the database runs"


def check_store(url: str, home: Home) -> Iterator[Verdict]:
    """Look at the store without changing it; connecting also checks that commits reach the disk.

    Raises:
        StoreRefused: The database would lose data, or is a newer version's.
        StoreUnavailable: It cannot be opened.
    """
    path = store_file(url)
    if path is not None and not path.is_file():
        mend = f"yrdx db restore BACKUP --home {home.path}"
        yield failed("store.open", f"{path} 不存在 · is not there", mend)
        return
    pending = schema.pending_migrations(url)
    if path is not None:
        yield passed("store.engine", f"SQLite {sqlite_version}, WAL, synchronous FULL")
    else:
        yield passed("store.engine", "PostgreSQL, fsync on")
    if pending:
        mend = f"yrdx db migrate --home {home.path}"
        yield failed("store.schema", f"{len(pending)} 个待升级 · pending migrations: {', '.join(pending)}", mend)
    else:
        yield passed("store.schema", "最新 · up to date")
