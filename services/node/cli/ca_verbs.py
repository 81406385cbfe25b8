"""`yrdx ca ls|prepare|distribute|ack|prove|activate|taint|retire|revoke`: a rollover, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.node.cli.verbs import HERE, ApprovalOption, DryRunOption, HomeOption, JsonOption, verb
from services.node.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from services.node.cli.ring import Ring
    from yrdx.node.v1 import node_pb2

NextOption = Annotated[Path | None, typer.Option("--next", help="新签发机构目录 · folder of the next authority's key")]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", help="排除并公开暂停的伙伴 · partner to leave out, paused openly")
]
FingerprintArgument = Annotated[
    str, typer.Argument(metavar="SHA256", help="签发机构指纹，可只写开头 · fingerprint, or its beginning")
]


def declare(app: typer.Typer) -> None:
    """Add the verbs."""
    add: list[tuple[str, str, str, str, Callable[..., None]]] = [
        ("ls", "列出本市签发机构 · list this city's authorities", "yrdx ca ls --home A", "", ls),
        (
            "prepare",
            "第一步：生成下一个签发机构 · step 1: make the next authority",
            "yrdx ca prepare --home A",
            "本市立即信任它；生产节点需两名安全员签署 ca.pem · believed here at once; in production two sign ca.pem",
            prepare,
        ),
        (
            "distribute",
            "第二步：把信任包送达所有伙伴 · step 2: hand the bundle to every partner",
            "yrdx ca distribute --home A",
            "全部伙伴签字确认后为 DISTRIBUTED · DISTRIBUTED once every partner acknowledged it by signature",
            distribute,
        ),
        ("ack", "查看伙伴的确认 · who acknowledged which version", "yrdx ca ack --home A", "", ack),
        (
            "prove",
            "第三步：离线证明重叠 · step 3: prove the overlap, offline",
            "yrdx ca prove --home A",
            "新旧叶证书都能被信任包验证 · both the present and the next leaf stand under the bundle",
            prove,
        ),
        (
            "activate",
            "第四步：启用新签发机构的叶证书 · step 4: use leaves of the next authority",
            "yrdx ca activate --home A",
            "逐个试连后才切换 · after a canary for each; a skipped step is refused and names who would break",
            activate,
        ),
        (
            "retire",
            "第五步：退役旧签发机构 · step 5: retire the old authority",
            "yrdx ca retire --home A --destroy-old-leaves",
            "仍可能在用时拒绝 · refused while something of it may be in use",
            retire,
        ),
        (
            "taint",
            "紧急：标记私钥可能泄露 · emergency: the key may be known",
            f"yrdx ca taint {'ab' * 8} --home A",
            "暂仍信任，待更换后 revoke · believed until its leaves are replaced; then revoke",
            taint,
        ),
        (
            "revoke",
            "紧急：废除签发机构 · emergency: nothing of it is believed any more",
            f"yrdx ca revoke {'ab' * 8} --home A",
            "先 taint 并启用另一个签发机构 · after taint, and once another authority is active",
            revoke,
        ),
    ]
    for name, words, example, more, work in add:
        verb(app, name, words, example, more=more)(work)


def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List authorities."""
    ring = _ring(home)
    fields = [_fields(one) for one in ring.authorities.records]
    if json:
        print_json(fields)
        return
    print_table(("状态 state", "自 since", "止 until", "指纹 fingerprint"), [tuple(one.values()) for one in fields])


def prepare(
    home: HomeOption = HERE,
    *,
    folder: NextOption = None,
    approval: ApprovalOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Prepare."""
    from certs.inventory import fingerprint_of
    from services.node.cli import rollover

    ring = _ring(home)
    if dry_run:
        ring.authorities.require_idle()
    else:
        next_folder = folder or ring.next_folder
        authority = rollover.make_next(ring, next_folder)
        subject = fingerprint_of(authority.certificate)
        if ring.place.settings.approvals > 1 and not approval:
            say(f"待两名安全员签署 · to be signed by security operators: {next_folder / 'ca.pem'}")
        approved = ring.place.require_approved("ca", subject, approval or [])
        with ring.place.act("ca.prepare", subject, approvals=approved):
            ring = rollover.prepare(ring, authority)
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca distribute --home {home}")


def distribute(
    home: HomeOption = HERE, exclude: ExcludeOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Distribute."""
    from services.node.cli import readiness, rollover

    ring = _ring(home)
    answer = readiness.distribute(ring, offer=not dry_run)
    if not dry_run:
        with ring.place.act("ca.distribute", f"version {answer.version}", {"digest": answer.digest}):
            ring = rollover.mark_distributed(ring, answer, exclude or [])
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca activate --home {home}", acks=_acks(answer))


def ack(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show acknowledgements."""
    from services.node.cli import readiness

    answer = readiness.distribute(_ring(home), offer=False)
    if json:
        print_json({"version": answer.version, "digest": answer.digest, "partners": _acks(answer)})
        return
    print_table(
        ("城市 city", "状态 state", "已确认 present", "版本 version", "说明 error"),
        [(one["city"], one["state"], str(one["present"]), one["version"], one["error"]) for one in _acks(answer)],
    )


def prove(home: HomeOption = HERE, folder: NextOption = None, json: JsonOption = False) -> None:
    """Prove."""
    from certs.keystore import remove_generation
    from services.node.cli import rollover
    from services.node.exits import Exit

    ring = _ring(home)
    staged, overlap = rollover.prove(ring, folder)
    remove_generation(ring.place.home.path, staged.number)
    fields = {
        "holds": overlap.holds,
        "present": overlap.present,
        "candidate": overlap.candidate,
        "without_old": overlap.without_old,
    }
    print_json(fields) if json else print_fields({name: str(value) for name, value in fields.items()})
    raise typer.Exit(Exit.OK if overlap.holds else Exit.FAILURE)


def activate(
    home: HomeOption = HERE,
    *,
    exclude: ExcludeOption = None,
    folder: NextOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Activate."""
    from certs.bundle_model import AuthorityState
    from services.node.cli import readiness, rollover

    ring = _ring(home)
    subject = ring.authorities.one(AuthorityState.PREPARED, AuthorityState.DISTRIBUTED).fingerprint
    if dry_run:
        readiness.require_nobody_breaks(readiness.distribute(ring, offer=False), exclude or [])
    else:
        details = {"excluded": ",".join(exclude or [])}
        with ring.place.act("ca.activate", subject, details):
            ring = rollover.activate(ring, exclude or [], folder)
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca distribute --home {home}")


def retire(
    home: HomeOption = HERE,
    destroy: Annotated[
        bool, typer.Option("--destroy-old-leaves", help="删除旧叶证书及私钥 · remove old leaves with their keys")
    ] = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Retire."""
    from certs.bundle_model import AuthorityState
    from services.node.cli import rollover

    ring = _ring(home)
    subject = ring.authorities.one(AuthorityState.RETIRING).fingerprint
    if not dry_run:
        with ring.place.act("ca.retire", subject):
            ring = rollover.retire(ring, destroy=destroy)
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca distribute --home {home}")


def taint(
    fingerprint: FingerprintArgument,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Taint."""
    from services.node.cli import rollover

    ring = _ring(home)
    subject = ring.authorities.find(fingerprint).fingerprint
    if not dry_run:
        with ring.place.act("ca.taint", subject):
            ring = rollover.taint(ring, fingerprint)
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca prepare --home {home}")


def revoke(
    fingerprint: FingerprintArgument,
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Revoke."""
    from services.node.cli import rollover

    ring = _ring(home)
    subject = ring.authorities.find(fingerprint).fingerprint
    if not dry_run:
        with ring.place.act("ca.revoke", subject):
            ring = rollover.revoke(ring, fingerprint)
    _tell(ring, dry_run=dry_run, json=json, then=f"yrdx ca distribute --home {home}")


def _ring(home: Path) -> Ring:
    from services.node.cli.ring import open_ring
    from services.node.cli.trust_access import opened_home

    return open_ring(opened_home(home))


def _fields(one: Any) -> dict[str, str]:  # noqa: ANN401 - an AuthorityRecord; its module is imported late
    return {
        "state": str(one.state),
        "since": f"{one.since:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{one.certificate.not_valid_after_utc:%Y-%m-%d}",
        "fingerprint": one.fingerprint,
    }


def _acks(answer: node_pb2.DistributeBundleResponse) -> list[dict[str, Any]]:
    return [
        {
            "city": one.city,
            "state": one.state,
            "present": one.present,
            "version": one.version,
            "digest": one.digest,
            "error": one.error,
        }
        for one in answer.acknowledgements
    ]


def _tell(ring: Ring, *, dry_run: bool, json: bool, then: str, acks: Sequence[dict[str, Any]] = ()) -> None:
    fields = [_fields(one) for one in ring.authorities.records]
    if json:
        print_json({"dry_run": dry_run, "authorities": fields, "partners": list(acks)})
        return
    for one in fields:
        say(f"{one['state']}  {one['fingerprint'][:16]}  → {one['until']}")
    say(f"下一步 · next: {then}")
