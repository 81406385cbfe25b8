"""The kit's Python client, in a process of its own, against a real node."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certs.bundle import bundle_to_bytes
from certs.keystore import load_generation
from certs.signing import SigningKey
from services.node.system import SystemClock
from tests.integration.support.kit import KitCity, acquainted_city, prove_client
from tests.integration.support.nodes import SHANGHAI, Node, make_node

COMMAND = (sys.executable, "python/sender.py")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Shanghai, serving; of this test's own, so that it may be killed."""
    with make_node(tmp_path, SHANGHAI) as node:
        yield node


@pytest.fixture
def city(node: Node, tmp_path: Path) -> KitCity:
    """A city of the kit alone."""
    return acquainted_city(tmp_path / "kit", node, COMMAND)


@pytest.mark.timeout(180)
def test_it_delivers_and_goes_on_after_a_lost_answer(node: Node, city: KitCity) -> None:
    """Records arrive once, rejections are named, a lost receipt is got again, differing histories stop it."""
    prove_client(node, city)


def test_it_believes_no_other_signing_key(node: Node, city: KitCity) -> None:
    """A position under a key that the partner's bundle does not list ends the delivery before anything is sent."""
    now = SystemClock().now()
    generation = load_generation(node.path, now=now)
    statement = generation.bundle(version=1, previous=None, endpoint=None, created_at=now)
    other = replace(statement, signing_keys=(SigningKey.generate().public,))
    (city.folder / "partner.bundle").write_bytes(bundle_to_bytes(other, SigningKey.generate()))

    refused = city.run("deliver", city.write_records("first.jsonl", 1, seed=74), code=1)

    assert refused["reason"] == "SIGNATURE_INVALID"
    assert (
        node.stream(f"{json.loads(city.config.read_text())['city']}/310000/social.contribution/0", "inbound")[
            "watermark"
        ]
        == 0
    )


def test_a_line_that_is_no_record_is_named_without_its_values(city: KitCity) -> None:
    """Nothing is sealed; the message says which line, and nothing that stands in it."""
    path = city.folder / "bad.jsonl"
    path.write_text('{"person_name": "张三丰", "total_fen": "many"}\n', encoding="utf-8")

    refused = city.run("deliver", path, code=1)

    assert refused["reason"] == "LINE"
    assert "line 1" in refused["message"]
    assert "many" not in refused["message"]
    assert not city.state.exists()


def test_a_refusal_is_told_by_its_reason(city: KitCity) -> None:
    """An agreement that the node does not know: the operator is told, nothing is tried again."""
    city.configure(agreement_id="NOBODY")

    refused = city.run("deliver", city.write_records("first.jsonl", 1, seed=75), code=1)

    assert refused["reason"] == "AGREEMENT_MISSING"
