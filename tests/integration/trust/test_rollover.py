"""A city's next authority, through every state, under load; and what is refused on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.session import open_session
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.load import Load
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair, running
from tests.integration.support.waiting import until
from yrdx.node.v1 import node_pb2


def ca(node: Node, *words: object, code: int = 0) -> Ran:
    """Run `yrdx ca …`."""
    return yrdx("ca", *words, "--home", node.path, "--json", code=code)


def states(node: Node) -> list[str]:
    """States of a city's authorities, oldest first."""
    return [one["state"] for one in ca(node, "ls").json]


def known_states(node: Node, city: str) -> list[str]:
    """States of a partner's authorities, as a node knows them."""
    found = yrdx("cert", "ls", "--home", node.path, "--json").json
    return [one["state"] for one in found if (one["city"], one["usage"]) == (city, "authority")]


def distribute_all(node: Node) -> None:
    """Hand the bundle to the partner, and see it acknowledged."""
    until("the bundle is acknowledged", lambda: all(one["present"] for one in ca(node, "distribute").json["partners"]))


@pytest.mark.timeout(300)
def test_a_full_rollover_under_load_fails_no_call(tmp_path: Path) -> None:
    """PREPARED, DISTRIBUTED, ACTIVE, RETIRING, RETIRED; the partner follows each, and nobody notices."""
    with running(tmp_path / "nodes") as pair:
        nantong, shanghai = pair.nodes
        load = Load(pair, tmp_path)
        with load.running():
            ca(nantong, "prepare")
            assert states(nantong) == ["ACTIVE", "PREPARED"]
            distribute_all(nantong)
            assert states(nantong) == ["ACTIVE", "DISTRIBUTED"]
            assert known_states(shanghai, nantong.city) == ["ACTIVE", "PREPARED"]
            assert ca(nantong, "prove").json["holds"]
            ca(nantong, "activate")
            distribute_all(nantong)
            assert states(nantong) == ["RETIRING", "ACTIVE"]
            until("connections have drained", lambda: _draining(nantong) == 0, timeout_s=90)
            assert "showed a leaf of that authority" in ca(nantong, "retire", code=1).err
            until("nobody shows the old authority's leaf", lambda: _asks_to_destroy(nantong), timeout_s=60)
            ca(nantong, "retire", "--destroy-old-leaves")
            distribute_all(nantong)
            assert states(nantong) == ["RETIRED", "ACTIVE"]
            assert known_states(shanghai, nantong.city) == ["RETIRED", "ACTIVE"]
        load.prove()
        acts = [act["act"] for act in yrdx("cert", "log", "--home", nantong.path, "--json").json]
        assert [act for act in acts if act.startswith("ca.")][0] == "ca.prepare"  # noqa: RUF015
        assert "ca.retire.failed" in acts


def _asks_to_destroy(node: Node) -> bool:
    return "--destroy-old-leaves" in ca(node, "retire", code=1).err


def _draining(node: Node) -> int:
    with open_session(node.path) as session:
        return int(session.stub.GetKeystore(node_pb2.GetKeystoreRequest()).draining)


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own."""
    with running(tmp_path / "nodes") as pair:
        yield pair


def test_a_step_that_is_taken_too_early_names_who_would_break(cities: Pair) -> None:
    """Skipped states are refused; a partner that is away is named, and left out only openly."""
    nantong, shanghai = cities.nodes
    assert "ca ls" in ca(nantong, "activate", code=1).err
    assert "RETIRING" in ca(nantong, "retire", code=1).err
    shanghai.stop()  # before it can acknowledge the bundle with the new authority
    ca(nantong, "prepare")
    assert "under way" in ca(nantong, "prepare", code=1).err
    refused = ca(nantong, "distribute", code=1)
    assert f"{shanghai.city} did not acknowledge" in refused.err
    assert "--exclude" in refused.err
    assert states(nantong) == ["ACTIVE", "PREPARED"]
    ca(nantong, "distribute", "--exclude", shanghai.city)
    assert shanghai.city in ca(nantong, "activate", code=1).err

    ca(nantong, "activate", "--exclude", shanghai.city)

    assert states(nantong) == ["RETIRING", "ACTIVE"]
    partner = yrdx("partner", "show", shanghai.city, "--home", nantong.path, "--json").json
    assert (partner["state"], "rollover" in partner["state_reason"]) == ("PAUSED", True)


def test_an_emergency(cities: Pair) -> None:
    """The authority's key is stolen: tainted, replaced, revoked; whoever shows the old one is refused."""
    nantong, shanghai = cities.nodes
    old = ca(nantong, "ls").json[0]["fingerprint"]
    ca(nantong, "taint", old[:16])
    assert "in use" in ca(nantong, "revoke", old, code=1).err
    ca(nantong, "prepare")
    distribute_all(nantong)
    ca(nantong, "activate")
    ca(nantong, "revoke", old)
    distribute_all(nantong)
    assert states(nantong) == ["REVOKED", "ACTIVE"]
    assert known_states(shanghai, nantong.city) == ["REVOKED", "ACTIVE"]
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path)
    yrdx("partner", "ping", nantong.city, "--home", shanghai.path)
