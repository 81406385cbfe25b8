"""`yrdx cert renew|rotate|rollback`: another generation of keys, while the node serves or not.

The command changes the files; a node that serves is then told to load them and answers what it thinks of them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import HERE, DryRunOption, HomeOption, JsonOption, verb
from services.node.output import print_json, say

if TYPE_CHECKING:
    from certs.generation import Generation


def declare(app: typer.Typer) -> None:
    """Add the verbs."""
    verb(
        app,
        "renew",
        "签发新的叶证书并立即启用 · issue new leaves with new keys and use them at once",
        "yrdx cert renew --home A",
        "yrdx cert renew --home A --ca /media/offline",
        more="需要签发机构私钥；不中断服务 · needs the authority's key; no call fails",
    )(renew)
    verb(
        app,
        "rotate",
        "启用其他工具放入的文件 · use the files that another tool dropped in",
        "yrdx cert rotate --home A",
        "yrdx cert rotate --home A --from /run/vault/yrdx",
        more="运行中的节点会自动发现；本命令立即执行 · a serving node finds them by itself; this does it now",
    )(rotate)
    verb(
        app,
        "rollback",
        "回到上一代可用的密钥 · go back to the newest older generation that works",
        "yrdx cert rollback --home A",
        "yrdx cert rollback --home A --to 3",
    )(rollback)


def renew(
    home: HomeOption = HERE,
    ca: Annotated[Path | None, typer.Option("--ca", help="签发机构目录 · folder with ca.pem and ca.key")] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="有效天数 · days the leaves live")] = 90,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Renew."""
    import os

    from certs.generation import verify_generation
    from certs.keystore import install_generation, renewed_files
    from certs.offline import read_authority
    from services.node.cli.trust_access import opened_home

    place = opened_home(home)
    authority = read_authority(ca or place.home.offline, place.passphrase)
    files = renewed_files(
        place.home.path,
        authority,
        now=place.now,
        random=os.urandom,
        passphrase=place.passphrase,
        valid_for=timedelta(days=days),
    )
    checked = verify_generation(files, number=0, now=place.now)
    if not dry_run:
        with place.act("cert.renew", f"leaves until {checked.not_after:%Y-%m-%d}"):
            checked = install_generation(place.home.path, files, now=place.now, passphrase=place.passphrase)
        place.reload()
    _tell("renew", checked, dry_run=dry_run, json=json)


def rotate(
    home: HomeOption = HERE,
    source: Annotated[Path | None, typer.Option("--from", help="文件所在目录 · folder with the files")] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Rotate."""
    from certs.drop import drop_files, read_drop, take_drop, verify_drop
    from certs.offline import keystore_folder
    from services.node.cli.trust_access import opened_home

    place = opened_home(home)
    files = read_drop(source or keystore_folder(place.home.path) / "drop", place.passphrase)
    checked = verify_drop(place.home.path, files, now=place.now, passphrase=place.passphrase)
    if dry_run or checked is None:
        _tell("rotate", checked, dry_run=dry_run, json=json)
        return
    with place.act("cert.rotate", f"generation {checked.number}"):
        if source is not None:
            drop_files(place.home.path, files)
        taken = take_drop(place.home.path, now=place.now, passphrase=place.passphrase)
    place.reload()
    _tell("rotate", taken, dry_run=False, json=json)


def rollback(
    home: HomeOption = HERE,
    to: Annotated[int | None, typer.Option("--to", min=1, help="代号 · number of the generation")] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Roll back."""
    from certs.keystore import find_rollback, rollback_generation
    from services.node.cli.trust_access import opened_home

    place = opened_home(home)
    target = find_rollback(place.home.path, now=place.now, passphrase=place.passphrase, number=to)
    if dry_run:
        _tell("rollback", target, dry_run=True, json=json)
        return
    with place.act("cert.rollback", f"generation {target.number}"):
        rollback_generation(place.home.path, now=place.now, passphrase=place.passphrase, number=target.number)
    place.reload()
    _tell("rollback", target, dry_run=False, json=json)


def _tell(act: str, generation: Generation | None, *, dry_run: bool, json: bool) -> None:
    if json:
        print_json(
            {
                "act": act,
                "dry_run": dry_run,
                "changed": generation is not None and not dry_run,
                "generation": generation.number if generation else None,
                "fingerprint": generation.fingerprint if generation else None,
                "not_after": str(generation.not_after) if generation else None,
            }
        )
        return
    if generation is None:
        say("文件与现用的一致，未改变 · the files say what stands already: nothing changed")
    elif dry_run:
        say(f"可行，未改变 · would work, until {generation.not_after:%Y-%m-%d}; nothing changed")
    else:
        say(f"已启用 · generation {generation.number} is in use, until {generation.not_after:%Y-%m-%d}")
