"""`yrdx cert lint`: certificates held against the profile, before a partner or another maker's software does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.partner import partners
from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Exit
from services.node.home import Home
from services.node.output import print_json, print_result, say

if TYPE_CHECKING:
    from certs.bundle_model import CityBundle


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "lint",
        "按本规范检查证书的格式 · hold certificates against the profile",
        "yrdx cert lint --home A",
        "yrdx cert lint gateway.pem ca.pem",
        more="不带文件：本市和伙伴的全部证书。每个问题一行并注明条款，有问题退出码为 1 · "
        "without files: all of ours and of the partners'; a line with its clause for each finding, exit code 1 then",
    )(lint)


def lint(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="PEM 文件 · PEM files")] = None,
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check the form of certificates."""
    from certs.lint import lint_files

    named = {str(file): file.read_bytes() for file in files} if files else _of_home(home)
    found = lint_files(named)
    if json:
        print_json({"ok": not found, "checked": len(named), "findings": [asdict(one) for one in found]})
    else:
        for one in found:
            print_result(f"{one.name}: [{one.reason}] {one.message} ({one.clause})")
        say(f"已检查 · checked: {len(named)}; 问题 · findings: {len(found)}")
    raise typer.Exit(Exit.FAILURE if found else Exit.OK)


def _of_home(home: Path) -> dict[str, bytes]:
    """Everything that this node shows or believes, and the re-issues through which a handshake sees it."""
    from certs.bundle import read_bundle

    with connect(home) as session:
        found = [read_bundle(one.bundle).bundle for one in partners(session, with_bundles=True)]
    folder = Home(home).path / "certs" / "current"
    named = {f"certs/current/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.pem"))}
    for bundle in found:
        named |= _of_partner(bundle)
    return named


def _of_partner(bundle: CityBundle) -> dict[str, bytes]:
    from certs.constraint import constrained_pem

    return {
        **{f"{bundle.city} gateway {number}": pem for number, pem in enumerate(bundle.gateway_leaves, 1)},
        **{
            f"{bundle.city} authority {number}": one.certificate_pem for number, one in enumerate(bundle.authorities, 1)
        },
        **{
            f"{bundle.city} re-issue {number}": constrained_pem(bundle.city, [root])
            for number, root in enumerate(bundle.roots, 1)
        },
    }
