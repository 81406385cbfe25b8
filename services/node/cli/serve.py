"""`yrdx serve`: run the node."""

from __future__ import annotations

import typer

from services.node.cli.verbs import HERE, HomeOption, verb
from services.node.home import Home


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "serve",
        "运行节点 · run the node until Ctrl-C or SIGTERM",
        "yrdx serve --home A",
        more="日志为 JSON，写到标准错误 · logs are JSON on stderr",
    )(serve)


def serve(home: HomeOption = HERE) -> None:
    """Serve."""
    from services.node.settings_file import load_settings

    settings = load_settings(Home(home))
    from services.node.server import serve as run

    raise typer.Exit(run(home, settings))
