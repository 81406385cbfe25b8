"""`yrdx agreement`: what lets a stream exist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.domain.errors import NotFound
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, ApprovalOption, HomeOption, JsonOption, group, read_approvals, verb
from services.node.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("交换协议 · agreements")


@verb(
    app,
    "import",
    "导入交换协议 · import an agreement",
    "yrdx agreement import nt-sh.toml --home A",
    more="双方各导入同一文件；修改须提高 version · both cities import the same file; a change raises its version",
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML 文件 · TOML file")],
    home: HomeOption = HERE,
    approval: ApprovalOption = None,
    json: JsonOption = False,
) -> None:
    """Import an agreement."""
    from services.node.cli.agreement_file import read_agreement

    agreement = read_agreement(file)
    from services.wire.agreements import agreement_to_pb
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        answer = session.stub.ImportAgreement(
            node_pb2.ImportAgreementRequest(agreement=agreement_to_pb(agreement), approvals=read_approvals(approval))
        )
    if json:
        print_json(
            {"id": agreement.id, "version": agreement.version, "stream": answer.stream, "created": answer.created}
        )
        return
    done = "已导入 · imported" if answer.created else "已存在，未改变 · stands already, unchanged"
    lets = answer.stream or f"查询 · questions {agreement.consumer} → {agreement.provider}"
    say(f"协议 · agreement {agreement.id} v{agreement.version} ({lets}): {done}")


@verb(app, "ls", "列出协议 · list agreements", "yrdx agreement ls --home A")
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List agreements."""
    with connect(home) as session:
        found = agreements(session)
    if json:
        print_json([agreement_fields(agreement) for agreement in found])
        return
    print_table(
        ("编号 id", "版本 version", "提供 provider", "接收 consumer", "数据集 dataset", "自 from", "至 until"),
        [(a.id, a.version, a.provider, a.consumer, a.dataset, a.valid_from, a.valid_until) for a in found],
    )


@verb(
    app,
    "show",
    "显示协议各版本 · show an agreement, newest version first",
    "yrdx agreement show NT-SH-2026-001 --home A",
)
def show(
    agreement_id: Annotated[str, typer.Argument(metavar="ID", help="协议编号 · agreement's identifier")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show an agreement."""
    with connect(home) as session:
        found = [agreement_fields(a) for a in reversed(agreements(session)) if a.id == agreement_id]
    if not found:
        raise NotFound(f"没有协议 {agreement_id} · no agreement {agreement_id} here: `yrdx agreement ls` lists them")
    if json:
        print_json(found)
        return
    for fields in found:
        print_fields({k: ", ".join(v) if isinstance(v, list) else v for k, v in fields.items()})


def agreements(session: NodeSession) -> list[node_pb2.Agreement]:
    """Return every version of every agreement, by id and version."""
    from yrdx.node.v1 import node_pb2

    return list(session.stub.ListAgreements(node_pb2.ListAgreementsRequest()).agreements)


def agreement_fields(agreement: node_pb2.Agreement) -> dict[str, str | int | list[str] | None]:
    """Return an agreement as it stands in JSON, with the names of its file."""
    return {
        "id": agreement.id,
        "version": agreement.version,
        "provider": agreement.provider,
        "consumer": agreement.consumer,
        "dataset": agreement.dataset,
        "standard": agreement.standard,
        "mode": agreement.mode,
        "fields": list(agreement.fields),
        "purposes": list(agreement.purposes),
        "legal_basis": agreement.legal_basis,
        "valid_from": agreement.valid_from,
        "valid_until": agreement.valid_until,
        "retention_days": agreement.retention_days,
        "records_per_minute": agreement.records_per_minute or None,
    }
