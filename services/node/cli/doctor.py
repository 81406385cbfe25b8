"""`yrdx doctor`: everything that must hold before a node serves, looked at without changing it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Exit
from services.node.home import Home
from services.node.output import print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from services.node.cli.checks.verdict import Verdict
    from services.node.settings import Settings

GROUPS: Final = {
    "home": "节点目录 · home",
    "settings": "设置 · settings",
    "disk": "磁盘 · disk",
    "clock": "时钟 · clock",
    "store": "数据库 · store",
    "keys": "密钥与证书 · keys and certificates",
    "port": "端口 · port",
    "node": "节点 · node",
    "partners": "伙伴 · partners",
    "agreements": "协议 · agreements",
    "streams": "数据流 · streams",
    "reach": "连通 · reachability",
    "standards": "标准 · standards",
}
MARKS: Final = {"passed": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("-", "dim")}


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "doctor",
        "自检，并给出修复命令 · check everything, with the command that mends it",
        "yrdx doctor --home A",
        "yrdx doctor --home A --json",
        "yrdx doctor --home A --partner 310000",
        more="有一项未过则退出码为 7 · exit code 7 when a check fails; nothing is changed",
    )(doctor)


def doctor(
    home: HomeOption = HERE,
    partner: Annotated[str, typer.Option(help="只看与此伙伴有关的 · of partners, only what concerns this one")] = "",
    json: JsonOption = False,
) -> None:
    """Check a home."""
    from services.node.system import SystemClock

    found = examine(Home(home), SystemClock().now(), partner)
    is_well = all(verdict.state != "failed" for verdict in found)
    if json:
        print_json({"ok": is_well, "checks": [_fields(verdict) for verdict in found]})
    else:
        _print(found)
    raise typer.Exit(Exit.OK if is_well else Exit.PREFLIGHT_FAILED)


def examine(home: Home, now: datetime, partner: str = "") -> list[Verdict]:
    """Run every check that can be run.

    Args:
        home: The home, or a folder that is none.
        now: Present instant.
        partner: Of partners, look at this one alone; empty: at all.
    """
    from services.node.addresses import sqlite_path
    from services.node.cli.checks import exchange, machine, storage, trust
    from services.node.cli.checks.verdict import failed, passed, verdicts
    from services.node.exits import CommandFailed
    from services.node.lock import held_by
    from services.node.settings import load_settings

    found = verdicts("home.layout", lambda: machine.check_home(home), f"ls -ld {home.path}")
    if not home.settings.is_file():
        return found
    try:
        settings = load_settings(home)
    except CommandFailed as error:
        return [*found, failed("settings.valid", str(error), f"编辑 · edit {home.settings}")]
    pid, url = held_by(home), settings.store_url
    folder = (sqlite_path(url) or home.store).parent
    return [
        *found,
        passed("settings.valid", f"{settings.city}, {settings.dialect}"),
        *verdicts("disk.space", lambda: machine.check_disk(folder), f"df -h {folder}"),
        *verdicts("clock.sane", lambda: machine.check_clock(home, now), "timedatectl status"),
        *verdicts("store.open", lambda: storage.check_store(url, home), storage.MEND),
        *verdicts("keys.whole", lambda: _keys(home, settings, now), trust.RENEW),
        *verdicts("port.free", lambda: machine.check_port(settings.listen, pid), f"编辑 · edit {home.settings}"),
        *verdicts(
            "node.answers", lambda: exchange.check_exchange(home, now, partner), "先修复以上各项 · mend the above first"
        ),
    ]


def _keys(home: Home, settings: Settings, now: datetime) -> Iterable[Verdict]:
    from services.node.cli.checks import trust
    from services.node.keys import passphrase_of

    return trust.check_keys(home, settings.city, settings.demo, now, passphrase=passphrase_of(home, settings))


def _fields(verdict: Verdict) -> dict[str, str]:
    return {"check": verdict.check, "state": verdict.state, "found": verdict.found, "mend": verdict.mend}


def _print(found: Iterable[Verdict]) -> None:
    for group, verdicts in groupby(found, key=lambda verdict: verdict.group):
        _line(GROUPS.get(group, group), "bold")
        for verdict in verdicts:
            mark, style = MARKS[verdict.state]
            _line(f"  {mark} {verdict.check.partition('.')[2]}: {verdict.found}", style)
            if verdict.mend:
                _line(f"      → {verdict.mend}", "")


def _line(text: str, style: str) -> None:
    if not sys.stdout.isatty():
        print(printable(text))
        return
    from rich.console import Console

    Console(highlight=False).print(printable(text), style=style, markup=False, soft_wrap=True)
