"""Cities with authorities of their own, and a toy node of one of them on loopback with real TLS."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Final

import grpc
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.partner.channel import GrpcPartnerChannel, PartnerCredentials
from certs.authority import Authority, create_authority, serial_number
from certs.identity import Identity, Role
from certs.pem import certificates_to_pem, private_key_to_pem
from certs.revocation import Revocations
from certs.verification import CallerVerifier
from services.domain.errors import SequenceGap
from services.domain.limits import Limits
from services.rpc.callers import OWN, PARTNER, CallerEntry, CallerGuard, current_caller
from services.rpc.credentials import ServerTrust
from services.rpc.server import NodeServer, Service
from services.wire.batches import limits_to_pb
from services.wire.times import time_to_pb
from tests.observer import FakeCalls
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc
from yrdx.node.v1 import node_pb2, node_pb2_grpc

STREAM = "320600/310000/social.contribution/0"

_EXCHANGE = "/yrdx.exchange.v1.ExchangeService/"
_NODE = node_pb2.DESCRIPTOR.services_by_name["NodeService"]
CALLERS = {
    **{
        f"{_EXCHANGE}{name}": [CallerEntry(PARTNER, "gateway")]
        for name in ("Describe", "Deliver", "ListReceipts", "OfferBundle")
    },
    **{f"/{_NODE.full_name}/{method.name}": [CallerEntry(OWN, "operator")] for method in _NODE.methods},
}


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


@dataclass(frozen=True)
class City:
    """A city with an authority of its own."""

    code: str

    @cached_property
    def authority(self) -> Authority:
        """The authority; made once."""
        return create_authority(
            self.code, now=datetime.now(UTC), serial=serial_number(os.urandom), valid_for=timedelta(days=30)
        )

    @property
    def roots_pem(self) -> bytes:
        """The authority's certificate."""
        return self.authority.certificate_pem()

    def leaf(self, role: Role, *, claim: str | None = None) -> tuple[bytes, bytes]:
        """Issue a leaf; with a claim, one that speaks for another city.

        Returns:
            Certificate and key as PEM.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        city = claim or self.code
        issuer = Authority(city, self.authority.certificate, self.authority.key)
        identity = Identity(city, role, "one")
        leaf = issuer.issue(identity, key.public_key(), now=datetime.now(UTC), serial=serial_number(os.urandom))
        return certificates_to_pem(leaf), private_key_to_pem(key)


NANTONG, SHANGHAI, SUZHOU, STRANGER = City("320600"), City("310000"), City("320500"), City("330100")


@dataclass
class ToyExchange(exchange_pb2_grpc.ExchangeServiceServicer):
    """A servicer that echoes, hangs, or fails as asked.

    Attributes:
        callers: Who described it.
        reading: Taken before each request of a stream, so that a test can stop the reading.
        closed: Set when a stream's servicer let go.
    """

    callers: list[str] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def Describe(  # noqa: N802 - gRPC's name
        self, request: exchange_pb2.DescribeRequest, context: object
    ) -> exchange_pb2.DescribeResponse:
        """Describe Shanghai."""
        self.callers.append(current_caller().identity.uri)
        return exchange_pb2.DescribeResponse(
            city=SHANGHAI.code, limits=limits_to_pb(Limits()), node_time=time_to_pb(datetime.now(UTC))
        )

    async def Deliver(  # noqa: N802
        self, request_iterator: AsyncIterator[exchange_pb2.DeliverRequest], context: object
    ) -> AsyncIterator[exchange_pb2.DeliverResponse]:
        """Answer an opening with itself, and a batch with a gap."""
        try:
            async for request in request_iterator:
                if request.WhichOneof("kind") == "batch":
                    raise SequenceGap(77)
                yield exchange_pb2.DeliverResponse(position=request.opening)
                await self.reading.wait()
        finally:
            self.closed.set()

    async def ListReceipts(  # noqa: N802
        self, request: exchange_pb2.ListReceiptsRequest, context: object
    ) -> exchange_pb2.ListReceiptsResponse:
        """Answer never."""
        try:
            await asyncio.Event().wait()
        finally:
            self.closed.set()
        return exchange_pb2.ListReceiptsResponse()


class ToyNode(node_pb2_grpc.NodeServiceServicer):
    """A node that says its city."""

    async def GetStatus(  # noqa: N802 - gRPC's name
        self, request: node_pb2.GetStatusRequest, context: object
    ) -> node_pb2.GetStatusResponse:
        """Say the city."""
        return node_pb2.GetStatusResponse(city=SHANGHAI.code)


@dataclass
class ToyServer:
    """Shanghai's node on loopback.

    Attributes:
        server: Running server.
        exchange: Its servicer.
        trust: Its TLS.
        callers: Cities whose authorities it verifies callers against.
        guard: Admits callers.
        calls: Every call of it and to it.
        revocations: What it believes no longer.
    """

    server: NodeServer
    exchange: ToyExchange
    trust: ServerTrust
    callers: list[City]
    guard: CallerGuard
    calls: FakeCalls
    revocations: Revocations = field(default_factory=Revocations)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server.port}"

    def partner(self, leaf: tuple[bytes, bytes], *, believing: City = SHANGHAI) -> GrpcPartnerChannel:
        """Return a channel of the product to this server."""
        chain_pem, key_pem = leaf
        return GrpcPartnerChannel(
            SHANGHAI.code, self.address, PartnerCredentials(believing.roots_pem, chain_pem, key_pem), self.calls
        )

    def plain(self, leaf: tuple[bytes, bytes] | None) -> grpc.aio.Channel:
        """Return a channel of gRPC's own, with a certificate or without."""
        return grpc.aio.secure_channel(self.address, _credentials(leaf), options=_AS_SHANGHAI)

    def blocking(self, leaf: tuple[bytes, bytes]) -> grpc.Channel:
        """Return a channel of gRPC's stack for threads."""
        return grpc.secure_channel(self.address, _credentials(leaf), options=_AS_SHANGHAI)


_AS_SHANGHAI: Final = [("grpc.ssl_target_name_override", "gateway.310000.yrdx")]


def _credentials(leaf: tuple[bytes, bytes] | None) -> grpc.ChannelCredentials:
    chain_pem, key_pem = leaf or (None, None)
    return grpc.ssl_channel_credentials(SHANGHAI.roots_pem, key_pem, chain_pem)


def make_server(
    cities: list[City], *, listen: str = "127.0.0.1:0", guard: type[CallerGuard] = CallerGuard
) -> ToyServer:
    """Build Shanghai's server with some cities' roots; it is not started."""
    exchange, known = ToyExchange(), list(cities)
    chain_pem, key_pem = SHANGHAI.leaf("gateway")
    trust = ServerTrust(
        chain_pem=chain_pem, key_pem=key_pem, roots_pem=b"".join(city.roots_pem for city in (SHANGHAI, *cities))
    )

    believed: dict[str, CallerVerifier] = {}

    def callers() -> CallerVerifier:
        """Return one object for one state of trust, as a node does."""
        key = f"{[city.code for city in known]} {server.revocations}"
        roots = {city.code: [city.authority.certificate] for city in (SHANGHAI, *known)}
        return believed.setdefault(key, CallerVerifier(roots, server.revocations))

    services = [
        Service(
            exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"],
            partial(exchange_pb2_grpc.add_ExchangeServiceServicer_to_server, exchange),
        ),
        Service(_NODE, partial(node_pb2_grpc.add_NodeServiceServicer_to_server, ToyNode())),
    ]
    calls = FakeCalls()
    made = guard(CALLERS, own_city=SHANGHAI.code, trust=callers, clock=SystemClock())
    toy = NodeServer(services, made, trust.credentials, listen=listen, limits=Limits(), observer=calls)
    server = ToyServer(toy, exchange, trust, known, made, calls)
    return server


@asynccontextmanager
async def serving(server: ToyServer) -> AsyncIterator[ToyServer]:
    """Start a server, and stop it at once in the end."""
    await server.server.start()
    try:
        yield server
    finally:
        await server.server.stop(0)
