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


class Unfit(CommandFailed):
    """A backup cannot be written there, or not by this command."""

    reason: ClassVar[str] = "UNFIT"


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
        done = schema.migrate(url)
    if json:
        print_json({"migrated": done})
    else:
        say(f"已升级 {len(done)} 步 · {len(done)} migrations run" if done else "已是最新 · up to date already")


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
    """Write a copy of the store as of one moment."""
    from services.node.settings import load_settings

    url = load_settings(Home(home)).store_url
    path = sqlite_path(url)
    if path is None:
        raise Unfit(
            f"PostgreSQL 请用 pg_dump · PostgreSQL has its own tools: pg_dump --format=custom --file={out}, "
            "or pg_basebackup with archived write-ahead logs"
        )
    if not path.is_file():
        raise StoreMissing(f"{path} 不存在 · there is no store here: restore a backup, or `yrdx init` a new home")
    _write_backup(url, out)
    if json:
        print_json({"file": str(out), "bytes": out.stat().st_size})
    else:
        say(f"已备份到 {out} · backed up, {out.stat().st_size:,} bytes")


def _write_backup(url: str, out: Path) -> None:
    """The copy gets its name only once it is whole and on disk: half a backup must not look like one."""
    from services.store.backup import backup as copy

    if out.exists():
        raise Unfit(f"{out} 已存在，不覆盖 · exists already: a backup never overwrites a file")
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        copy(url, partial)
        _sync(partial)
        partial.rename(out)
        _sync(out.absolute().parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
