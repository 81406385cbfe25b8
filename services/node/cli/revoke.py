"""`yrdx revoke`: take trust away, at every grain, at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.verbs import (
    HERE,
    ApprovalOption,
    DryRunOption,
    HomeOption,
    JsonOption,
    group,
    read_approvals,
    verb,
)
from services.node.exits import Mistake
from services.node.output import print_json, print_table, say

if TYPE_CHECKING:
    from pathlib import Path

    from yrdx.node.v1 import node_pb2

app = group("吊销 · revocations")

ReasonOption = Annotated[str, typer.Option("--reason", help="原因 · why, for the log")]
FingerprintArgument = Annotated[
    str, typer.Argument(metavar="SHA256", help="证书的 SHA-256，见 cert ls --json · see `cert ls --json`")
]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(r"[0-9a-f]{1,40}")


@verb(
    app,
    "leaf",
    "吊销一张叶证书 · revoke one leaf",
    f"yrdx revoke leaf {'ab' * 32} --city 310000 --home A --reason 私钥泄露",
    more="立即切断其连接并拒绝新连接 · its open calls are cut at once and new ones refused",
)
def leaf(
    *,
    fingerprint: FingerprintArgument,
    city: Annotated[str, typer.Option("--city", help="证书所属城市 · whose leaf it is")],
    reason: ReasonOption,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke a leaf."""
    _revoke(home, "leaf", f"{city}:{sha256(fingerprint)}", reason, dry_run=dry_run, json=json)


@verb(
    app,
    "serial",
    "按签发机构和序列号吊销 · revoke by authority and serial",
    f"yrdx revoke serial {'ab' * 32} 1f2e --home A --reason 设备丢失",
)
def serial(
    *,
    authority: FingerprintArgument,
    number: Annotated[str, typer.Argument(metavar="SERIAL", help="序列号，十六进制 · serial, hexadecimal")],
    reason: ReasonOption,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke a serial."""
    plain = number.lower().lstrip("0")
    if not _SERIAL.fullmatch(plain):
        raise Mistake(f"{number}: 序列号为十六进制 · a serial is 1 to 40 hexadecimal digits")
    _revoke(home, "serial", f"{sha256(authority)}:{plain}", reason, dry_run=dry_run, json=json)


@verb(
    app,
    "ca",
    "吊销签发机构及其全部证书 · revoke an authority and all its leaves",
    f"yrdx revoke ca {'ab' * 32} --home A --reason 签发私钥泄露",
)
def ca(
    *,
    fingerprint: FingerprintArgument,
    reason: ReasonOption,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke an authority."""
    _revoke(home, "ca", sha256(fingerprint), reason, dry_run=dry_run, json=json)


@verb(
    app,
    "city",
    "吊销整个伙伴城市 · revoke a partner",
    "yrdx revoke city 310000 --home A --reason 主管部门要求",
)
def city(
    *,
    code: Annotated[str, typer.Argument(metavar="CITY", help="伙伴六位代码 · partner's six-digit code")],
    reason: ReasonOption,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke a city."""
    _revoke(home, "city", code, reason, dry_run=dry_run, json=json)


@verb(
    app,
    "agreement",
    "吊销交换协议的全部版本 · revoke an agreement in all its versions",
    "yrdx revoke agreement NT-SH-2026-001 --home A --reason 协议终止",
)
def agreement(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="协议编号 · identifier of the agreement")],
    reason: ReasonOption,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke an agreement."""
    _revoke(home, "agreement", identifier, reason, dry_run=dry_run, json=json)


@verb(
    app,
    "lift",
    "撤回对城市的吊销 · take the revocation of a city back",
    "yrdx revoke lift 310000 --home A --reason 主管部门同意恢复",
    "yrdx revoke lift 310000 --home A --reason 已核实 --approval li.approval --approval wang.approval",
    more="按本节点现存的信任包恢复信任；其单独吊销的证书、机构、协议仍然无效。生产节点需两名安全员签署该信任包："
    "yrdx operator approve lift FILE · believed again by its bundle that stands here; what was revoked of it one by "
    "one stays revoked. In production two security operators sign that bundle",
)
def lift(
    *,
    code: Annotated[str, typer.Argument(metavar="CITY", help="伙伴六位代码 · partner's six-digit code")],
    reason: ReasonOption,
    home: HomeOption = HERE,
    approval: ApprovalOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Lift a revocation."""
    from yrdx.node.v1 import node_pb2

    request = node_pb2.LiftRevocationRequest(
        city=code, reason=reason, approvals=read_approvals(approval), dry_run=dry_run
    )
    with connect(home) as session:
        session.stub.LiftRevocation(request)
    if json:
        print_json({"dry_run": dry_run, "city": code, "lifted": not dry_run})
    else:
        say("可行，未改变 · would be done; nothing changed" if dry_run else f"已恢复信任 · believed again: {code}")


@verb(app, "ls", "列出吊销 · list revocations", "yrdx revoke ls --home A", "yrdx revoke ls --home A --json")
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List revocations."""
    from services.wire.times import time_from_pb
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        answer = session.stub.ListRevocations(node_pb2.ListRevocationsRequest())
    fields = [
        {
            "grain": one.grain,
            "subject": one.subject,
            "reason": one.reason,
            "by": one.revoked_by,
            "at": f"{time_from_pb(one.revoke_time):%Y-%m-%dT%H:%M:%SZ}",
        }
        for one in answer.revocations
    ]
    if json:
        print_json({"revocations": fields, "from_crls": answer.from_crls})
        return
    print_table(
        ("粒度 grain", "对象 subject", "原因 reason", "操作人 by", "时间 at"), [tuple(f.values()) for f in fields]
    )
    if answer.from_crls:
        say(f"另有来自吊销列表的序列号 · and from revocation lists: {answer.from_crls}")


def sha256(text: str) -> str:
    """Read a fingerprint as typed.

    Raises:
        Mistake: It has another shape.
    """
    plain = re.sub(r"[\s:-]", "", text.lower()).removeprefix("sha256")
    if not _SHA256.fullmatch(plain):
        raise Mistake(f"{text}: 指纹为 64 位十六进制 · a fingerprint is 64 hexadecimal digits: `yrdx cert ls --json`")
    return plain


def tell_effect(effect: node_pb2.RevocationEffect, *, dry_run: bool, json: bool) -> None:
    """Tell what a revocation did."""
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "revoked": effect.revoked,
                "calls_cut": effect.calls_cut,
                "calls_kept": effect.calls_kept,
                "median_ms": round(effect.median_ms, 1),
                "slowest_ms": round(effect.slowest_ms, 1),
                "counted_at": effect.counted_at,
            }
        )
        return
    if dry_run:
        say(
            f"可行，未改变 · nothing changed; it would be: {effect.revoked} new, "
            f"{effect.calls_cut} open calls and streams cut, {effect.calls_kept} go on"
        )
    else:
        say(f"已生效 · in effect: {effect.revoked} new, {effect.calls_cut} calls cut, {effect.calls_kept} go on")
    say(
        f"仅计此进程的连接，其他进程各自计入日志 calls.cut · calls of this process alone, {effect.counted_at}: "
        "each other process of the node counts its own, in a dry run with its own --home"
    )


def _revoke(home: Path, grain: str, subject: str, reason: str, *, dry_run: bool, json: bool) -> None:
    from yrdx.node.v1 import node_pb2

    request = node_pb2.RevokeRequest(grain=grain, subject=subject, reason=reason, dry_run=dry_run)
    with connect(home) as session:
        effect = session.stub.Revoke(request).effect
    tell_effect(effect, dry_run=dry_run, json=json)
