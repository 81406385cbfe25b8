"""What the verbs share: how they are declared, and the options that mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

F = TypeVar("F", bound=Callable[..., object])

HomeOption = Annotated[Path, typer.Option("--home", envvar="YRDX_HOME", help="节点目录 · the node's home")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · write JSON to stdout")]

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="只检查，不改变 · check and tell, change nothing")]

ApprovalOption = Annotated[
    list[Path] | None,
    typer.Option("--approval", help="安全员批准文件，可多次 · approval of a security operator, repeatable"),
]

HERE = Path()
"""Without --home and YRDX_HOME the working folder is the home."""


def read_approvals(files: list[Path] | None) -> list[bytes]:
    """Read approvals as `yrdx operator approve` wrote them."""
    return [file.read_bytes() for file in files or ()]


def group(words: str) -> typer.Typer:
    """Return a group of verbs.

    Args:
        words: What the group is about, Chinese and English.
    """
    return typer.Typer(
        help=words,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_show_locals=False,
    )


def verb(app: typer.Typer, name: str, words: str, *examples: str, more: str = "") -> Callable[[F], F]:
    r"""Declare a verb with its help.

    Args:
        app: Group it belongs to.
        name: Its name.
        words: What it does in one line, Chinese and English.
        examples: Command lines that work.
        more: What else must be known before it is used.
    """
    paragraphs = [words, more, "\n".join(["\b", "例 example:", *(f"  {example}" for example in examples)])]
    return app.command(name, help="\n\n".join(filter(None, paragraphs)), short_help=words)
