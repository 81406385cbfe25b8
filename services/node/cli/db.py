"""`yrdx db`: the store's schema, its backup and the way back.

Beside `init` and `doctor` these verbs alone open the store themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from services.node.addresses import store_file
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import CommandFailed, Exit
from services.node.home import Home
from services.node.output import print_json, say

if TYPE_CHECKING:
    from services.domain.stream import Stream
    from services.node.restoring import Restored

app = group("数据库 · the store")


NEXT = """\
1. 备份之后的伙伴、协议、暂停、吊销列表须重做 · make again what was done since: partners, agreements, pauses, lists
     yrdx cert log --home {home}
     yrdx partner ls --home {home}
2. 启动 · start
     yrdx serve --home {home}
3. 伙伴所知更多的流会停下，自检逐条给出命令 · streams on which a partner knows more stop; doctor names each command
     yrdx doctor --home {home}
   接收方 RECOVERING：伙伴回放原批次与原回执 · inbound: the partner replays its original batches and receipts
   发送方 DIVERGED：取回已发批次，之后重跑同步 · outbound: takes back what was sent; run your syncs again afterwards
   本市登记库：重跑同步 · the own register: run its syncs again, --to this city
   伙伴也丢失了这些记录：另开纪元 · only when the partner has lost them too: yrdx stream new-epoch STREAM --reason …"""


ACCESSES = {
    "CONTINUED": "已补回备份之后的访问记录 · accesses logged since the backup, carried over: {count}",
    "ABSENT": "没有原库，或原库没有访问记录，无可补回 · no former store, or none with an access log: "
    "nothing to carry over",
    "ELSEWHERE": "备份之后的访问记录仍在原 PostgreSQL 数据库的表 access 中，请留存 · the access log since the backup "
    "stays in the former database, table access: keep it",
    "UNREADABLE": "原库的访问记录读不出，未补回，请留存原库 · the former store's access log cannot be read: "
    "none was carried over; keep that store",
    "DIVERGED": "原库的访问记录不是备份的延续，未补回，请留存原库的表 access · the former store's access log "
    "does not go on from the backup's: none was carried over; keep that store's table access",
}


class Unfit(CommandFailed):
    """A backup cannot be written there."""

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
    from services.node.settings_file import load_settings
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
    "yrdx db backup --home A -o A-20260101.backup",
    more="SQLite 在线备份，PostgreSQL 用 pg_dump；备份含个人数据，权限 0600 · by SQLite's online backup or by pg_dump; "
    "a backup holds personal data; its mode is 0600",
)
def backup(
    out: Annotated[Path, typer.Option("-o", "--out", help="新文件 · file to create")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write a copy of the store as of one moment."""
    from services.node.settings_file import load_settings
    from services.store.backup import backup as copy

    url = load_settings(Home(home)).store_url
    path = store_file(url)
    if path is not None and not path.is_file():
        raise StoreMissing(f"{path} 不存在 · there is no store here: restore a backup, or `yrdx init` a new home")
    if out.exists():
        raise Unfit(f"{out} 已存在，不覆盖 · exists already: a backup never overwrites a file")
    copy(url, out)
    if json:
        print_json({"file": str(out), "bytes": out.stat().st_size})
    else:
        say(f"已备份到 {out} · backed up, {out.stat().st_size:,} bytes")


@verb(
    app,
    "restore",
    "从备份恢复数据库 · put a backup in the place of the store",
    "yrdx db restore A-20260101.backup --home A",
    more="先停止节点；核对备份，旧版本的先升级，原数据库保留，其访问记录补入。PostgreSQL：先建空库，写入 store_url · "
    "stop the node first; the backup is verified, an older one migrated, the former store kept, and its access log "
    "carried over. "
    "PostgreSQL: first make an empty database and name it in `store_url`",
)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="yrdx db backup 的文件 · as `yrdx db backup` wrote it")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Restore the store."""
    from services.node.cli.trust_access import opened_home
    from services.node.restoring import restore as put_back

    place = opened_home(home)
    city, url = place.settings.city, place.settings.store_url
    restored = put_back(place.home, city, url, file, by=place.by, now=place.now)
    if json:
        print_json(_fields(restored, home))
    else:
        _tell(restored, home)


def _fields(restored: Restored, home: Path) -> dict[str, object]:
    return {
        "kept": str(restored.kept) if restored.kept else None,
        "migrated": list(restored.migrated),
        "revocations": restored.revocations,
        "accesses": restored.accesses.count,
        "former_log": restored.accesses.former.value,
        "streams": [
            {
                "stream": str(one.name),
                "direction": one.direction.value,
                "epoch": one.position.epoch,
                "watermark": one.position.watermark,
                "recover": _recover(one, home),
            }
            for one in restored.streams
        ],
    }


def _tell(restored: Restored, home: Path) -> None:
    say("已恢复 · restored")
    if restored.migrated:
        say(f"已升级 {len(restored.migrated)} 步 · {len(restored.migrated)} migrations run")
    if restored.kept:
        say(f"原数据库留在 · the former store is kept in {restored.kept}")
    if restored.revocations:
        say(f"已补回备份之后的吊销 · revocations made since the backup, put back: {restored.revocations}")
    say(ACCESSES[restored.accesses.former].format(count=restored.accesses.count))
    for line in NEXT.splitlines():
        say(line.format(home=home))
    for one in restored.streams:
        say(f"  {one.direction:<8}  {_recover(one, home)}")


def _recover(stream: Stream, home: Path) -> str:
    if stream.name.is_register:
        return f"yrdx sync run FILE --to {stream.name.to_city} --dataset {stream.name.dataset} --home {home}"
    return f"yrdx stream recover {stream.name} --home {home}"
