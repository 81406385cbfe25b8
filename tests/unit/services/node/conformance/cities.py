"""Two cities without a wire between them: the one that asks, and the node's, which signs whatever a test wants."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from certs.bundle import CityBundle
from certs.keystore import create_keystore
from services.node.conformance.identity import create_identity
from services.node.conformance.kept import Kept
from services.node.conformance.lifecycle import Lifecycle
from services.node.conformance.partner import Partner
from services.node.conformance.records import Records
from services.node.conformance.sender import Key, Sender
from services.node.conformance.target import Target
from yrdx.exchange.v1 import exchange_pb2

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DATASET = "social.contribution"


@dataclass(frozen=True, slots=True)
class Cities:
    """Both.

    Attributes:
        partner: Asks.
        key: The node's signing key.
    """

    partner: Partner
    key: Key


def make_cities(folder: Path, *, seed: int = 1) -> Cities:
    """Make both; nothing listens anywhere."""
    home = folder / "node"
    home.mkdir()
    generation = create_keystore(home, "310000", now=NOW, random=os.urandom)
    bundle: CityBundle = generation.bundle(version=1, previous=None, endpoint=None, created_at=NOW)
    identity = create_identity(folder / "invented", "330199", now=NOW, random=os.urandom)
    target = Target("127.0.0.1:9", bundle)
    sender = Sender(
        identity.city, target.city, identity.folder, target.address, bundle.roots_pem,
        Key(identity.generation.signing_key), "A-1",
    )  # fmt: skip
    partner = Partner(
        target, identity, sender, exchange_pb2.DescribeResponse.Limits(), Records(DATASET, seed=seed), Lifecycle(),
        Kept(folder / "kept"), 0.0,
    )  # fmt: skip
    return Cities(partner, Key(generation.signing_key))
