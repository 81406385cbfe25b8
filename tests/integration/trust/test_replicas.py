"""Two processes of one node, on one store: what one revokes the other cuts."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import grpc

from certs.inventory import fingerprint_of
from certs.keystore import load_generation
from services.node.bench.postgres import running_postgres
from services.node.conformance.sender import Sender
from services.node.home import Home
from services.node.session import open_session
from services.node.system import SystemClock
from tests.integration.support.guests import hosting
from tests.integration.support.nodes import SHANGHAI, Node, free_port, make_node
from tests.integration.support.waiting import until
from yrdx.exchange.v1 import exchange_pb2_grpc
from yrdx.node.v1 import node_pb2

STREAMS = 10


def test_a_revocation_is_in_effect_on_every_process(tmp_path: Path) -> None:
    """The second process holds the streams, the first one is told to revoke; each stream ends within a second.

    Asked beforehand, each process counts its own calls and says which one it is.
    """
    with (
        running_postgres() as server,
        make_node(tmp_path, SHANGHAI, store_url=server.create_database()) as first,
        hosting(first, tmp_path) as host,
        _replica(first, tmp_path / "replica") as second,
    ):
        assert asyncio.run(_cut_within_s(host.guest(), first, second)) < 1.0
        cut = until("the cut is in the log", lambda: second.log_events("calls.cut"))
        assert cut[0]["calls"] == STREAMS


def _replica(node: Node, path: Path) -> Node:
    """The same keys and the same store, on another port."""
    shutil.copytree(node.path, path, symlinks=True, ignore=shutil.ignore_patterns("node.lock", "node.log"))
    home = Home(path)
    home.settings.write_text(home.settings.read_text().replace(node.listen, f"127.0.0.1:{free_port()}"))
    return Node(home)


async def _cut_within_s(guest: Sender, first: Node, second: Node) -> float:
    keys = load_generation(guest.home, now=SystemClock().now())
    credentials = grpc.ssl_channel_credentials(guest.roots_pem, keys.gateway_key_pem, keys.gateway_chain_pem)
    options = [("grpc.ssl_target_name_override", "gateway.310000.yrdx")]
    await asyncio.sleep(3)  # the second process reads partners every two seconds
    async with grpc.aio.secure_channel(second.listen, credentials, options=options) as channel:
        calls = [exchange_pb2_grpc.ExchangeServiceStub(channel).Deliver() for _ in range(STREAMS)]
        await asyncio.gather(*(call.wait_for_connection() for call in calls))
        await asyncio.sleep(0.5)
        subject = f"{guest.city}:{fingerprint_of(keys.gateway.leaf)}"
        for process, cut in ((first, 0), (second, STREAMS)):
            foreseen = await asyncio.to_thread(_revoke, process, subject, dry_run=True)
            assert (foreseen.calls_cut, foreseen.counted_at.endswith(f":{process.path}")) == (cut, True)
        await asyncio.to_thread(_revoke, first, subject)
        begun = time.perf_counter()
        async with asyncio.timeout(10):
            codes = await asyncio.gather(*(call.code() for call in calls))
        assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED}
        return time.perf_counter() - begun


def _revoke(node: Node, subject: str, *, dry_run: bool = False) -> node_pb2.RevocationEffect:
    request = node_pb2.RevokeRequest(grain="leaf", subject=subject, reason="drill", dry_run=dry_run)
    with open_session(node.path) as session:
        effect: node_pb2.RevocationEffect = session.stub.Revoke(request).effect
    return effect
