"""`yrdx cert csr|install`: a city whose authority lives elsewhere asks for a leaf, and installs what it gets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import HERE, DryRunOption, HomeOption, JsonOption, verb
from services.node.exits import Mistake
from services.node.output import print_json, say

if TYPE_CHECKING:
    from certs.identity import Role

RoleOption = Annotated[str, typer.Option("--role", help="角色 · role: gateway, system or operator")]


def declare(app: typer.Typer) -> None:
    """Add the verbs."""
    verb(
        app,
        "csr",
        "生成密钥和签发请求 · make a key and a request for its certificate",
        "yrdx cert csr --home A -o gateway.csr",
        more="私钥留在本机 certs/requests，不随请求离开 · the key stays here, the request holds no secret",
    )(csr)
    verb(
        app,
        "install",
        "安装签发的证书 · install the certificate that came back",
        "yrdx cert install gateway.pem --home A",
        more="不合规的证书会被拒绝并说明原因 · a wildcard, CN-only or foreign name is refused, with the reason",
    )(install)


def csr(
    out: Annotated[Path, typer.Option("-o", "--out", help="请求文件 · file of the request")],
    home: HomeOption = HERE,
    role: RoleOption = "gateway",
    json: JsonOption = False,
) -> None:
    """Make a request."""
    from certs.enrolment import new_request
    from certs.generation import PARTIES
    from certs.identity import Identity
    from services.node.cli.trust_access import opened_home

    place = opened_home(home)
    identity = Identity(place.settings.city, known_role(role), PARTIES[known_role(role)])
    with place.act("cert.csr", identity.uri):
        request = new_request(place.home.path, identity, passphrase=place.passphrase)
    out.write_bytes(request)
    out.chmod(0o644)  # made to be handed out
    if json:
        print_json({"file": str(out), "name": identity.uri})
        return
    say(f"请把 {out} 交给签发机构，取回证书后运行 · give {out} to the authority; with what comes back run:")
    say(f"  yrdx cert install FILE --home {home}")


def install(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="叶证书 PEM · the leaf as PEM")],
    home: HomeOption = HERE,
    ca: Annotated[Path | None, typer.Option("--ca", help="签发机构证书 PEM · the authority's certificate")] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Install a certificate."""
    from certs.drop import drop_files, take_drop, verify_drop
    from certs.enrolment import forget_request, installable
    from services.node.cli.trust_access import opened_home

    place = opened_home(home)
    files = installable(place.home.path, file.read_bytes(), passphrase=place.passphrase)
    files |= {"ca.pem": ca.read_bytes()} if ca else {}
    checked = verify_drop(place.home.path, files, now=place.now, passphrase=place.passphrase)
    if not dry_run and checked is not None:
        with place.act("cert.install", checked.gateway.identity.uri):
            drop_files(place.home.path, files)
            checked = take_drop(place.home.path, now=place.now, passphrase=place.passphrase)
            forget_request(place.home.path, files)
        place.reload()
    changed = checked is not None and not dry_run
    number = checked.number if checked is not None else None
    if json:
        print_json({"act": "install", "dry_run": dry_run, "changed": changed, "generation": number})
    else:
        say(f"已安装 · installed: generation {number}" if changed else "未改变 · nothing changed")


def known_role(text: str) -> Role:
    """Return a role of a leaf.

    Raises:
        Mistake: There is no such role.
    """
    from certs.identity import ROLE_USAGES

    for role in ROLE_USAGES:
        if role == text:
            return role
    raise Mistake(f"--role: 应为 · must be one of {', '.join(ROLE_USAGES)}")
