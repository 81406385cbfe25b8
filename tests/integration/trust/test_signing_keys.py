"""Signing keys that change: old receipts of both cities stay evidence, and streams go on over them."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from certs.bundle import read_bundle
from certs.drop import drop_files
from certs.errors import SignatureRefused
from certs.signing import SigningKey
from services.domain.tags import RECEIPT
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.load import Load
from tests.integration.support.nodes import Node, outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import receipts
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until


def verified_under(sender: Node, receiver: Node) -> set[str]:
    """Verify every receipt that a sender holds with the receiver's bundle alone; return the keys' ids."""
    keys = {key.key_id: key for key in read_bundle(receiver.home.bundle.read_bytes()).bundle.signing_keys}
    used = set()
    for one in receipts(sender, outbound_name(sender.city, receiver.city)):
        message = RECEIPT + b64decode(one["content_base64"])
        keys[one["key_id"]].verify(b64decode(one["signature_base64"]), message)
        with pytest.raises(SignatureRefused):
            keys[one["key_id"]].verify(b64decode(one["signature_base64"]), message + b"x")
        used.add(one["key_id"])
    return used


@pytest.mark.timeout(300)
def test_both_cities_change_their_signing_keys_under_load(tmp_path: Path) -> None:
    """No call fails, nothing is lost, and every receipt of either key stands under the city's bundle."""
    with running(tmp_path / "nodes") as pair:
        load = Load(pair, tmp_path)
        with load.running():
            for node in pair.nodes:
                changed = yrdx("cert", "rotate-signing-key", "--home", node.path, "--json").json
                assert changed["former"] != changed["key_id"]
        load.prove()
        for sender, receiver in (pair.nodes, pair.nodes[::-1]):
            assert verified_under(sender, receiver)
            shown = yrdx("bundle", "show", sender.home.bundle, "--json").json
            assert len(shown["signing_keys"]) == 2
            assert not (sender.home.offline / "next-signing.key").exists()


@pytest.mark.timeout(300)
def test_streams_go_on_over_receipts_of_a_former_key(pair: Pair, tmp_path: Path) -> None:
    """A sender that starts again shows the last receipt that it holds: the receiver knows its own former key."""
    nantong, shanghai = pair.nodes
    name = outbound_name(nantong.city, shanghai.city)
    before, after = (write_files(tmp_path / str(seed), seed=seed, people=50)[0] for seed in (1, 2))
    sync(nantong.path, before.path, shanghai.city, code=0)
    yrdx("cert", "rotate-signing-key", "--home", shanghai.path)
    assert len(verified_under(nantong, shanghai)) == 1
    for node in pair.nodes:
        node.stop()
    for node in pair.nodes:
        node.start()

    sync(nantong.path, after.path, shanghai.city, code=0)

    assert nantong.until_settled(name)["state"] == "OPEN"
    assert len(verified_under(nantong, shanghai)) == 2
    assert nantong.log_events("stream.diverged") == []


def test_a_dropped_signing_key_is_refused(pair: Pair) -> None:
    """No partner knows it: the command that states it first is named, and nothing changes."""
    node = pair.shanghai
    drop_files(node.path, {"signing.key": SigningKey.generate().to_pem()})
    refused = yrdx("cert", "rotate", "--home", node.path, "--json", code=1)
    assert refused.reason == "SIGNING_KEY_UNSTATED"
    assert "rotate-signing-key" in refused.err
    (node.home.certs / "drop" / "signing.key").unlink()


def test_a_partner_that_is_away_holds_the_change_up(pair: Pair) -> None:
    """It is named and nothing is used; done again once it is back, the same key comes into use."""
    nantong, shanghai = pair.nodes
    before = yrdx("cert", "show", "--home", nantong.path, "--json").json["generation"]
    shanghai.stop()
    refused = yrdx("cert", "rotate-signing-key", "--home", nantong.path, "--json", code=1)
    assert shanghai.city in refused.json["error"]["message"]
    assert yrdx("cert", "show", "--home", nantong.path, "--json").json["generation"] == before
    stated = yrdx("bundle", "show", nantong.home.bundle, "--json").json["signing_keys"]
    shanghai.start()
    changed = until(
        "the partner acknowledges",
        lambda: yrdx("cert", "rotate-signing-key", "--home", nantong.path, "--json", code={0, 1}).json.get("key_id"),
        timeout_s=30,
    )
    assert changed in stated
