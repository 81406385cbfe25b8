"""Node: one city's parts, store and trust, wired from its home. The composition root of everything but the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from adapters.partner.retry import Backoff, within
from certs.act_log import ActLog
from certs.crl import read_crl
from certs.digests import DIGESTS
from certs.errors import CertificateRefused, KeystoreBroken
from certs.keystore import load_generation
from services import __version__
from services.domain.errors import Conflict, Malformed, NotPermitted, StoreFailed, Unauthenticated
from services.domain.partner import Partner
from services.domain.revocation import CrlState, Revocation
from services.domain.stream import StreamName
from services.exchange.parts import Parts
from services.node.access_key import access_key
from services.node.acts import approved_by
from services.node.bundles import Bundles
from services.node.channels import Channels
from services.node.couriers import Couriers
from services.node.gates import Gates, local_gates
from services.node.holidays import load_calendar
from services.node.home import Home
from services.node.key_desk import KeyDesk
from services.node.keys import UsableKeys, passphrase_of, usable_keys
from services.node.known_trust import known_trust
from services.node.rotation import Rotation
from services.node.settings import Settings
from services.node.signals.batches import Batches
from services.node.signals.calls import Calls
from services.node.signals.logs import write_waiting
from services.node.signals.metrics import Metrics
from services.node.signals.tracing import Spans
from services.node.system import SystemClock, SystemRandom
from services.node.trust import Trust, trust_state
from services.node.trust_changes import TrustChanges, believed
from services.ports.channel import PartnerChannel
from services.ports.host import Cut
from services.ports.keys import CertificateStatus
from services.ports.store import Store
from services.store.failures import end_process
from services.store.opening import open_store
from services.wire.codecs import IdentityCodec
from services.wire.contents import WireContents

_log = structlog.get_logger("yrdx.node")

QUESTION_S: Final = 5.0
"""Time in which a partner that is not there is asked again; a clerk waits."""


class Node:
    """A node in one process; implements `services.ports.host.Host`.

    Attributes:
        parts: Ports of the use cases.
        home: Layout of its home.
        calendar: Working days that statutory clocks count.
        store: Store.
        trust: Present state of trust.
        trust_changes: What changes it, and what follows from that.
        metrics: Count what happens.
        spans: Keeps traces; None where no collector is named.
        calls: Is told of every RPC.
        batches: Is told of every batch.
        couriers: Delivery of outbound streams; they run only while the node serves.
        listen: Address it serves on; empty while it does not.
        channels: Channels to partners.
        rotation: Follows the key store.
        bundles: Hands this city's bundle to partners.
        keys: The key store as an operator sees it.
        stopping: The server was told to stop.
        pseudonym: What stands for a subject in the access log.
    """

    def __init__(self, home: Home, settings: Settings, keys: UsableKeys, store: Store, gates: Gates) -> None:
        """Wire a node."""
        clock, random, generation = SystemClock(), SystemRandom(), keys.generation
        self._settings = settings
        self.home = home
        self.store = store
        known = store.read(known_trust)
        self.trust = Trust(believed(home.bundle, generation, known, now=clock.now()))
        self.parts = Parts(
            city=generation.city,
            clock=clock,
            random=random,
            contents=WireContents(),
            signer=self.trust,
            verifier=self.trust,
            gate=gates.submit,
            inbox_gate=gates.inbox,
            courses=gates.courses,
            codec=IdentityCodec(),
            digests=DIGESTS,
            limits=settings.limits(),
        )
        self.calendar = load_calendar(home.path / settings.holidays_file if settings.holidays_file else None)
        self.listen = ""
        self.started = clock.now()
        self.metrics = Metrics()
        self.spans = _spans(settings, generation.city)
        self.calls = Calls(clock, random, self.metrics, self.spans)
        self.batches = Batches(self.metrics)
        self.channels = Channels(self.trust, self.calls)
        self.trust_changes = TrustChanges(self.trust, known, self.channels, store, bundle=home.bundle, clock=clock)
        self.rotation = Rotation(
            home.path,
            generation,
            passphrase=passphrase_of(home, settings),
            clock=clock,
            random=random,
            apply=self.trust_changes.use_generation,
            refused=keys.refused,
        )
        self.keys = KeyDesk(home.path, self.trust, self.rotation, clock, lambda: self.channels.draining)
        self.stopping = False
        self.pseudonym = access_key(home.access_key).pseudonym
        self.bundles = Bundles(home.bundle, self.parts, store, self.channel)
        self.couriers = Couriers(
            self.parts, store, self.channel, settings.delivery, holder=self.process, batches=self.batches
        )

    @property
    def process(self) -> str:
        """This process: the home's lock lets one at a time work there, so host and folder name it."""
        return f"{socket.gethostname()}:{self.home.path.resolve()}"

    @property
    def generation(self) -> int:
        """Generation of the key store that is loaded."""
        return self.trust.state.generation.number

    @property
    def fingerprint(self) -> str:
        """Fingerprint of that generation."""
        return self.trust.state.generation.fingerprint

    @property
    def metrics_file(self) -> Path:
        """Where metrics are written."""
        named = self._settings.metrics_file
        return Path(named) if named else self.home.metrics

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

    async def trust_changed(self) -> Cut:
        """Load partners and revocations anew."""
        return await self.trust_changes.load()

    async def would_cut(self, revoked: Sequence[Revocation]) -> Cut:
        """Tell what revocations would cut."""
        return await self.trust_changes.would_cut(revoked)

    def certificates_of(self, city: str) -> Sequence[CertificateStatus]:
        """Return the certificates known of a city."""
        return [one for one in self.keys.status().certificates if one.city == city]

    def read_crl(self, city: str, data: bytes) -> tuple[CrlState, Sequence[tuple[int, datetime]]]:
        """Return a revocation list that one of a city's authorities signed."""
        now, roots = self.parts.clock.now(), self.trust.state.callers.roots_of(city)
        try:
            crl = read_crl(data, roots, now=now)
        except CertificateRefused as error:
            raise Malformed(f"[{error.reason}] {error}") from error
        state = CrlState(crl.authority, city, crl.number, crl.this_update, crl.next_update)
        return state, list(crl.serials.items())

    async def try_generation(self, number: int) -> Mapping[str, str]:
        """Call every live partner with the leaf of a generation that is not in use."""
        passphrase = passphrase_of(self.home, self._settings)
        try:
            found = await asyncio.to_thread(
                load_generation, self.home.path, now=self.parts.clock.now(), passphrase=passphrase, number=number
            )
        except KeystoreBroken as error:
            raise Conflict(f"[{error.reason}] {error}") from error
        return await self.channels.canaries(found)

    async def require_approved(self, act: str, digest: str, approvals: Sequence[bytes]) -> Sequence[str]:
        """Make sure that enough operators approved an act that grants trust."""
        if self._settings.approvals == 1 and not approvals:
            return []
        own, now = self.trust.state.callers, self.parts.clock.now()
        wanted, city, log = self._settings.approvals, self.parts.city, ActLog(self.home.acts)
        verify = partial(approved_by, act=act, digest=digest, wanted=wanted, city=city, own=own, now=now)
        try:
            return await asyncio.to_thread(verify, approvals, log)
        except CertificateRefused as error:
            raise NotPermitted(f"[{error.reason}] {error}") from error

    async def record_act(
        self, act: str, subject: str, *, by: str, details: Mapping[str, str], approvals: Sequence[str] = ()
    ) -> None:
        """Write an act on trust into the append-only log."""
        append = partial(ActLog(self.home.acts).append, act, subject, by=by, now=self.parts.clock.now())
        await asyncio.to_thread(append, details=details, approvals=approvals)

    async def channel(self, city: str) -> PartnerChannel:
        """Return the channel to a partner.

        Raises:
            Unauthenticated: The node's own certificate has ended: a partner would cut the handshake and not say why.
        """
        self._require_own_certificate()
        return await self.channels.get(city)

    async def ask(self, city: str, method: str, question: bytes) -> bytes:
        """Ask a partner, again for a few seconds while it is not there."""

        async def once() -> bytes:
            return await (await self.channel(city)).ask(method, question)

        return await within(QUESTION_S, Backoff(self.parts.random), asyncio.sleep)(once)

    def _require_own_certificate(self) -> None:
        ended = self.trust.state.generation.gateway.not_after
        if self.parts.clock.now() > ended:
            raise Unauthenticated(
                f"this node's own certificate ended at {ended:%Y-%m-%d %H:%M:%S}Z and no partner takes it any more: "
                "`yrdx cert renew`; the node takes the new ones by itself"
            )


def _spans(settings: Settings, city: str) -> Spans | None:
    if not settings.trace_endpoint:
        return None
    return Spans.exported_to(settings.trace_endpoint, city=city, software=__version__)


def _end(failure: StoreFailed) -> None:
    """End the process; what it was doing is said before."""
    write_waiting()
    end_process(failure)


@contextmanager
def open_node(home: Home, settings: Settings, gates: Gates | None = None) -> Iterator[Node]:
    """Open a home's node: keys, store, trust. The caller holds the home's lock.

    Args:
        home: The home.
        settings: Its settings.
        gates: Gates; None makes them in this process.

    Raises:
        KeystoreBroken: No generation of the key store can be used.
        ExchangeError: The store cannot be opened, or has pending migrations.
    """
    keys = usable_keys(home, settings, now=SystemClock().now())
    if keys.generation.city != settings.city:
        raise Malformed(f"the keys are for city {keys.generation.city}, node.toml says {settings.city}: mend node.toml")
    store = open_store(settings.store_url, on_failure=_end)
    try:
        own_gates = gates or local_gates(settings.dialect, settings.limits().record_bytes_max)
        node = Node(home, settings, keys, store, own_gates)
        with closing(node.spans) if node.spans is not None else nullcontext():
            yield node
    finally:
        store.close()
