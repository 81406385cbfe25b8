"""`yrdx cert`: the certificates of this node and of its partners, looked at."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.node.cli import cert_drill, cert_issue, cert_lint, cert_probe, cert_rotate, signing_key
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit, Mistake
from services.node.home import Home
from services.node.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from yrdx.node.v1 import node_pb2

app = group("证书与密钥 · certificates and keys")

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([dh])")


@verb(
    app,
    "ls",
    "列出本市和伙伴的证书及剩余天数 · list our and the partners' certificates with days left",
    "yrdx cert ls --home A",
    "yrdx cert ls --home A --json",
)
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List certificates."""
    found = keystore(home)
    fields = [certificate_fields(one, _now()) for one in found.certificates]
    if json:
        print_json(fields)
        return
    print_table(
        (
            "城市 city",
            "用途 usage",
            "名称 name",
            "止 until",
            "剩余天数 days",
            "警示 alert",
            "状态 state",
            "指纹 fingerprint",
        ),
        [
            (
                f["city"],
                f["usage"],
                f["name"],
                f["not_after"],
                f["days_left"],
                f["alert"],
                f["state"],
                f["fingerprint"][:16],
            )
            for f in fields
        ],
    )


@verb(
    app,
    "show",
    "显示密钥库现状 · show how the key store stands",
    "yrdx cert show --home A",
    more="含已加载的代、下次更新时间、最近一次拒绝的原因 · loaded generation, next renewal, why the last was refused",
)
def show(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show the key store."""
    found = keystore(home)
    fields = keystore_fields(found)
    if json:
        print_json(fields | {"certificates": [certificate_fields(one, _now()) for one in found.certificates]})
        return
    print_fields({name: str(value) for name, value in fields.items() if value not in ("", None)})


@verb(
    app,
    "check",
    "检查到期 · fail when a certificate ends soon",
    "yrdx cert check --expires-in 30d --home A",
    more="有将到期者退出码为 1 · exit code 1 when one of ours or of a partner's ends within that time",
)
def check(
    home: HomeOption = HERE,
    expires_in: Annotated[str, typer.Option(help="期限，如 30d 或 12h · period, 30d or 12h")] = "30d",
    json: JsonOption = False,
) -> None:
    """Check ends."""
    now, within = _now(), period(expires_in)
    fields = [certificate_fields(one, now) for one in keystore(home).certificates]
    ending = [one for one in fields if one["days_left"] <= within / timedelta(days=1)]
    if json:
        print_json({"ok": not ending, "ending": ending})
    for one in () if json else ending:
        say(f"{one['city']} {one['usage']} {one['name']}: {one['not_after']} ({one['days_left']} days left)")
    raise typer.Exit(Exit.FAILURE if ending else Exit.OK)


@verb(
    app,
    "log",
    "证书操作记录 · the append-only log of acts on trust",
    "yrdx cert log --home A",
    more="逐行校验链接 · every line is checked against the one before it",
)
def log(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show the log."""
    from dataclasses import asdict

    from certs.act_log import ActLog
    from services.node.home import verify_home

    acts = list(ActLog(verify_home(Home(home)).acts).acts())
    if json:
        print_json([asdict(act) for act in acts])
        return
    print_table(
        ("时间 at", "操作人 by", "操作 act", "对象 subject", "批准 approvals", "说明 details"),
        [
            (a.at, a.by, a.act, a.subject, ", ".join(a.approvals), ", ".join(f"{k}={v}" for k, v in a.details.items()))
            for a in acts
        ],
    )


cert_rotate.declare(app)
signing_key.declare(app)
cert_issue.declare(app)
cert_probe.declare(app)
cert_lint.declare(app)
app.add_typer(cert_drill.app, name="drill")


def keystore(home: Any) -> node_pb2.GetKeystoreResponse:  # noqa: ANN401 - a path
    """Ask the node how its key store stands."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        answer: node_pb2.GetKeystoreResponse = session.stub.GetKeystore(node_pb2.GetKeystoreRequest())
    return answer


def keystore_fields(found: node_pb2.GetKeystoreResponse) -> dict[str, Any]:
    """Return how a key store stands, for people and programs."""
    from services.wire.times import time_from_pb

    return {
        "generation": found.generation,
        "fingerprint": found.fingerprint,
        "loaded": _text(time_from_pb(found.load_time)),
        "renews": _text(time_from_pb(found.renew_time)),
        "generations": list(found.generations),
        "refused": _text(time_from_pb(found.refuse_time)) if found.HasField("refuse_time") else None,
        "refused_reason": found.refuse_reason,
        "refused_message": found.refuse_message,
    }


def certificate_fields(one: node_pb2.Certificate, now: datetime) -> dict[str, Any]:
    """Return a certificate, for people and programs."""
    from services.wire.times import time_from_pb

    ends = time_from_pb(one.not_after_time)
    return {
        "city": one.city,
        "usage": one.usage,
        "name": one.name,
        "serial": one.serial,
        "fingerprint": one.fingerprint,
        "not_before": _text(time_from_pb(one.not_before_time)),
        "not_after": _text(ends),
        "days_left": round((ends - now) / timedelta(days=1), 1),
        "alert": one.alert,
        "state": one.state,
    }


def period(text: str) -> timedelta:
    """Read "30d" or "12h".

    Raises:
        Mistake: It has another shape.
    """
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise Mistake(f"{text}: 期限如 30d 或 12h · a period is days or hours: 30d, 12h")
    return timedelta(**{"days" if match[2] == "d" else "hours": int(match[1])})


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _now() -> datetime:
    from services.node.system import SystemClock

    return SystemClock().now()
