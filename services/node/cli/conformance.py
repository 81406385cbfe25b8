"""`yrdx conformance`: hold any node, of any make, to the promises of the exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import JsonOption, verb
from services.node.exits import Exit, Mistake
from services.node.output import print_json, print_result, say

if TYPE_CHECKING:
    from datetime import datetime

    from services.node.conformance.identity import Identity
    from services.node.conformance.promises import Promise, Verdict
    from services.node.conformance.run import Asking

_MARKS = {"passed": "✓", "failed": "✗", "skipped": "-"}


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "conformance",
        "扮演伙伴，逐条检验任一节点的承诺 · play a partner and hold any node to its promises, one by one",
        "yrdx conformance 10.1.2.3:7310 --bundle sh.bundle --identity invented --city 330199 --prepare",
        "yrdx conformance 10.1.2.3:7310 --bundle sh.bundle --identity invented",
        "yrdx conformance 10.1.2.3:7310 --bundle sh.bundle --identity invented --json "
        "--kill-command 'systemctl kill -s KILL yrdx' --restart-command 'systemctl restart yrdx'",
        more="以虚构城市发送虚构记录（real_data=false），只对测试节点运行；一条未守则退出码为 1 · sends invented "
        "records of an invented city: run it against a test node only; exit code 1 when a promise is broken",
    )(conformance)


def conformance(
    *,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="网关地址 HOST:PORT · address of its gateway")],
    bundle: Annotated[Path, typer.Option(help="被测城市的信任包 · bundle of the node's city")],
    identity: Annotated[Path, typer.Option(help="虚构城市的密钥目录 · folder of the invented city's keys")],
    city: Annotated[
        str, typer.Option(help="新建目录时虚构城市的代码 · code of the invented city, where the folder is new")
    ] = "",
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")] = "social.contribution",
    prepare: Annotated[
        bool, typer.Option("--prepare", help="只输出对方操作员须做的事 · only print what the node's operator must do")
    ] = False,
    restart_command: Annotated[
        str, typer.Option(help="重启节点的命令 · shell command that restarts the node, or starts a dead one")
    ] = "",
    kill_command: Annotated[
        str, typer.Option(help="立即终止节点（kill -9）的命令 · shell command that kills the node with -9")
    ] = "",
    duplicate_after: Annotated[
        str, typer.Option(help="重发前等待，如 10m · wait before a duplicate is sent again")
    ] = "2s",
    only: Annotated[
        list[str] | None, typer.Option(help="只测这些组或承诺，可多次 · only these groups or promises, repeatable")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run it."""
    from services.node.cli.sync_inputs import seconds
    from services.node.system import SystemClock

    now = SystemClock().now()
    wait_s, chosen = seconds("--duplicate-after", duplicate_after), _chosen(only or [])
    _verify(target, dataset)
    who = _identity(identity, city, now)
    if prepare:
        _prepare(target, bundle, who, dataset, now)
        return
    asking = _asking(target, bundle, who, dataset, wait_s)
    verdicts = _verdicts(asking, restart_command, kill_command, chosen)
    told = list(_told(verdicts, quiet=json))
    is_kept = all(verdict.state != "failed" for verdict in told)
    if json:
        print_json({"ok": is_kept, "target": target, "checks": [_fields(verdict) for verdict in told]})
    else:
        _sum_up(told)
    raise typer.Exit(Exit.OK if is_kept else Exit.FAILURE)


def _chosen(names: list[str]) -> list[Promise]:
    from services.node.conformance.checks import ALL, GROUPS
    from services.node.exits import nearest

    known = {*GROUPS, *(promise.name for promise in ALL)}
    for name in names:
        if name not in known:
            raise Mistake(f"--only {name}：未知，最接近的是 · unknown, the nearest known is {nearest(name, known)}")
    return [one for one in ALL if not names or one.group in names or one.name in names]


def _identity(folder: Path, city: str, now: datetime) -> Identity:
    """Open the invented city's folder, or make it where a city is named."""
    import os

    from certs.identity import verify_city
    from services.node.conformance.identity import create_identity, open_identity

    if (folder / "certs").exists():
        return open_identity(folder, now=now, random=os.urandom)
    if not city:
        raise Mistake(f"{folder} 中没有密钥，请以 --city 新建 · holds no keys: name an invented city with --city")
    try:
        verify_city(city)
    except ValueError as error:
        raise Mistake(f"--city：应为六位数字 · {error}") from error
    return create_identity(folder, city, now=now, random=os.urandom)


def _verify(target: str, dataset: str) -> None:
    from services.node.addresses import verify_address
    from services.node.conformance.records import datasets

    try:
        verify_address(target)
    except ValueError as error:
        raise Mistake(f"TARGET：{error}") from error
    if dataset not in (known := datasets()):
        raise Mistake(f"--dataset：可用的有 · there are {', '.join(known)}")


def _asking(target: str, bundle: Path, who: Identity, dataset: str, duplicate_after_s: float) -> Asking:
    from random import SystemRandom

    from certs.bundle import read_bundle
    from services.node.conformance.run import Asking

    city = read_bundle(bundle.read_bytes()).bundle
    return Asking(target, city, who, dataset, duplicate_after_s, seed=SystemRandom().randrange(2**31))


def _verdicts(asking: Asking, restart_command: str, kill_command: str, chosen: list[Promise]) -> Iterator[Verdict]:
    from services.node.conformance.lifecycle import Lifecycle
    from services.node.conformance.run import ask, meet

    return ask(meet(asking, Lifecycle(restart_command, kill_command)), chosen)


def _prepare(target: str, bundle: Path, who: Identity, dataset: str, now: datetime) -> None:
    """Write the agreement and say, command by command, what the node's operator does before and after the run."""
    from certs.bundle import read_bundle
    from services.node.conformance.identity import agreement_text

    theirs = read_bundle(bundle.read_bytes()).bundle
    text = agreement_text(who.city, theirs.city, dataset, today=now.date())
    who.agreement_file.write_text(text, encoding="utf-8")
    who.bundle_file.chmod(0o644)  # both are made to be handed out
    who.agreement_file.chmod(0o644)
    say(f"请把 {who.bundle_file} 和 {who.agreement_file} 交给 {theirs.city} 的操作员，由其运行：")
    say(f"hand {who.bundle_file} and {who.agreement_file} to the operator of {theirs.city}, who runs:")
    print_result(
        f"yrdx partner add {who.bundle_file.name} --endpoint 127.0.0.1:9 --fingerprint {who.bundle.fingerprint} "
        "--home HOME\n"
        f"yrdx agreement import {who.agreement_file.name} --home HOME"
    )
    say("其他软件的节点：登记该信任包，并允许该协议 · a node of another make: register the bundle, allow the agreement")
    say("然后在此运行 · then run here:")
    print_result(f"yrdx conformance {target} --bundle {bundle} --identity {who.folder} --dataset {dataset}")
    say("测试之后由其收回信任 · after the test its operator withdraws the trust:")
    print_result(f"yrdx revoke city {who.city} --reason conformance --home HOME")


def _told(verdicts: Iterable[Verdict], *, quiet: bool) -> Iterator[Verdict]:
    """Show each verdict when it comes."""
    from services.node.conformance.checks import GROUPS

    group = ""
    for verdict in verdicts:
        if not quiet:
            if verdict.promise.group != group:
                group = verdict.promise.group
                print_result(GROUPS[group])
            _tell(verdict)
        yield verdict


def _tell(verdict: Verdict) -> None:
    promise = verdict.promise
    print_result(f"  {_MARKS[verdict.state]} {promise.name}: {promise.done}")
    if verdict.state == "failed":
        print_result(f"      应 expected: {promise.expected}（{promise.clause}）")
        print_result(f"      实 found: {verdict.found}")
    elif verdict.state == "skipped":
        print_result(f"      未测 skipped: {verdict.found}")


def _sum_up(told: list[Verdict]) -> None:
    counts = {state: sum(verdict.state == state for verdict in told) for state in _MARKS}
    print_result(f"通过 passed {counts['passed']} · 未守 failed {counts['failed']} · 未测 skipped {counts['skipped']}")


def _fields(verdict: Verdict) -> dict[str, str]:
    promise = verdict.promise
    return {
        "check": promise.name,
        "state": verdict.state,
        "done": promise.done,
        "expected": promise.expected,
        "clause": promise.clause,
        "found": verdict.found,
    }
