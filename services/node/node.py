"""Node: one city's parts, store and trust, wired from its home. The composition root of everything but the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from adapters.partner.channel import GrpcPartnerChannel, PartnerCredentials
from certs.digests import DIGESTS
from certs.generation import Generation
from certs.keystore import load_generation
from services.domain.errors import Malformed, Unauthenticated
from services.domain.partner import Partner
from services.domain.stream import StreamName
from services.exchange.parts import Parts
from services.node.couriers import Couriers
from services.node.gates import Gates, local_gates
from services.node.home import Home
from services.node.settings import Settings
from services.node.system import SystemClock, SystemRandom
from services.node.trust import Trust, trust_state
from services.ports.channel import PartnerChannel
from services.ports.store import Store
from services.store.opening import open_store
from services.wire.codecs import IdentityCodec
from services.wire.contents import WireContents

_log = structlog.get_logger("yrdx.node")


class Node:
    """A node in one process; implements `services.ports.host.Host`.

    Attributes:
        parts: Ports of the use cases.
        store: Store.
        trust: Present state of trust.
        couriers: Delivery of outbound streams; they run only while the node serves.
        listen: Address it serves on; empty while it does not.
        stopping: The server was told to stop.
        trust_listeners: Called after trust changed; the server swaps its credentials.
    """

    def __init__(self, home: Home, settings: Settings, generation: Generation, store: Store, gates: Gates) -> None:
        """Wire a node."""
        clock, random = SystemClock(), SystemRandom()
        self._settings = settings
        self.store = store
        self._known = store.read(lambda tx: tx.partners())
        self.trust = Trust(trust_state(generation, self._known))
        self.parts = Parts(
            city=generation.city,
            clock=clock,
            random=random,
            contents=WireContents(),
            signer=self.trust,
            verifier=self.trust,
            gate=gates.submit,
            inbox_gate=gates.inbox,
            codec=IdentityCodec(),
            digests=DIGESTS,
            limits=settings.limits(),
        )
        self.listen = ""
        self.started = clock.now()
        self.stopping = False
        self.trust_listeners: list[Callable[[], None]] = []
        self._channels: dict[str, tuple[Partner, GrpcPartnerChannel]] = {}
        # The home's lock lets one process at a time work there, so host and folder name it.
        holder = f"{socket.gethostname()}:{home.path.resolve()}"
        self.couriers = Couriers(self.parts, store, self.channel, settings.delivery, holder=holder)
        self._warn_refused()

    @property
    def generation(self) -> int:
        """Generation of the key store that is loaded."""
        return self.trust.state.generation.number

    @property
    def confirms_by_itself(self) -> bool:
        """Whether this is a demo home."""
        return self._settings.demo

    def wake(self, stream: StreamName) -> None:
        """Wake one courier."""
        self.couriers.wake(stream)

    def wake_all(self) -> None:
        """Wake every courier."""
        self.couriers.wake_all()

    def last_error(self, stream: StreamName) -> str:
        """Return a stream's last failure in delivery."""
        return self.couriers.last_error(stream)

    def require_admissible(self, partners: Sequence[Partner]) -> None:
        """Refuse partners that contradict each other."""
        refused = trust_state(self.trust.state.generation, partners).refused
        if refused:
            city, why = next(iter(refused.items()))
            raise Malformed(f"the bundle of {city} cannot stand beside the others: {why}")

    async def trust_changed(self) -> None:
        """Load partners anew and tell the server."""
        partners = await asyncio.to_thread(self.store.read, lambda tx: tx.partners())
        if partners == self._known:
            return
        self._known = partners
        self.trust.state = trust_state(self.trust.state.generation, partners)
        self._warn_refused()
        for listener in self.trust_listeners:
            listener()

    async def channel(self, city: str) -> PartnerChannel:
        """Return the channel to a partner, a new one when its bundle or endpoint changed.

        Raises:
            Unauthenticated: The node's own certificate has ended: a partner would cut the handshake and not say why.
        """
        self._require_own_certificate()
        partner, bundle = self.trust.partner(city)
        known = self._channels.get(city)
        if known is not None and (known[0].bundle, known[0].endpoint) == (partner.bundle, partner.endpoint):
            return known[1]
        generation = self.trust.state.generation
        credentials = PartnerCredentials(
            roots_pem=bundle.roots_pem, chain_pem=generation.gateway_chain_pem, key_pem=generation.gateway_key_pem
        )
        channel = GrpcPartnerChannel(city, partner.endpoint, credentials)
        self._channels[city] = (partner, channel)
        if known is not None:
            await known[1].close()
        return channel

    async def close_channels(self) -> None:
        """Close every channel to partners."""
        for _, channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    def _require_own_certificate(self) -> None:
        ended = self.trust.state.generation.gateway.not_after
        if self.parts.clock.now() > ended:
            raise Unauthenticated(
                f"this node's own certificate ended at {ended:%Y-%m-%d %H:%M:%S}Z and no partner takes it any more: "
                "install a new generation of certificates and start the node again"
            )

    def _warn_refused(self) -> None:
        for city, why in self.trust.state.refused.items():
            _log.error("partner.refused", city=city, reason=why)


@contextmanager
def open_node(home: Home, settings: Settings, gates: Gates | None = None) -> Iterator[Node]:
    """Open a home's node: keys, store, trust. The caller holds the home's lock.

    Args:
        home: The home.
        settings: Its settings.
        gates: Gates; None makes them in this process.

    Raises:
        KeystoreBroken: The key store is not whole, or for another city than the settings say.
        ExchangeError: The store cannot be opened, or has pending migrations.
    """
    generation = load_generation(home.path, now=SystemClock().now())
    if generation.city != settings.city:
        raise Malformed(f"the keys are for city {generation.city}, node.toml says {settings.city}: mend node.toml")
    store = open_store(settings.store_url)
    try:
        own_gates = gates or local_gates(settings.dialect, settings.limits().record_bytes_max)
        yield Node(home, settings, generation, store, own_gates)
    finally:
        store.close()
