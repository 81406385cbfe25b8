"""Cities without a node: registered at a running one as partners, they speak the protocol by themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from certs.bundle import bundle_to_bytes
from certs.keystore import create_keystore, load_generation
from certs.offline import load_bundle_key
from services.domain.agreement import Agreement
from services.node.conformance.sender import Key, Sender
from services.node.session import NodeSession, open_session
from services.node.system import SystemClock
from services.wire.agreements import agreement_to_pb
from tests.integration.support.nodes import DATASET, Node, agreement, streams_of
from yrdx.node.v1 import node_pb2


class Host:
    """A running node that takes in new partner cities.

    Attributes:
        node: The node.
        session: Its operator's session.
    """

    def __init__(self, node: Node, session: NodeSession, folder: Path) -> None:
        """Prepare; guests' homes are made in a folder."""
        self.node = node
        self.session = session
        self._folder = folder
        self._codes = (str(code) for code in count(330_100))

    def guest(self, **changes: Any) -> Sender:
        """Register a new city that may send contributions; ``changes`` replace fields of its agreement."""
        sender = self.stranger()
        self.register(sender, [agreement(sender.city, self.node.city, id=sender.agreement_id, **changes)])
        return sender

    def stranger(self) -> Sender:
        """Make a new city that the node does not know."""
        city = next(self._codes)
        home = self._folder / city
        home.mkdir()
        create_keystore(home, city, now=SystemClock().now(), random=os.urandom)
        roots_pem = (self.node.path / "certs/current/ca.pem").read_bytes()
        return Sender(city, self.node.city, home, self.node.listen, roots_pem, Key.of_home(home), f"GUEST-{city}")

    def register(self, sender: Sender, agreements: list[Agreement]) -> None:
        """Make a city a partner of the node, with agreements."""
        request = node_pb2.AddPartnerRequest(bundle=create_bundle(sender), endpoint="127.0.0.1:9")
        self.session.stub.AddPartner(request)
        for one in agreements:
            self.session.stub.ImportAgreement(node_pb2.ImportAgreementRequest(agreement=agreement_to_pb(one)))

    def standing(self, sender: Sender) -> tuple[dict[str, Any], int]:
        """Return how a guest's stream stands at the node, and how many of its records the inbox holds."""
        request = node_pb2.ExportInboxRequest(dataset=DATASET, from_city=sender.city, history=True)
        records = sum(len(page.entries) for page in self.session.stub.ExportInbox(request))
        return streams_of(self.session, "inbound").get(sender.stream, {}), records

    @contextmanager
    def unmoved(self, sender: Sender) -> Iterator[None]:
        """Hold that a guest's stream and records stand after the block as they stood before."""
        before = self.standing(sender)
        yield
        assert self.standing(sender) == before


@contextmanager
def hosting(node: Node, folder: Path) -> Iterator[Host]:
    """Take in guests at a running node."""
    with open_session(node.path) as session:
        yield Host(node, session, folder)


def create_bundle(sender: Sender) -> bytes:
    """Return the bundle of a city that has keys and nothing else."""
    now = SystemClock().now()
    statement = load_generation(sender.home, now=now).bundle(version=1, previous=None, endpoint=None, created_at=now)
    return bundle_to_bytes(statement, load_bundle_key(sender.home))
