"""Keys that change under load: no call fails, and no record is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.drop import drop_files
from tests.integration.support.commands import finish, start_yrdx, yrdx
from tests.integration.support.load import Load
from tests.integration.support.nodes import NANTONG, Node, make_node
from tests.integration.support.pairs import Pair, running
from tests.integration.support.waiting import until

ROTATIONS = 10


@pytest.mark.timeout(300)
def test_ten_rotations_on_each_side_and_a_rollback_fail_no_call(tmp_path: Path) -> None:
    """Unary calls and streams both ways go on over twenty new leaves, and a rollback from a broken generation."""
    with running(tmp_path / "nodes") as pair:
        load = Load(pair, tmp_path)
        with load.running():
            for _ in range(ROTATIONS):
                for node in pair.nodes:
                    yrdx("cert", "renew", "--home", node.path)
            _break_and_roll_back(pair.nantong)
        load.prove()
        for node in pair.nodes:
            loaded = [line["generation"] for line in node.log_events("keys.loaded")]
            assert loaded[:ROTATIONS] == list(range(2, ROTATIONS + 2))
            assert len(node.log_events("channel.replaced")) >= ROTATIONS


def _break_and_roll_back(node: Node) -> None:
    """Tear the current generation, see it refused, and go back to the one before."""
    before = yrdx("cert", "show", "--home", node.path, "--json").json["generation"]
    with (node.home.certs / "current" / "gateway.pem").open("ab") as file:
        file.write(b"torn")
    refused = until("the torn generation is refused", lambda: node.log_events("keys.refused"), timeout_s=20)
    assert refused[-1]["reason"] == "MANIFEST_MISMATCH"
    assert yrdx("cert", "rollback", "--home", node.path, "--json").json["generation"] == before - 1
    assert yrdx("cert", "show", "--home", node.path, "--json").json["refused"] is None


def test_a_node_starts_with_the_last_good_generation(pair: Pair) -> None:
    """Torn while it was stopped: it serves with the one before and says why, everywhere; a rollback settles it."""
    node = pair.nantong
    before = yrdx("cert", "renew", "--home", node.path, "--json").json["generation"]
    node.stop()
    with (node.home.certs / "current" / "gateway.pem").open("ab") as file:
        file.write(b"torn")
    shown = yrdx("cert", "show", "--home", node.path, "--json").json
    assert (shown["generation"], shown["refused_reason"]) == (before - 1, "MANIFEST_MISMATCH")

    node.start()

    assert node.log_events("keys.refused")[-1]["act"] == "start"
    shown = yrdx("cert", "show", "--home", node.path, "--json").json
    assert (shown["generation"], shown["refused_reason"]) == (before - 1, "MANIFEST_MISMATCH")
    assert "yrdx cert rollback" in shown["refused_message"]
    yrdx("partner", "ping", pair.shanghai.city, "--home", node.path)
    until("the metric says it", lambda: "yrdx_keystore_refused_timestamp_seconds" in _metrics(node), timeout_s=20)
    assert yrdx("cert", "rollback", "--home", node.path, "--json").json["generation"] == before - 1
    assert yrdx("cert", "show", "--home", node.path, "--json").json["refused"] is None


def test_a_node_without_any_good_generation_does_not_start(tmp_path: Path) -> None:
    """There is nothing to serve with: it ends and says what is wrong with the current one."""
    node = make_node(tmp_path, NANTONG)
    (node.home.certs / "current" / "gateway.key").unlink()
    assert "gateway.key cannot be read" in finish(start_yrdx("serve", "--home", node.path), code=1).err


def test_a_drop_that_is_refused_keeps_the_last_good_generation(pair: Pair) -> None:
    """Half a file is dropped into a serving node: it says why, goes on, and takes a whole generation then."""
    node = pair.shanghai
    drop_files(node.path, {"gateway.pem": b"-----BEGIN CERTIFICATE-----\nMIIB"})
    until("the drop is refused", lambda: node.log_events("keys.refused"), timeout_s=20)
    shown = yrdx("cert", "show", "--home", node.path, "--json").json
    assert shown["refused_reason"] == "CERTIFICATE_MALFORMED"
    assert "gateway.pem" in shown["refused_message"]
    yrdx("partner", "ping", node.city, "--home", pair.nantong.path)
    assert yrdx("cert", "rotate", "--home", node.path, "--json", code=1).reason == "CERTIFICATE_MALFORMED"

    (node.home.certs / "drop" / "gateway.pem").unlink()
    renewed = yrdx("cert", "renew", "--home", node.path, "--json").json
    shown = yrdx("cert", "show", "--home", node.path, "--json").json
    assert (shown["generation"], shown["refused"]) == (renewed["generation"], None)


def test_metrics_say_how_the_keys_stand(pair: Pair) -> None:
    """Generation and the end of every certificate, where a collector reads them."""
    node = pair.nantong
    text = until("metrics are there", lambda: _metrics(node), timeout_s=20)
    assert "yrdx_keystore_generation " in text
    for city in (pair.nantong.city, pair.shanghai.city):
        assert f'yrdx_certificate_alert{{city="{city}",usage="gateway"}} 0' in text


def test_the_partner_sees_generation_and_fingerprint(pair: Pair) -> None:
    """What is loaded shows in Describe."""
    shown = yrdx("cert", "show", "--home", pair.shanghai.path, "--json").json
    seen = yrdx("partner", "ping", pair.shanghai.city, "--home", pair.nantong.path, "--json").json
    assert seen["keystore_generation"] == shown["generation"]
    assert seen["keystore_fingerprint"] == shown["fingerprint"]


def _metrics(node: Node) -> str:
    return node.home.metrics.read_text() if node.home.metrics.exists() else ""
