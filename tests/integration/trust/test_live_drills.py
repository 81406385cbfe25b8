"""Drills on running nodes: each says what would break, and leaves everything as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair, running
from tests.integration.support.waiting import until

UNAVAILABLE = 6


def drill(node: Node, act: str, *words: object, code: int = 0) -> dict[str, Any]:
    """Run a drill on a running node, and see that it changed nothing."""
    before = _standing(node)
    report: dict[str, Any] = yrdx("cert", "drill", act, "--live", "--home", node.path, *words, "--json", code=code).json
    assert _standing(node) == before
    return report


def _standing(node: Node) -> list[Any]:
    """What a drill could leave behind: files of the key store, the bundle, and what the node believes."""
    files = {path: path.read_bytes() for path in node.home.certs.rglob("*") if path.is_file() and path.name != "lock"}
    revoked = yrdx("revoke", "ls", "--home", node.path, "--json").json
    states = {one["fingerprint"]: one["state"] for one in yrdx("ca", "ls", "--home", node.path, "--json").json}
    return [files, node.home.bundle.read_bytes(), revoked, states]


def steps(report: dict[str, Any], *, ok: bool = True) -> list[tuple[str, str]]:
    """The checks that went well, or those that did not."""
    return [(one["step"], one["city"]) for one in report["checks"] if one["ok"] == ok]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two cities that hold each other's present bundle."""
    with running(tmp_path_factory.mktemp("cities")) as pair:
        for node in pair.nodes:
            _distribute(node)
        yield pair


def _distribute(node: Node) -> None:
    def held() -> bool:
        answer = yrdx("ca", "distribute", "--home", node.path, "--json", code={0, 1}).json
        return all(one["present"] for one in answer.get("partners", [{"present": False}]))

    until("the bundle is acknowledged", held, timeout_s=30)


def test_each_drill_passes_where_nothing_would_break(settled: Pair) -> None:
    """The partner takes a new leaf, holds our bundle, and its bundle names the leaf that it serves."""
    nantong, shanghai = settled.nodes
    assert steps(drill(nantong, "leaf")) == [("issue", ""), ("canary", shanghai.city)]
    rollover = drill(nantong, "rollover")
    wanted = [("prepare", ""), ("prove", ""), ("distribute", shanghai.city), ("canary", shanghai.city)]
    assert steps(rollover) == wanted
    revoke = drill(nantong, "revoke")
    assert steps(revoke) == [("cut", shanghai.city), ("send", shanghai.city)]
    acts = [act["act"] for act in yrdx("cert", "log", "--home", nantong.path, "--json").json]
    assert acts[-3:] == ["drill.leaf", "drill.rollover", "drill.revoke"]
    words = yrdx("cert", "drill", "revoke", "--live", "--home", nantong.path).err
    assert f"✓ send {shanghai.city}: its bundle names the leaf that it serves" in words


def test_a_rollover_under_way_is_tried_with_its_own_authority(settled: Pair) -> None:
    """Once every partner holds the bundle, the canary shows a leaf of the next authority, and is taken."""
    nantong, shanghai = settled.nodes
    settled.to_nantong.part()  # or the node would have offered its bundle by itself before the drill looks
    yrdx("ca", "prepare", "--home", shanghai.path)
    unknown = drill(shanghai, "rollover", code=1)
    assert ("distribute", nantong.city) in steps(unknown, ok=False)
    settled.to_nantong.heal()
    _distribute(shanghai)
    report = drill(shanghai, "rollover")
    assert report["checks"][-1]["found"] == "takes the new authority's leaf"


def test_what_would_break_is_named(tmp_path: Path) -> None:
    """A partner that is away, a leaf that its bundle does not name, an authority's key on a medium, no node."""
    with running(tmp_path / "cities") as pair:
        nantong, shanghai = pair.nodes
        _distribute(shanghai)
        _distribute(nantong)
        yrdx("cert", "renew", "--home", shanghai.path)  # and no bundle that names the new leaf
        revoke = drill(nantong, "revoke", code=1)
        assert steps(revoke, ok=False) == [("send", shanghai.city)]
        assert "does not name the leaf that it serves" in revoke["checks"][-1]["found"]
        (nantong.home.offline / "ca.key").rename(tmp_path / "ca.key")
        leaf = drill(nantong, "leaf", code=1)
        assert (steps(leaf, ok=False), "OFFLINE_KEY_ABSENT" in leaf["checks"][0]["found"]) == ([("issue", "")], True)
        shanghai.stop()
        rollover = drill(nantong, "rollover", code=1)
        assert (steps(rollover, ok=False), rollover["would_break"]) == ([("canary", shanghai.city)], [shanghai.city])
        nantong.stop()
        line = ("cert", "drill", "leaf", "--live", "--home", nantong.path, "--json")
        assert "no node serves this home" in yrdx(*line, code=UNAVAILABLE).err
