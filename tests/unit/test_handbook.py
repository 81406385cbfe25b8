"""The operator's handbook: every command line in it parses, and both languages tell the same acts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from services.node.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
BOOKS = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("handbook.md", "handbook.zh-CN.md")}
_HASH = "ab" * 32


def lines(text: str) -> list[str]:
    """Command lines, in code blocks and in running text."""
    quoted = re.findall(r"`(yrdx [^`]+)`", re.sub(r"\n(?=[^\n])", " ", text))
    return [*re.findall(r"^(yrdx .*)$", text, re.MULTILINE), *quoted]


def arguments(line: str) -> list[str]:
    """The words of a line, with what stands for something in the place of a value."""
    plain = line.replace("SHA256-OF-OUR-CA", _HASH).replace("SHA256-OF-CA", _HASH)
    plain = re.sub(r"(?<![\w:])SHA256(?![\w:])", _HASH, plain).replace(" SERIAL ", " 1f2e ")
    return shlex.split(plain)[1:]


@pytest.mark.parametrize(
    "line",
    sorted({line for text in BOOKS.values() for line in lines(text) if "yrdx init" not in line and " …" not in line}),
)
def test_every_command_line_parses(line: str) -> None:
    """At three in the morning nobody wants to find a typing error in the handbook."""
    words = arguments(line)
    command = get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    if words:
        command.make_context("yrdx", words)


def test_both_languages_tell_the_same_acts() -> None:
    """The same commands, in the same order."""

    def acts(text: str) -> list[list[str]]:
        return [[word for word in line.split()[1:4] if word.isascii() and word.isalpha()] for line in lines(text)]

    assert acts(BOOKS["handbook.md"]) == acts(BOOKS["handbook.zh-CN.md"])
