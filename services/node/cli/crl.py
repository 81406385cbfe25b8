"""`yrdx crl`: revocation lists of authorities, theirs and ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.revoke import tell_effect
from services.node.cli.verbs import HERE, DryRunOption, HomeOption, JsonOption, group, verb
from services.node.output import print_json, say

app = group("吊销列表 · certificate revocation lists")


@app.callback()
def crl() -> None:
    """Keep every verb a verb of its own."""


@verb(
    app,
    "import",
    "导入伙伴的吊销列表 · import a partner's list",
    "yrdx crl import sh.crl --city 310000 --home A",
    more="校验签名、时间和递增的编号 · signature, time and a rising number are checked",
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PEM 或 DER 文件 · file, PEM or DER")],
    city: Annotated[str, typer.Option("--city", help="签发城市 · city whose authority signed it")],
    home: HomeOption = HERE,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Import a list."""
    data = file.read_bytes()
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        effect = session.stub.ImportCrl(node_pb2.ImportCrlRequest(city=city, crl=data, dry_run=dry_run)).effect
    tell_effect(effect, dry_run=dry_run, json=json)


@verb(
    app,
    "export",
    "签发本市吊销列表 · write our own authority's list",
    "yrdx crl export --home A -o nt.crl",
    "yrdx crl export --home A --ca /media/offline -o nt.crl",
    more="含 revoke serial 吊销的本市序列号；有效 7 天 · holds our serials that were revoked; counts for 7 days",
)
def export(
    out: Annotated[Path, typer.Option("-o", "--out", help="文件 · file")],
    home: HomeOption = HERE,
    ca: Annotated[Path | None, typer.Option("--ca", help="签发机构目录 · folder with ca.pem and ca.key")] = None,
    json: JsonOption = False,
) -> None:
    """Export our list."""
    from certs.crl import issue_crl
    from certs.inventory import fingerprint_of
    from certs.offline import read_authority
    from services.node.cli.trust_access import opened_home, own_revoked_serials

    place = opened_home(home)
    authority = read_authority(ca or place.home.offline, place.passphrase)
    serials = own_revoked_serials(home, fingerprint_of(authority.certificate))
    number = int(place.now.timestamp())  # rises with time, whichever machine writes it
    with place.act("crl.export", str(number), {"serials": str(len(serials))}):
        out.write_bytes(issue_crl(authority, serials, number=number, now=place.now))
        out.chmod(0o644)  # made to be handed out
    if json:
        print_json({"file": str(out), "number": number, "serials": len(serials)})
        return
    say(f"已写入 · written: {out}, number {number}, {len(serials)} serials")
