"""`yrdx health`: whether the node takes calls, for whoever restarts it when it does not."""

from __future__ import annotations

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.output import print_json, say


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "health",
        "节点是否在服务 · whether the node serves",
        "yrdx health --home A",
        more="供容器与监控：退出码 0 在服务，6 不在；不问伙伴，全面检查用 doctor · "
        "for containers and monitoring: exit code 0, or 6 when it does not; partners are not asked, see doctor",
    )(health)


def health(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Ask the node's own health service."""
    from services.node.session import verify_serving

    verify_serving(home)
    if json:
        print_json({"status": "SERVING"})
    else:
        say("在服务 · serving")
