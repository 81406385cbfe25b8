"""Revocations on nodes that serve: on disk, in effect both ways, and still there after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.cli.bundle import current_bundle
from services.node.system import SystemClock
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import Node, outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until

UNAVAILABLE, NOT_PERMITTED, NOT_FOUND = 6, 5, 4


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own, whose streams are open."""
    with running(tmp_path / "nodes") as pair:
        files = write_files(tmp_path / "first", seed=1, people=20)
        sync(pair.nantong.path, files[0].path, pair.shanghai.city)
        sync(pair.shanghai.path, files[1].path, pair.nantong.city)
        yield pair


def certificate(node: Node, city: str, usage: str) -> str:
    """Fingerprint of a certificate as `yrdx cert ls` lists it."""
    found = yrdx("cert", "ls", "--home", node.path, "--json").json
    return str(next(one["fingerprint"] for one in found if (one["city"], one["usage"]) == (city, usage)))


def refused(node: Node, reason: str) -> None:
    """Wait until a node's delivery says why it is refused."""
    stream = outbound_name(node.city, "310000" if node.city == "320600" else "320600")
    until(reason, lambda: reason in str(node.stream(stream, "outbound").get("last_error")), timeout_s=20)


def test_a_partners_gateway_leaf(cities: Pair, tmp_path: Path) -> None:
    """Its open stream is cut and its calls are refused; ours to it stop, until a bundle brings another leaf."""
    nantong, shanghai = cities.nodes
    leaf = certificate(shanghai, nantong.city, "gateway")
    revoke = ["revoke", "leaf", leaf, "--city", nantong.city, "--home", shanghai.path, "--reason", "stolen", "--json"]
    foreseen = yrdx(*revoke, "--dry-run").json
    assert (foreseen["dry_run"], foreseen["revoked"]) == (True, 1)
    assert foreseen["calls_cut"] >= 1
    assert "streams cut" in yrdx(*revoke[:-1], "--dry-run").err
    assert yrdx("revoke", "ls", "--home", shanghai.path, "--json").json["revocations"] == []

    done = yrdx(*revoke).json

    assert done["revoked"] == 1
    assert done["calls_cut"] >= 1
    refused(nantong, "CERTIFICATE_REFUSED")
    ping = yrdx("partner", "ping", nantong.city, "--home", shanghai.path, "--json", code=NOT_PERMITTED)
    assert "next bundle" in ping.err
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path, code=NOT_PERMITTED)

    shanghai.stop()
    shanghai.start()
    line = ["partner", "ping", shanghai.city, "--home", nantong.path]
    anything = (UNAVAILABLE, NOT_PERMITTED)  # gRPC remembers for a moment that nobody listened
    until("it is refused again", lambda: yrdx(*line, code=anything).code == NOT_PERMITTED)
    assert yrdx("revoke", "ls", "--home", shanghai.path, "--json").json["revocations"][0]["reason"] == "stolen"
    acts = yrdx("cert", "log", "--home", shanghai.path, "--json").json
    assert [act["act"] for act in acts if act["act"].startswith("revoke.")] == ["revoke.leaf"]

    yrdx("cert", "renew", "--home", nantong.path)
    bundle = tmp_path / "next.bundle"
    bundle.write_bytes(current_bundle(nantong.home, nantong.settings.advertised, now=SystemClock().now()).data)
    yrdx("partner", "add", bundle, "--home", shanghai.path, "--endpoint", cities.to_nantong.address)
    yrdx("partner", "ping", nantong.city, "--home", shanghai.path)
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path)
    files = write_files(tmp_path / "second", seed=2, people=20)
    sync(nantong.path, files[0].path, shanghai.city)
    sync(shanghai.path, files[1].path, nantong.city)


def test_an_agreement(cities: Pair) -> None:
    """Its stream is cut and does not open again; the other direction's goes on."""
    nantong, shanghai = cities.nodes
    identifier = f"DEMO-{nantong.city}-{shanghai.city}"
    revoke = ["revoke", "agreement", identifier, "--home", shanghai.path, "--reason", "ended", "--json"]
    assert yrdx(*revoke, "--dry-run").json["calls_cut"] == 1
    done = yrdx(*revoke).json
    assert done["calls_cut"] == 1
    refused(nantong, "AGREEMENT_MISSING")
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path)
    assert shanghai.stream(outbound_name(shanghai.city, nantong.city), "outbound")["last_error"] == ""
    yrdx("revoke", "agreement", "unknown", "--home", shanghai.path, "--reason", "x", code=NOT_FOUND)


def test_a_city(cities: Pair, tmp_path: Path) -> None:
    """Nothing of it is believed: neither its calls nor its server; ours is told in the log; until it is lifted."""
    nantong, shanghai = cities.nodes
    yrdx("revoke", "city", nantong.city, "--home", shanghai.path, "--reason", "told to")
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path, code=(UNAVAILABLE, NOT_PERMITTED))
    yrdx("partner", "ping", nantong.city, "--home", shanghai.path, code=NOT_PERMITTED)
    assert "revoked" in shanghai.log_events("partner.refused")[-1]["reason"]

    lift = ["revoke", "lift", nantong.city, "--home", shanghai.path, "--reason", "cleared up", "--json"]
    assert not yrdx(*lift, "--dry-run").json["lifted"]
    yrdx("partner", "ping", nantong.city, "--home", shanghai.path, code=NOT_PERMITTED)
    assert yrdx(*lift).json["lifted"]
    yrdx("partner", "ping", nantong.city, "--home", shanghai.path)
    ping = ["partner", "ping", shanghai.city, "--home", nantong.path]
    until("it is let in again", lambda: yrdx(*ping, code=(0, UNAVAILABLE, NOT_PERMITTED)).code == 0)
    yrdx(*lift, code=NOT_FOUND)
    files = write_files(tmp_path / "second", seed=2, people=20)
    sync(nantong.path, files[0].path, shanghai.city)


def test_an_authority_and_what_would_lock_us_out(cities: Pair) -> None:
    """A partner's authority goes with all its leaves; our only one, and the leaf in use, are not taken."""
    nantong, shanghai = cities.nodes
    authority = certificate(shanghai, nantong.city, "authority")
    yrdx("revoke", "ca", authority, "--home", shanghai.path, "--reason", "its key was stolen")
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path, code=(UNAVAILABLE, NOT_PERMITTED))
    own = certificate(shanghai, shanghai.city, "authority")
    refusal = yrdx("revoke", "ca", own, "--home", shanghai.path, "--reason", "x", "--json", code=1)
    assert "only authority" in refusal.err
    operator = certificate(shanghai, shanghai.city, "operator")
    line = ["revoke", "leaf", operator, "--city", shanghai.city, "--home", shanghai.path, "--reason", "x", "--json"]
    assert "cert renew" in yrdx(*line, code=1).err
    found = yrdx("cert", "ls", "--home", shanghai.path, "--json").json
    serial = next(one["serial"] for one in found if (one["city"], one["usage"]) == (shanghai.city, "gateway"))
    line = ["revoke", "serial", own, serial, "--home", shanghai.path, "--reason", "x", "--json"]
    assert "cert renew" in yrdx(*line, code=1).err


def test_a_list_from_the_partner(cities: Pair, tmp_path: Path) -> None:
    """Nantong revokes a serial of its own and hands over its list; an older list and a torn one are refused."""
    nantong, shanghai = cities.nodes
    found = yrdx("cert", "ls", "--home", nantong.path, "--json").json
    own = {one["usage"]: one for one in found if one["city"] == nantong.city}
    yrdx("cert", "renew", "--home", nantong.path)
    yrdx(
        "revoke", "serial", own["authority"]["fingerprint"], own["gateway"]["serial"], "--home", nantong.path,
        "--reason", "replaced",
    )  # fmt: skip
    old, new = tmp_path / "old.crl", tmp_path / "new.crl"
    yrdx("crl", "export", "--home", nantong.path, "-o", old)
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path)

    done = yrdx("crl", "import", old, "--city", nantong.city, "--home", shanghai.path, "--json").json

    assert done["revoked"] == 1
    yrdx("partner", "ping", shanghai.city, "--home", nantong.path)
    assert yrdx("revoke", "ls", "--home", shanghai.path, "--json").json["from_crls"] == 1
    again = yrdx("crl", "import", old, "--city", nantong.city, "--home", shanghai.path, "--json", code=1)
    assert "newest" in again.err
    new.write_bytes(old.read_bytes()[:-20])
    yrdx("crl", "import", new, "--city", nantong.city, "--home", shanghai.path, code=1)
