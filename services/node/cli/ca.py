"""`yrdx ca`: the city's own authority."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli import ca_verbs
from services.node.cli.verbs import DryRunOption, JsonOption, group, verb
from services.node.output import print_json, say

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

app = group("签发机构 · the city's certificate authority")

FolderOption = Annotated[Path, typer.Option("--ca", help="签发机构目录 · folder with ca.pem and ca.key")]
PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", help="私钥口令文件 · file with the passphrase of its key")
]


@app.callback()
def ca() -> None:
    """Keep every verb a verb of its own."""


@verb(
    app,
    "init",
    "创建签发机构，可在离线机器上进行 · make an authority, also on a machine that is never connected",
    "yrdx ca init --city 320600 --ca /media/offline --passphrase-file pass",
    more="不需要节点目录；不覆盖已有密钥 · needs no home; never overwrites a key",
)
def init(
    city: Annotated[str, typer.Option(help="本市六位代码 · this city's six-digit code")],
    folder: FolderOption,
    passphrase_file: PassphraseOption = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="有效天数 · days it lives")] = 1825,
    json: JsonOption = False,
) -> None:
    """Make an authority."""
    import os

    from certs.authority import create_authority, serial_number
    from certs.inventory import fingerprint_of
    from certs.keystore_files import make_folder
    from certs.offline import write_authority
    from services.node.keys import read_passphrase
    from services.node.system import SystemClock

    now = SystemClock().now()
    authority = create_authority(city, now=now, serial=serial_number(os.urandom), valid_for=timedelta(days=days))
    if not folder.exists():
        make_folder(folder)
    write_authority(folder, authority, read_passphrase(passphrase_file) if passphrase_file else None)
    fingerprint = fingerprint_of(authority.certificate)
    if json:
        print_json({"city": city, "folder": str(folder), "fingerprint": fingerprint})
        return
    say(f"已创建 {city} 的签发机构 · made the authority of {city}: {folder}, SHA-256 {fingerprint}")


@verb(
    app,
    "issue",
    "按请求签发叶证书 · issue the leaf that a request asks for",
    "yrdx ca issue gateway.csr --ca /media/offline -o gateway.pem",
    more="通配符、仅 CN、他市名称一律拒绝并说明原因 · wildcards, CN-only and foreign names are refused with the reason",
)
def issue(
    *,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="PKCS#10 请求 · request")],
    folder: FolderOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="证书文件 · file of the certificate")],
    passphrase_file: PassphraseOption = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="有效天数 · days it lives")] = 90,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Issue a leaf."""
    import os

    from certs.authority import serial_number
    from certs.enrolment import issue_from_request
    from certs.offline import read_authority
    from certs.pem import certificates_to_pem
    from services.node.keys import read_passphrase
    from services.node.system import SystemClock

    authority = read_authority(folder, read_passphrase(passphrase_file) if passphrase_file else None)
    leaf = issue_from_request(
        authority,
        request.read_bytes(),
        now=SystemClock().now(),
        serial=serial_number(os.urandom),
        valid_for=timedelta(days=days),
    )
    if not dry_run:
        out.write_bytes(certificates_to_pem(leaf))
        out.chmod(0o644)  # made to be handed out
    _tell_issued(leaf, out, dry_run=dry_run, json=json)


ca_verbs.declare(app)


def _tell_issued(leaf: Certificate, out: Path, *, dry_run: bool, json: bool) -> None:
    from certs.identity import identity_of
    from certs.inventory import fingerprint_of

    fields = {
        "name": identity_of(leaf).uri,
        "serial": f"{leaf.serial_number:x}",
        "fingerprint": fingerprint_of(leaf),
        "not_after": f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "file": None if dry_run else str(out),
    }
    if json:
        print_json(fields)
        return
    done = "可签发 · could be issued" if dry_run else f"已签发 · issued: {out}"
    say(f"{done}, {fields['name']}, {fields['not_after']}")
