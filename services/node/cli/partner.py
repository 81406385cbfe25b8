"""`yrdx partner`: the other cities that this node trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.domain.errors import NotFound
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, ApprovalOption, HomeOption, JsonOption, group, read_approvals, verb
from services.node.exits import Exit
from services.node.output import print_fields, print_json, print_result, print_table, say

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("伙伴城市 · partner cities")

CityArgument = Annotated[str, typer.Argument(metavar="CITY", help="伙伴六位代码 · partner's six-digit code")]
STATES = {"UNCONFIRMED": "未确认 unconfirmed", "LIVE": "已启用 live", "PAUSED": "已暂停 paused"}


@verb(
    app,
    "add",
    "登记伙伴城市 · add a partner from its bundle",
    "yrdx partner add a.bundle --home B --endpoint 127.0.0.1:7320",
    "yrdx partner add a.bundle --home B --endpoint 127.0.0.1:7320 "
    "--fingerprint SHA256:1f2e-3d4c-5b6a-7988-0a1b-2c3d-4e5f-6071",
    more="不带 --fingerprint 时伙伴为未确认，核对后用 partner confirm · without --fingerprint it stays unconfirmed",
)
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="对方的信任包 · the partner's bundle")],
    endpoint: Annotated[str, typer.Option(help="对方网关地址 HOST:PORT · address of its gateway")],
    home: HomeOption = HERE,
    fingerprint: Annotated[str, typer.Option(help="电话核对过的指纹 · fingerprint compared by telephone")] = "",
    approval: ApprovalOption = None,
    json: JsonOption = False,
) -> None:
    """Add a partner."""
    bundle = file.read_bytes()
    from yrdx.node.v1 import node_pb2

    request = node_pb2.AddPartnerRequest(
        bundle=bundle, endpoint=endpoint, fingerprint=fingerprint, approvals=read_approvals(approval)
    )
    with connect(home) as session:
        partner = session.stub.AddPartner(request).partner
    _tell(partner, json=json)
    if partner.state == "UNCONFIRMED" and not json:
        print_result(partner.fingerprint)
        say("请与对方通过电话核对以上指纹，然后 · compare that fingerprint with the partner by telephone, then:")
        say(f"  yrdx partner confirm {partner.city} --home {home} --fingerprint {partner.fingerprint}")


@verb(
    app,
    "confirm",
    "确认已核对指纹 · confirm a partner whose fingerprint was compared",
    "yrdx partner confirm 320600 --home B --fingerprint SHA256:1f2e-3d4c-5b6a-7988-0a1b-2c3d-4e5f-6071",
    more="带 --fingerprint 由机器比对；不带则以 partner add 显示的指纹为准 · "
    "with --fingerprint the machine compares; without it the one that partner add printed counts as compared",
)
def confirm(
    city: CityArgument,
    home: HomeOption = HERE,
    fingerprint: Annotated[str, typer.Option(help="对方念出的指纹 · fingerprint as the partner read it out")] = "",
    approval: ApprovalOption = None,
    json: JsonOption = False,
) -> None:
    """Confirm a partner. What counts as compared is always named: here, or in what the command says."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        compared = fingerprint or _partner(session, city).fingerprint
        request = node_pb2.ConfirmPartnerRequest(city=city, fingerprint=compared, approvals=read_approvals(approval))
        partner = session.stub.ConfirmPartner(request).partner
    _tell(partner, json=json)
    if not fingerprint:
        say(f"视为已核对的指纹 · fingerprint taken as compared: {compared}")
        say("若未在电话里核对，请立即暂停 · if nobody compared it by telephone, pause at once:")
        say(f"  yrdx partner pause {city} --home {home}")


@verb(app, "ls", "列出伙伴 · list partners", "yrdx partner ls --home A", "yrdx partner ls --home A --json")
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List partners."""
    with connect(home) as session:
        found = partners(session)
    if json:
        print_json([partner_fields(partner) for partner in found])
        return
    print_table(
        ("城市 city", "状态 state", "地址 endpoint", "指纹 fingerprint", "说明 reason"),
        [(p.city, STATES.get(p.state, p.state), p.endpoint, p.fingerprint, p.state_reason) for p in found],
    )


@verb(app, "show", "显示一个伙伴 · show one partner", "yrdx partner show 310000 --home A")
def show(city: CityArgument, home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show a partner."""
    with connect(home) as session:
        fields = partner_fields(_partner(session, city))
    print_json(fields) if json else print_fields(fields)


@verb(
    app,
    "diff",
    "新信任包会改变什么 · what a newer bundle would change",
    "yrdx partner diff 310000 sh.bundle --home A",
    more="与已登记的信任包比较，不改变任何东西；不相承接时退出码为 1 · "
    "compared with the one that stands here, nothing is changed; exit code 1 when it does not continue that one",
)
def diff(
    city: CityArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="对方的新信任包 · the partner's newer bundle")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Compare a bundle with the partner's."""
    from certs.bundle import read_bundle
    from services.node.cli.bundle import tell_changes

    offered = read_bundle(file.read_bytes())
    with connect(home) as session:
        stored = _partner(session, city, with_bundle=True).bundle
    continues = tell_changes(read_bundle(stored), offered, json=json)
    raise typer.Exit(Exit.OK if continues else Exit.FAILURE)


@verb(app, "ping", "呼叫伙伴网关 · call a partner's gateway", "yrdx partner ping 310000 --home A")
def ping(city: CityArgument, home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Ask a partner who it is."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        answer = session.stub.PingPartner(node_pb2.PingPartnerRequest(city=city))
    fields = ping_fields(answer)
    if json:
        print_json(fields)
        return
    say(f"伙伴 {city} 应答正常 · partner {city} answers")
    print_fields({name: value for name, value in fields.items() if isinstance(value, str | int | float)})
    for found in answer.incompatibilities:
        say(f"✗ 标准版本不兼容 · standards do not fit: {found.problem}")


@verb(
    app,
    "pause",
    "暂停伙伴 · stop records from and to a partner",
    "yrdx partner pause 310000 --home A --reason 系统维护",
)
def pause(
    city: CityArgument,
    home: HomeOption = HERE,
    reason: Annotated[str, typer.Option(help="原因 · why, for people")] = "",
    json: JsonOption = False,
) -> None:
    """Pause a partner."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        _tell(session.stub.PausePartner(node_pb2.PausePartnerRequest(city=city, reason=reason)).partner, json=json)


@verb(app, "resume", "恢复伙伴 · let records flow again", "yrdx partner resume 310000 --home A")
def resume(city: CityArgument, home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Resume a partner."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        _tell(session.stub.ResumePartner(node_pb2.ResumePartnerRequest(city=city)).partner, json=json)


def partners(session: NodeSession, *, with_bundles: bool = False) -> list[node_pb2.Partner]:
    """Return all partners of a node."""
    from yrdx.node.v1 import node_pb2

    return list(session.stub.ListPartners(node_pb2.ListPartnersRequest(with_bundles=with_bundles)).partners)


def partner_fields(partner: node_pb2.Partner) -> dict[str, str | int]:
    """Return a partner as it stands in JSON."""
    return {
        "city": partner.city,
        "state": partner.state,
        "state_reason": partner.state_reason,
        "endpoint": partner.endpoint,
        "fingerprint": partner.fingerprint,
        "bundle_version": partner.bundle_version,
    }


def ping_fields(answer: node_pb2.PingPartnerResponse) -> dict[str, object]:
    """Return a partner's answer as it stands in JSON."""
    description = answer.description
    return {
        "city": description.city,
        "software": description.software,
        "round_trip_ms": round(answer.round_trip_ms, 3),
        "clock_skew_ms": round(answer.clock_skew_ms, 3),
        "keystore_generation": description.keystore_generation,
        "keystore_fingerprint": description.keystore_fingerprint,
        "datasets": [{"name": d.name, "standards": list(d.standards)} for d in description.datasets],
        "agreements": [
            {
                "id": a.id,
                "version": a.version,
                "provider": a.provider,
                "consumer": a.consumer,
                "dataset": a.dataset,
                "standard": a.standard,
            }
            for a in description.agreements
        ],
        "incompatibilities": [
            {
                "agreement": f"{one.agreement_id} v{one.agreement_version}",
                "stream": one.stream,
                "standard": one.standard,
                "own_standards": list(one.own_standards),
                "partner_standards": list(one.partner_standards),
                "problem": one.problem,
            }
            for one in answer.incompatibilities
        ],
    }


def _partner(session: NodeSession, city: str, *, with_bundle: bool = False) -> node_pb2.Partner:
    for partner in partners(session, with_bundles=with_bundle):
        if partner.city == city:
            return partner
    raise NotFound(f"没有伙伴 {city} · no partner {city} here: `yrdx partner ls` lists them")


def _tell(partner: node_pb2.Partner, *, json: bool) -> None:
    if json:
        print_json(partner_fields(partner))
    else:
        say(f"伙伴 · partner {partner.city}: {STATES.get(partner.state, partner.state)}")
