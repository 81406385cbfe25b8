"""`yrdx init`: a city's node home with keys, settings and an empty store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Mistake
from services.node.home import Home, new_home
from services.node.output import print_json, say

if TYPE_CHECKING:
    from certs.generation import Generation


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "init",
        "创建节点目录 · create a node's home",
        "yrdx init --city 320600 --home A --listen 127.0.0.1:7320 --dialect local",
        "yrdx init --city 310000 --home B --listen 127.0.0.1:7310 --dialect shanghai --demo",
        more="生成密钥、设置和空数据库；不覆盖已有目录 · makes keys, settings and an empty store; never overwrites",
    )(init)


def init(
    *,
    city: Annotated[str, typer.Option(help="本市六位代码 · this city's six-digit code")],
    home: HomeOption = HERE,
    listen: Annotated[str, typer.Option(help="监听地址 · address to listen on")] = "127.0.0.1:7320",
    dialect: Annotated[
        str, typer.Option(help="字段方言，如 local、shanghai · dialect of this city's tables")
    ] = "local",
    production: Annotated[
        bool, typer.Option("--production", help="正式：授予信任需两名安全员签名 · granting trust takes two signatures")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="演示：伙伴自动确认 · partners confirm by themselves")] = False,
    store_url: Annotated[str, typer.Option(help="数据库 · store; empty: SQLite in the home")] = "",
    passphrase_file: Annotated[
        str, typer.Option(help="私钥口令文件 · file whose passphrase encrypts the private keys")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Create a home; nothing is left of it when anything fails."""
    chosen: dict[str, str | bool | int] = {"city": city, "dialect": dialect, "listen": listen}
    chosen |= {"demo": True} if demo else {}
    if production and demo:
        raise Mistake("--production 与 --demo 不能并用 · --production and --demo exclude each other")
    chosen |= {"approvals": 2} if production else {}
    chosen |= {"store_url": store_url} if store_url else {}
    chosen |= {"passphrase_file": str(Path(passphrase_file).resolve())} if passphrase_file else {}
    _tell(Home(home), create_home(home, chosen), json=json)


def create_home(path: Path, chosen: Mapping[str, str | bool | int]) -> Generation:
    """Create a home with its first keys, an empty store and settings, or nothing at all.

    Args:
        path: Folder that does not exist yet, or is empty.
        chosen: Top-level settings that differ from their defaults; ``city`` at least.

    Raises:
        SettingsMistake, HomeExists, StoreRefused: Nothing is left.
    """
    from certs.keystore import create_keystore
    from services.node.access_key import access_key
    from services.node.keys import passphrase_of
    from services.node.settings_file import settings_text, verify_settings
    from services.node.system import SystemClock
    from services.store import schema

    settings = verify_settings(dict(chosen), Home(path))
    with new_home(path) as home:
        passphrase = passphrase_of(home, settings)
        now = SystemClock().now()
        generation = create_keystore(path, settings.city, now=now, random=os.urandom, passphrase=passphrase)
        schema.migrate(settings.store_url)
        access_key(home.access_key)
        home.settings.write_text(settings_text(chosen), encoding="utf-8")
        home.settings.chmod(0o600)
    return generation


def _tell(home: Home, generation: Generation, *, json: bool) -> None:
    if json:
        print_json({"home": str(home.path.resolve()), "city": generation.city, "generation": generation.number})
        return
    say(f"已创建 {generation.city} 的节点目录 {home.path} · created the home of {generation.city}")
    say(f"请把 {home.offline} 移到离线介质并备份 · move that folder's keys to a medium kept offline")
    say(f"下一步 · next: yrdx bundle export --home {home.path} -o {generation.city}.bundle")
