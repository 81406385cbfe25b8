"""Nodes of invented cities: homes with short waits, real processes, and what an operator sees of them."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from services.domain.agreement import Agreement
from services.domain.errors import Unavailable
from services.node.cli.bundle import current_bundle
from services.node.cli.init import create_home
from services.node.cli.stream import stream_fields
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI, DemoCity, demo_agreement
from services.node.demo.processes import NodeProcess
from services.node.home import Home
from services.node.session import NodeSession, open_session
from services.node.settings_file import load_settings
from services.node.system import SystemClock
from services.wire.agreements import agreement_to_pb
from tests.integration.support.waiting import until
from yrdx.node.v1 import node_pb2

__all__ = ["DATASET", "NANTONG", "SHANGHAI", "Node", "agreement", "introduce", "make_node", "outbound_name"]

QUICK: Final[Mapping[str, float]] = {"backoff_max_s": 0.5, "probe_s": 0.5, "lease_s": 2.0}
"""Waits of minutes, in tests of seconds; nothing else differs from what operators run."""

_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports: while a node is down, nobody's outgoing connection takes its port."""


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that the kernel gives to nobody by itself."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


class Node(NodeProcess):
    """One city's node."""

    def __init__(self, home: Home) -> None:
        """Prepare a node of a home that stands."""
        super().__init__(home)
        self.settings = load_settings(home)
        self.city = self.settings.city
        self.listen = self.settings.listen

    @property
    def path(self) -> Path:
        """The home's folder."""
        return self.home.path

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs."""
        return None if self.process is None else self.process.poll()

    @property
    def log_text(self) -> str:
        """Everything that all processes of this home wrote so far."""
        return self.home.log.read_text(encoding="utf-8", errors="replace") if self.home.log.exists() else ""

    def restart(self, *, timeout_s: float = 40.0) -> None:
        """Start the node again, and again when a command holds the home at that moment."""

        def started() -> bool:
            try:
                self.start()
            except Unavailable:
                self.kill()
                return False
            return True

        until(f"the node of {self.city} serves again", started, timeout_s=timeout_s)

    def log_events(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one kind."""
        lines = (line for line in self.log_text.splitlines() if line.startswith("{"))
        return [found for line in lines if (found := _parsed(line)).get("event") == event]

    def streams(self, direction: str | None = None) -> dict[str, dict[str, Any]]:
        """Return how the node's streams stand, by name, as ``yrdx stream ls --json`` tells it."""
        with open_session(self.path) as session:
            return streams_of(session, direction)

    def stream(self, name: str, direction: str) -> dict[str, Any]:
        """Return how one end of a stream stands; empty when it does not exist."""
        return self.streams(direction).get(name, {})

    def until_settled(self, name: str, *, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait until an outbound stream has nothing pending any more and return how it stands."""

        def settled() -> dict[str, Any] | None:
            stream = self.stream(name, "outbound")
            return stream if stream and not stream["pending"] and stream["state"] == "OPEN" else None

        return until(f"{name} is settled at {self.city}", settled, timeout_s=timeout_s)

    def until_state(self, name: str, direction: str, state: str, *, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until one end of a stream is in a state and return how it stands."""

        def reached() -> dict[str, Any] | None:
            stream = self.stream(name, direction)
            return stream if stream.get("state") == state else None

        return until(f"{name} is {state} at {self.city}", reached, timeout_s=timeout_s)


def streams_of(session: NodeSession, direction: str | None = None) -> dict[str, dict[str, Any]]:
    """Return how a node's streams stand, by name."""
    status = session.stub.GetStatus(node_pb2.GetStatusRequest())
    return {s.stream: dict(stream_fields(s)) for s in status.streams if direction in (None, s.direction)}


def outbound_name(sender: str, receiver: str) -> str:
    """Return the name of the stream of contributions from one city to another."""
    return f"{sender}/{receiver}/{DATASET}/0"


def make_node(
    folder: Path,
    city: DemoCity,
    *,
    endpoint: str = "",
    store_url: str = "",
    delivery: Mapping[str, float] = QUICK,
) -> Node:
    """Create a home, ``folder/<code>``, on a free port.

    Args:
        folder: Where homes lie.
        city: Code and dialect.
        endpoint: Address told to partners; empty: its own.
        store_url: Store; empty: SQLite in the home.
        delivery: The table ``[delivery]`` of its settings.
    """
    chosen: dict[str, str | bool] = {
        "city": city.code,
        "dialect": city.dialect,
        "listen": f"127.0.0.1:{free_port()}",
        "demo": True,
    }
    chosen |= {"endpoint": endpoint} if endpoint else {}
    chosen |= {"store_url": store_url} if store_url else {}
    home = Home(folder / city.code)
    create_home(home.path, chosen)
    lines = [f"{name} = {json.dumps(value)}" for name, value in chosen.items()]
    lines += ["[delivery]", *(f"{name} = {value}" for name, value in delivery.items())]
    home.settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Node(home)


def agreement(provider: str, consumer: str, dataset: str = DATASET, **changes: Any) -> Agreement:
    """Return an agreement in force, without a quota that anybody meets."""
    return replace(demo_agreement(provider, consumer, dataset), **changes)


def introduce(node: Node, partner: Node, agreements: Sequence[Agreement], *, endpoint: str = "") -> None:
    """Tell a node of a partner and of agreements.

    Args:
        node: Who learns.
        partner: About whom.
        agreements: To import.
        endpoint: Where the partner is reached; empty: where it says.
    """
    address = endpoint or partner.settings.advertised
    bundle = current_bundle(partner.home, partner.settings.advertised, now=SystemClock().now())
    with open_session(node.path) as session:
        session.stub.AddPartner(node_pb2.AddPartnerRequest(bundle=bundle.data, endpoint=address))
        for one in agreements:
            session.stub.ImportAgreement(node_pb2.ImportAgreementRequest(agreement=agreement_to_pb(one)))


def _parsed(line: str) -> dict[str, Any]:
    """Return a log line; empty for one that a kill cut off."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
