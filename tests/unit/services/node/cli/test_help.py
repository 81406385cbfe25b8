from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from services.node.cli.app import app


def _verbs(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _verbs(command, f"{path} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{path} {name}", command


ROOT = get_command(app)
assert isinstance(ROOT, TyperGroup)
VERBS = list(_verbs(ROOT, "yrdx"))


def _parse(arguments: list[str]) -> None:
    """Parse a command line down to its verb without running it."""
    command = ROOT
    while isinstance(command, TyperGroup):
        command = command.commands[arguments.pop(0)]
    command.make_context("yrdx", arguments)


@pytest.mark.parametrize(("path", "command"), VERBS, ids=[path for path, _ in VERBS])
def test_every_verb_has_help_in_both_languages_and_examples_that_parse(path: str, command: TyperCommand) -> None:
    """Help is Chinese with English beside, and each example is a command line of this very verb."""
    chinese, separator, english = (command.short_help or "").partition(" · ")
    examples = re.findall(r"^  (yrdx .*)$", command.help or "", re.MULTILINE)

    assert separator
    assert not chinese.isascii()
    assert english.isascii()
    assert examples
    for example in examples:
        assert example.startswith(path)
        _parse(shlex.split(example.partition(" > ")[0])[1:])


@pytest.mark.parametrize(("path", "command"), VERBS, ids=[path for path, _ in VERBS])
def test_every_option_is_explained_in_both_languages(path: str, command: TyperCommand) -> None:
    """No option without a word on it."""
    for parameter in command.params:
        assert " · " in (getattr(parameter, "help", None) or ""), f"{path} {parameter.name}"


def test_the_documented_command_lines_parse() -> None:
    """Scripts hold these exact shapes."""
    for line in (
        "init --city 320600 --home A --listen 127.0.0.1:7320 --dialect local",
        "init --city 320600 --home A --listen 127.0.0.1:7320 --dialect local --demo --store-url postgresql://u@h/d",
        "bundle export --home A -o a.bundle",
        "partner add a.bundle --home B --endpoint 127.0.0.1:7320",
        "partner add a.bundle --home B --endpoint 127.0.0.1:7320 --fingerprint F",
        "partner confirm 320600 --fingerprint F --home B",
        "partner ls --json",
        "partner show 320600",
        "partner ping 320600",
        "partner pause 320600",
        "partner resume 320600",
        "agreement import FILE --home A",
        "agreement ls",
        "agreement show NT-SH-2026-001",
        "serve --home A",
        "doctor --home A",
        "doctor --home A --json",
        "config show",
        "config validate",
        "db migrate",
        "db backup -o FILE",
        "version",
        "version --json",
        "proto export -o -",
        "inbox export --home B --dataset social.contribution -o FILE",
        "inbox export --home B --dataset social.contribution -o FILE --history",
        "inbox ls",
        "outbox ls --home A --json",
        "receipts ls --json",
        "rejections ls --json",
        "stream ls",
        "stream show 320600/310000/social.contribution/0",
        "stream recover 320600/310000/social.contribution/0",
        "stream new-epoch 320600/310000/social.contribution/0 --reason x",
    ):
        _parse(line.split())
