"""Our own node, held to every promise: prepared by the commands that are printed, killed and restarted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.conformance.checks import ALL
from services.node.conformance.lifecycle import Lifecycle
from services.node.lock import held_by
from tests.integration.conformance.processes import Commands
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.nodes import SHANGHAI, Node, make_node
from tests.integration.support.waiting import until

NOT_PERMITTED, UNAVAILABLE = 5, 6
LISTED = ("partner", "ls", "--home")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Commands]]:
    """Shanghai, started by the very command that the test hands over."""
    folder = tmp_path_factory.mktemp("node")
    node = make_node(folder, SHANGHAI)
    commands = Commands(folder, ["-m", "services.node.main", "serve", "--home", node.path])
    try:
        Lifecycle(commands.restart).restart(lambda: True)
        until("the node serves", lambda: _is_up(node), timeout_s=30)
        yield node, commands
    finally:
        commands.end()


def _is_up(node: Node) -> bool:
    """Say whether the node's process serves; asked only while it holds the home, which a command must not take."""
    return held_by(node.home) is not None and not yrdx(*LISTED, node.path, code=(0, UNAVAILABLE)).code


def conformance(node: Node, folder: Path, *more: object, code: int = 0) -> Ran:
    """Ask the node, as the identity in a folder."""
    bundle = folder / "target.bundle"
    if not bundle.exists():
        yrdx("bundle", "export", "--home", node.path, "-o", bundle)
    return yrdx("conformance", node.listen, "--bundle", bundle, "--identity", folder / "invented", *more, code=code)


@pytest.mark.timeout(400)
def test_our_own_node_keeps_every_promise(node: tuple[Node, Commands], tmp_path: Path) -> None:
    """Unprepared it refuses; after the printed commands every promise is kept, and none is left out."""
    target, commands = node
    refused = conformance(target, tmp_path, "--city", "330199", "--json", code=UNAVAILABLE)
    assert "--prepare" in refused.json["error"]["message"]

    printed = conformance(target, tmp_path, "--prepare").out.splitlines()
    for line in printed[:2]:
        words = [tmp_path / "invented" / word if "city.bundle" in word or ".toml" in word else word
                 for word in shlex.split(line.replace("HOME", str(target.path)))[1:]]  # fmt: skip
        yrdx(*words)
    told = conformance(
        target, tmp_path, "--json", "--kill-command", commands.kill, "--restart-command", commands.restart
    ).json

    assert [check for check in told["checks"] if check["state"] != "passed"] == []
    assert told["ok"] is True
    assert [check["check"] for check in told["checks"]] == [promise.name for promise in ALL]
    again = conformance(target, tmp_path, "--json", "--only", "duplicates.later", "--only", "describe").json
    assert again["checks"][-1]["found"].endswith("a batch of an earlier run")


@pytest.mark.timeout(120)
def test_without_an_agreement_nothing_is_asked(node: tuple[Node, Commands], tmp_path: Path) -> None:
    """The node knows the city and holds no agreement: the run says what its operator must do, and sends nothing."""
    target, _ = node
    conformance(target, tmp_path, "--city", "330198", "--prepare")
    yrdx("partner", "add", tmp_path / "invented" / "city.bundle", "--endpoint", "127.0.0.1:9", "--home", target.path)

    refused = conformance(target, tmp_path, "--json", code=NOT_PERMITTED)

    assert refused.reason == "NOT_PREPARED"
    assert "--prepare" in refused.json["error"]["message"]
    assert target.stream("330198/310000/social.contribution/0", "inbound") == {}
