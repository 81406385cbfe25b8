"""`yrdx operator`: persons with certificates of their own, and what they approve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Mistake
from services.node.output import print_json, say

app = group("操作员 · operators")

CertOption = Annotated[Path, typer.Option("--cert", help="操作员证书 · the operator's certificate")]
KeyOption = Annotated[Path, typer.Option("--key", help="操作员私钥 · the operator's key")]


@verb(
    app,
    "csr",
    "生成操作员私钥和签发请求 · make an operator's key and a request",
    "yrdx operator csr security-li --city 320600 -o keys",
    more="名称首词为职责：system、security 或 audit，一人一责 · first word of the name: the office, one each",
)
def csr(
    name: Annotated[str, typer.Argument(metavar="NAME", help="如 security-li · for example security-li")],
    city: Annotated[str, typer.Option(help="本市六位代码 · this city's six-digit code")],
    out: Annotated[Path, typer.Option("-o", "--out", help="文件夹 · folder for key and request")] = Path(),
    json: JsonOption = False,
) -> None:
    """Make a request."""
    from certs.approval import OFFICES, office_of
    from certs.enrolment import personal_request
    from certs.identity import Identity
    from certs.keystore_files import write_file

    identity = Identity(city, "operator", name)
    if not office_of(identity):
        raise Mistake(f"{name}: 首词须为 · the first word must be one of {', '.join(OFFICES)}: security-li")
    key_pem, request = personal_request(identity)
    out.mkdir(parents=True, exist_ok=True)
    write_file(out / f"{name}.key", key_pem)
    write_file(out / f"{name}.csr", request)
    if json:
        print_json({"name": identity.uri, "key": str(out / f"{name}.key"), "request": str(out / f"{name}.csr")})
        return
    say(f"私钥由本人保管 · the key stays with that person: {out / f'{name}.key'}")
    say(f"下一步 · next: yrdx ca issue {out / f'{name}.csr'} --ca DIR -o {out / f'{name}.pem'}")


@verb(
    app,
    "approve",
    "签署一项授权 · approve an act by signature",
    "yrdx operator approve partner b.bundle --cert security-li.pem --key security-li.key -o li.approval",
    more="24 小时内有效，只能用一次 · counts for 24 hours and once",
)
def approve(
    act: Annotated[str, typer.Argument(metavar="ACT", help="事项 · what: partner, lift, agreement or ca")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="信任包、协议或 ca.pem · bundle, agreement or ca.pem")],
    cert: CertOption,
    key: KeyOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="批准文件 · file of the approval")],
) -> None:
    """Approve."""
    from certs.approval import make_approval
    from services.node.system import SystemClock

    digest = digest_of(act, file)
    approval = make_approval(
        act,
        digest,
        certificate_pem=cert.read_bytes(),
        key_pem=key.read_bytes(),
        nonce=os.urandom(16),
        now=SystemClock().now(),
    )
    out.write_bytes(approval)
    say(f"已签署 · approved: {act} {digest[:16]} → {out}")


def digest_of(act: str, file: Path) -> str:
    """Return what an approval of an act with a file is over.

    Raises:
        Mistake: There is no such act.
    """
    from certs.bundle import read_bundle
    from certs.inventory import fingerprint_of
    from certs.pem import certificate_from_pem
    from services.node.cli.agreement_file import read_agreement
    from services.rpc.approvals import agreement_digest

    match act:
        case "partner" | "lift":
            return read_bundle(file.read_bytes()).digest
        case "agreement":
            return agreement_digest(read_agreement(file))
        case "ca":
            return fingerprint_of(certificate_from_pem(file.read_bytes()))
        case _:
            raise Mistake(f"{act}: 应为 partner、lift、agreement 或 ca · must be partner, lift, agreement or ca")
