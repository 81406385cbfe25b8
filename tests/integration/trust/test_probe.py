"""What a probe and the preflight say about a handshake that fails: which check, which side, what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair, running


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own."""
    with running(tmp_path / "nodes") as pair:
        yield pair


def probed(node: Node, city: str) -> dict[str, dict[str, Any]]:
    """What `yrdx cert probe` finds, by check."""
    ran = yrdx("cert", "probe", city, "--home", node.path, "--json", code=(0, 1))
    found = {one["check"]: one for one in ran.json["checks"]}
    assert (ran.code == 0) == ran.json["ok"] == all(one["ok"] for one in found.values())
    return found


def first_wrong(node: Node, city: str) -> dict[str, Any]:
    """The first check that failed."""
    return next(one for one in probed(node, city).values() if not one["ok"])


def test_all_is_well(pair: Pair) -> None:
    """Every check of both sides is told; no key is left behind."""
    found = probed(pair.nantong, pair.shanghai.city)
    assert list(found) == [
        "ours.validity",
        "network.connect",
        "theirs.tls13",
        "theirs.certificate",
        "theirs.revoked",
        "ours.certificate",
        "theirs.guard",
    ]
    assert all(one["ok"] for one in found.values())
    assert not [path for path in pair.nantong.home.temporary.iterdir() if b"PRIVATE" in path.read_bytes()]


def test_a_partner_that_is_away(cities: Pair) -> None:
    """The network, and nobody's certificate."""
    nantong, shanghai = cities.nodes
    shanghai.stop()
    _point(nantong, shanghai, shanghai.listen)
    wrong = first_wrong(nantong, shanghai.city)
    assert (wrong["check"], wrong["side"]) == ("network.connect", "network")
    assert "firewalls" in wrong["mend"]


def test_another_program_answers(cities: Pair) -> None:
    """No TLS there."""
    nantong, shanghai = cities.nodes
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_hang_up, args=(server,), daemon=True).start()
        _point(nantong, shanghai, f"127.0.0.1:{server.getsockname()[1]}")
        wrong = first_wrong(nantong, shanghai.city)
    assert (wrong["check"], wrong["side"]) == ("theirs.tls13", "theirs")


def test_another_city_answers(cities: Pair) -> None:
    """Our own node at the partner's address: its certificate says so."""
    nantong, shanghai = cities.nodes
    _point(nantong, shanghai, nantong.listen)
    wrong = first_wrong(nantong, shanghai.city)
    assert wrong["check"] == "theirs.certificate"
    assert "CITY_MISMATCH" in wrong["found"]
    assert "endpoint" in wrong["mend"]


def test_they_revoked_us_and_we_revoked_them(cities: Pair) -> None:
    """A leaf that the partner revoked passes the handshake and not its guard; the preflight says the same."""
    nantong, shanghai = cities.nodes
    found = yrdx("cert", "ls", "--home", nantong.path, "--json").json
    leaves = {one["city"]: one["fingerprint"] for one in found if one["usage"] == "gateway"}
    reason = ["--reason", "drill"]
    yrdx("revoke", "leaf", leaves[nantong.city], "--city", nantong.city, "--home", shanghai.path, *reason)
    wrong = first_wrong(nantong, shanghai.city)
    assert (wrong["check"], wrong["side"]) == ("theirs.guard", "theirs")
    assert "CERTIFICATE_REVOKED" in wrong["found"]
    checks = {one["check"]: one for one in yrdx("doctor", "--home", nantong.path, "--json", code=7).json["checks"]}
    assert "theirs.guard" in checks[f"reach.{shanghai.city}"]["found"]

    yrdx("revoke", "leaf", leaves[shanghai.city], "--city", shanghai.city, "--home", nantong.path, *reason)
    wrong = first_wrong(nantong, shanghai.city)
    assert (wrong["check"], wrong["side"]) == ("theirs.revoked", "theirs")


def test_they_do_not_know_our_authority(cities: Pair) -> None:
    """Revoked by the partner, it is out of its handshake: our certificate is refused, and what to do is told."""
    nantong, shanghai = cities.nodes
    found = yrdx("cert", "ls", "--home", nantong.path, "--json").json
    own = next(one["fingerprint"] for one in found if (one["city"], one["usage"]) == (nantong.city, "authority"))
    yrdx("revoke", "ca", own, "--home", shanghai.path, "--reason", "drill")
    wrong = first_wrong(nantong, shanghai.city)
    assert (wrong["check"], wrong["side"]) == ("ours.certificate", "ours")
    assert "bundle" in wrong["mend"]


def _point(node: Node, partner: Node, endpoint: str) -> None:
    """Enter another address of a partner."""
    bundle = node.path / "tmp" / "partner.bundle"
    bundle.write_bytes(partner.home.bundle.read_bytes())
    yrdx("partner", "add", bundle, "--home", node.path, "--endpoint", endpoint)


def _hang_up(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.close()
