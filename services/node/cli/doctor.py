"""`yrdx doctor`: everything that must hold before a node serves, looked at without changing it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Exit, Mistake
from services.node.home import Home
from services.node.output import print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from services.node.cli.checks.verdict import Verdict
    from services.node.settings import Settings

GROUPS: Final = {
    "machine": "本机 · machine",
    "home": "节点目录 · home",
    "settings": "设置 · settings",
    "disk": "磁盘 · disk",
    "clock": "时钟 · clock",
    "store": "数据库 · store",
    "keys": "密钥与证书 · keys and certificates",
    "acts": "信任记录 · acts on trust",
    "mappings": "映射文件 · mapping files",
    "port": "端口 · ports",
    "node": "节点 · node",
    "partners": "伙伴 · partners",
    "bundles": "信任包 · bundles",
    "certificates": "各方证书 · everybody's certificates",
    "agreements": "协议 · agreements",
    "streams": "数据流 · streams",
    "reach": "连通 · reachability",
    "standards": "标准 · standards",
    "handshake": "握手 · handshake, step by step",
}
MARKS: Final = {"passed": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("-", "dim")}

AGAIN_S: Final = 1.0
_MEND_FIRST: Final = "先修复以上各项 · mend the above first"


class Output(StrEnum):
    """In which form the checks are told."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at.

    Attributes:
        pre: What must hold before a home is made or served; the node is not asked, and its ports must be free.
        partner: One partner alone, with every step of the handshake; empty: all.
    """

    pre: bool = False
    partner: str = ""


ALL: Final = Scope()


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "doctor",
        "自检，并给出修复命令 · check everything, with the command that mends it",
        "yrdx doctor --pre --home A",
        "yrdx doctor --home A",
        "yrdx doctor --home A --partner 310000 --wait 60",
        "yrdx doctor --home A -o json",
        more="有一项未过则退出码为 7；不改变任何东西 · exit code 7 when a check fails; nothing is changed",
    )(doctor)


def doctor(
    home: HomeOption = HERE,
    json: JsonOption = False,
    pre: Annotated[bool, typer.Option("--pre", help="init 或 serve 之前 · before init or serve")] = False,
    partner: Annotated[str, typer.Option(metavar="CITY", help="只查一个伙伴 · one partner alone, step by step")] = "",
    wait: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, max=3600, help="未过则重试这么久 · check again for so long")
    ] = 0,
    output: Annotated[Output, typer.Option("--output", "-o", help="text 或 json · text or json")] = Output.TEXT,
) -> None:
    """Check a home."""
    if pre and partner:
        raise Mistake("--pre 与 --partner 不能并用 · --pre asks no partner: leave one of them out")
    found = _examined(Home(home), Scope(pre, partner), wait_s=wait)
    well = _is_well(found)
    if json or output is Output.JSON:
        print_json({"ok": well, "checks": [_fields(verdict) for verdict in found]})
    else:
        _print(found)
    raise typer.Exit(Exit.OK if well else Exit.PREFLIGHT_FAILED)


def _examined(home: Home, scope: Scope, *, wait_s: float) -> list[Verdict]:
    """Check, and again every second while something fails and time is left."""
    from services.node.system import SystemClock

    clock = SystemClock()
    until_s = clock.monotonic_s() + wait_s
    while True:
        found = examine(home, clock.now(), scope)
        if _is_well(found) or clock.monotonic_s() + AGAIN_S > until_s:
            return found
        time.sleep(AGAIN_S)


def _is_well(found: Iterable[Verdict]) -> bool:
    return all(verdict.state != "failed" for verdict in found)


def examine(home: Home, now: datetime, scope: Scope = ALL) -> list[Verdict]:
    """Run every check that can be run.

    Args:
        home: The home, or a folder that is none.
        now: Present instant.
        scope: What is looked at.
    """
    from services.node.cli.checks import exchange, machine
    from services.node.cli.checks.verdict import failed, passed, verdicts
    from services.node.exits import CommandFailed
    from services.node.settings_file import load_settings

    if scope.partner:
        return verdicts("node.answers", lambda: exchange.check_partner(home, scope.partner, now), _MEND_FIRST)
    found = verdicts("machine.runtime", machine.check_runtime, "python3.11 -m venv .venv") if scope.pre else []
    if scope.pre and not home.settings.is_file():
        return [*found, *verdicts("home.place", lambda: machine.check_place(home), f"ls -ld {home.path.parent}")]
    found += verdicts("home.layout", lambda: machine.check_home(home), f"ls -ld {home.path}")
    if not home.settings.is_file():
        return found
    try:
        settings = load_settings(home)
    except CommandFailed as error:
        return [*found, failed("settings.valid", str(error), f"编辑 · edit {home.settings}")]
    found += [passed("settings.valid", f"{settings.city}, {settings.dialect}"), *_local(home, settings, now, scope)]
    if scope.pre:
        return found
    return [*found, *verdicts("node.answers", lambda: exchange.check_exchange(home, now), _MEND_FIRST)]


def _local(home: Home, settings: Settings, now: datetime, scope: Scope) -> Iterator[Verdict]:
    """Check what can be seen without the node."""
    from services.node.addresses import store_file
    from services.node.cli.checks import machine, mappings, storage, trust
    from services.node.cli.checks.verdict import verdicts
    from services.node.lock import held_by

    pid, url = None if scope.pre else held_by(home), settings.store_url
    folder = (store_file(url) or home.store).parent
    edit = f"编辑 · edit {home.settings}"
    yield from verdicts("disk.space", lambda: machine.check_disk(folder), f"df -h {folder}")
    yield from verdicts("clock.sane", lambda: machine.check_clock(home, now), "timedatectl status")
    yield from verdicts("store.open", lambda: storage.check_store(url, home), storage.MEND)
    yield from verdicts("keys.whole", lambda: _keys(home, settings, now), f"{trust.RENEW} --home {home.path}")
    yield from verdicts("acts.whole", lambda: trust.check_acts(home), trust.MEND_ACTS)
    mend = f"yrdx mapping lint {settings.dialect}"
    yield from verdicts("mappings.compile", lambda: mappings.check_mappings(settings.dialect), mend)
    yield from verdicts("port.free", lambda: machine.check_port(settings.listen, pid), edit)
    yield from verdicts("port.metrics", lambda: machine.check_metrics(settings.metrics_port, pid), edit)


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
