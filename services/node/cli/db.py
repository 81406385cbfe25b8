"""`yrdx db`: the store's schema and its backup; beside `init` and `doctor` alone in opening the store themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from services.node.addresses import sqlite_path
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import CommandFailed, Exit
from services.node.home import Home
from services.node.output import print_json, say

app = group("数据库 · the store")


class NotHere(CommandFailed):
    """The store's own tools do this."""

    reason: ClassVar[str] = "NOT_HERE"


class StoreMissing(CommandFailed):
    """The database file is not there."""

    reason: ClassVar[str] = "STORE_MISSING"
    code: ClassVar[Exit] = Exit.NOT_FOUND


@verb(
    app,
    "migrate",
    "升级数据库结构 · bring the store's schema up to date",
    "yrdx db migrate --home A",
    more="先停止节点并备份 · stop the node and make a backup first",
)
def migrate(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Run the pending migrations."""
    from services.node.lock import NodeLock
    from services.node.settings import load_settings
    from services.store import schema

    place = Home(home)
    url = load_settings(place).store_url
    with NodeLock(place):
        pending = list(schema.pending_migrations(url))
        schema.migrate(url)
    if json:
        print_json({"migrated": pending})
    else:
        say(f"已升级 {len(pending)} 步 · {len(pending)} migrations run" if pending else "已是最新 · up to date already")


@verb(
    app,
    "backup",
    "备份数据库 · copy the store to a file, also while the node serves",
    "yrdx db backup --home A -o A-20260101.sqlite",
    more="备份含个人数据，权限 0600 · a backup holds personal data; its mode is 0600",
)
def backup(
    out: Annotated[Path, typer.Option("-o", "--out", help="新文件 · file to create")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write a consistent copy of the store."""
    from services.node.settings import load_settings

    settings = load_settings(Home(home))
    path = sqlite_path(settings.store_url)
    if path is None:
        raise NotHere(
            f"PostgreSQL 请用 pg_dump · back PostgreSQL up with its own tools: pg_dump --format=custom --file={out} "
            "(or a base backup with write-ahead log archiving)"
        )
    if not path.is_file():
        raise StoreMissing(f"{path} 不存在 · there is no store here: restore a backup, or `yrdx init` a new home")
    size_bytes = copy_sqlite(path, out)
    if json:
        print_json({"file": str(out), "bytes": size_bytes})
    else:
        say(f"已备份到 {out} · backed up, {size_bytes:,} bytes")


def copy_sqlite(path: Path, out: Path) -> int:
    """Copy a SQLite database as one snapshot; writers go on meanwhile.

    The copy appears under its name only once it is whole and on disk.

    Args:
        path: Database, in WAL mode.
        out: File to create.

    Returns:
        Bytes of the copy.

    Raises:
        FileExistsError: ``out`` exists: a backup is never overwritten.
    """
    from pysqlite3 import dbapi2

    os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    partial = out.with_name(f".{out.name}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        source, target = dbapi2.connect(f"file:{path}?mode=ro", uri=True), dbapi2.connect(str(partial))
        source.backup(target)
        target.close()
        source.close()
        _sync(partial)
        partial.replace(out)
        _sync(out.absolute().parent)
    except BaseException:  # Ctrl-C too: half a backup must not look like one
        partial.unlink(missing_ok=True)
        out.unlink()
        raise
    return out.stat().st_size


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
