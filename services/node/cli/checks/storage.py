"""The store: its engine, its schema, and that a commit reaches the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pysqlite3 import sqlite_version, sqlite_version_info

from services.node.addresses import sqlite_path
from services.node.cli.checks.verdict import Verdict, failed, passed
from services.node.home import Home
from services.store import schema

SQLITE_MIN: Final = (3, 51, 3)
"""3.7.0 to 3.51.2 can lose committed writes when the write-ahead log is reset (sqlite.org/wal.html)."""
MEND: Final = "检查 node.toml 的 store_url 与数据库 · check `store_url` in node.toml, and that the database runs"


def check_store(url: str, home: Home) -> Iterator[Verdict]:
    """Look at the store without changing it.

    Raises:
        StoreUnavailable: It cannot be opened.
    """
    path = sqlite_path(url)
    if path is not None:
        yield _check_version()
        if not path.is_file():
            yield failed(
                "store.open",
                f"{path} 不存在 · is not there",
                f"恢复备份到 · restore a backup to {path}, then yrdx serve --home {home.path}",
            )
            return
    pending = list(schema.pending_migrations(url))
    if pending:
        yield failed(
            "store.schema", f"{len(pending)} 个待升级 · pending migrations", f"yrdx db migrate --home {home.path}"
        )
    else:
        yield passed("store.schema", "最新 · up to date")


def _check_version() -> Verdict:
    if sqlite_version_info < SQLITE_MIN:
        return failed(
            "store.engine",
            f"SQLite {sqlite_version} 会丢失已提交数据 · can lose committed writes",
            "pip install --upgrade pysqlite3",
        )
    return passed("store.engine", f"SQLite {sqlite_version}")
