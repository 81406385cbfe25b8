"""The documents for people: links lead somewhere, commands parse, both languages say the same, numbers are unique."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest
from typer._click.exceptions import MissingParameter
from typer.core import TyperGroup
from typer.main import get_command

from services.node.cli.app import app

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("docs", "kit", "deploy", "adapters")
DOCUMENTS: Final = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(found for folder in FOLDERS for found in (ROOT / folder).rglob("*.md"))])
}
TWINS: Final = [(name.replace(".zh-CN", ""), name) for name in DOCUMENTS if name.endswith(".zh-CN.md")]
_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HASH: Final = "ab" * 32
_STAND_INS: Final = {"SHA256-OF-OUR-CA": _HASH, "SHA256-OF-CA": _HASH, "SERIAL": "1f2e", "N": "1"}
"""Words in capitals that a reader fills in, where any word would not do."""


def blocks(text: str) -> list[str]:
    """Fenced blocks of a document, whatever their language."""
    return [content for _, content in _FENCED.findall(text)]


def prose(text: str) -> str:
    """The document without its blocks and quoted code."""
    return re.sub(r"`[^`\n]*`", "", _FENCED.sub("", text))


def flowing(text: str) -> str:
    """The document without its blocks, each paragraph on one line."""
    return re.sub(r"\n(?=[^\n])", " ", _FENCED.sub("", text))


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.*)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(text: str) -> list[str]:
    """`yrdx` commands in blocks, fenced or indented, behind a variable too, and in running text."""
    inside = [joined for block in blocks(text) for joined in re.sub(r"\\\n\s*", "", block).splitlines()]
    lines = [found[1] for line in inside if (found := re.search(r"(?:^|\$\(|\buntil |&& )(yrdx .*)$", line))]
    indented = re.findall(r"^ {4,}(yrdx .*)$", _FENCED.sub("", text), re.MULTILINE)
    return [*lines, *indented, *re.findall(r"`(yrdx [^`]+)`", flowing(text))]


def words_of(line: str) -> list[str] | None:
    """The arguments of a command as far as its line says them, or None where it leaves some to the reader ("…")."""
    if "…" in line or " ... " in line:
        return None
    plain = re.split(r"  | > | 2> | && |\)$|; do| &$", re.sub(r"<[^>]*>", "1", line))[0]
    plain = re.sub(r"(?<![\w:-])SHA256(?![\w:-])", _HASH, plain)
    for word, value in _STAND_INS.items():
        plain = re.sub(rf"(?<![\w:-]){word}(?![\w:-])", value, plain)
    words = shlex.split(plain, comments=True)[1:]
    return [choice.split("|")[0] for choice in words]


def every_command() -> list[tuple[str, str]]:
    """Each command line once, with the first document that has it."""
    found: dict[str, str] = {}
    for name, text in DOCUMENTS.items():
        for line in commands(text):
            found.setdefault(line, name)
    return [(name, line) for line, name in found.items()]


@pytest.mark.parametrize(("name", "line"), every_command())
def test_every_command_parses(name: str, line: str) -> None:
    """At three in the morning nobody wants to find a typing error in the handbook; a bare group names its verbs."""
    words = words_of(line)
    command = get_command(app)
    rest = list(words or line.partition("…")[0].split()[1:])
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"{name}: {line}"
        command = command.commands[rest.pop(0)]
    if words and rest and not isinstance(command, TyperGroup):
        # Running text names a verb with what matters there; a block is typed as it stands.
        with suppress(MissingParameter) if f"`{line}`" in flowing(DOCUMENTS[name]) else nullcontext():
            command.make_context("yrdx", rest)


def test_commands_are_found() -> None:
    """The search for commands finds those of blocks, of running text and after a variable."""
    text = "`yrdx a\nb` and\n\n    yrdx g\n\n```sh\nX=$(yrdx c)\nuntil yrdx d; do\nyrdx e \\\n  f\n```\n"
    assert commands(text) == ["yrdx c)", "yrdx d; do", "yrdx e f", "yrdx g", "yrdx a b"]
    assert words_of("yrdx c)") == ["c"]
    assert len(every_command()) > 200


def links() -> Iterator[tuple[str, str]]:
    """Each link to a file of ours, with its document."""
    for name, text in DOCUMENTS.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
            if not re.match(r"[a-z]+:", target):
                yield name, target


@pytest.mark.parametrize(("name", "target"), sorted(set(links())))
def test_every_link_leads_somewhere(name: str, target: str) -> None:
    """The file is there, and the heading in it."""
    path, _, heading = unquote(target).partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.exists()
    if heading:
        assert heading in anchors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_every_document_is_reached(name: str) -> None:
    """A newcomer finds each document by a link from another, or its folder's."""
    pointed = {str(((ROOT / origin).parent / target.partition("#")[0]).resolve()) for origin, target in links()}
    assert {str(ROOT / name), str((ROOT / name).parent)} & pointed or name == "README.md"


@pytest.mark.parametrize(("english", "chinese"), TWINS)
def test_both_languages_tell_the_same(english: str, chinese: str) -> None:
    """The same headings in depth, the same commands in order."""

    def shape(text: str) -> list[str]:
        return re.findall(r"^(#+) ", _FENCED.sub("", text), re.MULTILINE)

    def acts(text: str) -> list[list[str]]:
        return [[word for word in line.split()[1:4] if re.fullmatch(r"[a-z-]+", word)] for line in commands(text)]

    assert shape(DOCUMENTS[english]) == shape(DOCUMENTS[chinese])
    assert acts(DOCUMENTS[english]) == acts(DOCUMENTS[chinese])


def test_decisions_have_numbers_of_their_own() -> None:
    """A number names one decision, in its file's name and in its title."""
    decisions = {name: text for name, text in DOCUMENTS.items() if name.startswith("docs/decisions/")}
    numbers = Counter(Path(name).name[:4] for name in decisions)
    assert [number for number, times in numbers.items() if times > 1] == []
    for name, text in decisions.items():
        assert text.startswith(f"# {int(Path(name).name[:4])}. "), name


def test_the_picture_of_the_house_is_the_house() -> None:
    """Every package stands in it, each below those that import it."""
    picture = (ROOT / "docs" / "structure.svg").read_text(encoding="utf-8")
    shown = {text: float(y) for y, text in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>([\w/]+)</text>', picture)}
    for folder in ("services", "adapters"):
        packages = {
            f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_dir() and path.name[0] != "_"
        }
        assert {package for package in packages if package not in shown} == set()
    chain = ("services/node", "services/rpc", "services/exchange", "services/ports", "services/domain")
    assert all(shown[upper] < shown[lower] for upper, lower in pairwise(chain))
