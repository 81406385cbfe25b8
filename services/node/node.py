"""Node: one city's parts, store and trust, wired from its home. The composition root of everything but the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from adapters.partner.retry import Backoff, within
from certs.act_log import ActLog
from certs.approval import verify_approvals
from certs.crl import read_crl
from certs.digests import DIGESTS
from certs.errors import BundleRefused, CertificateRefused, KeystoreBroken
from certs.generation import Generation
from certs.keystore import load_generation
from certs.signing import PublicSigningKey
from certs.verification import CallerVerifier
from services import __version__
from services.domain.errors import Conflict, Malformed, NotPermitted, Unauthenticated
from services.domain.partner import Partner
from services.domain.revocation import CrlState, Revocation
from services.domain.stream import StreamName
from services.exchange.parts import Parts
from services.node.access_key import access_key
from services.node.bundles import Bundles, stated_keys
from services.node.channels import Channels
from services.node.couriers import Couriers
from services.node.gates import Gates, local_gates
from services.node.holidays import load_calendar
from services.node.home import Home
from services.node.key_desk import KeyDesk
from services.node.keys import UsableKeys, passphrase_of, usable_keys
from services.node.known_trust import KnownTrust, known_trust, revocations_of, stale_authorities
from services.node.rotation import Rotation
from services.node.settings import Settings
from services.node.signals.batches import Batches
from services.node.signals.calls import Calls
from services.node.signals.metrics import Metrics
from services.node.signals.tracing import Spans
from services.node.system import SystemClock, SystemRandom
from services.node.trust import Trust, TrustState, trust_state
from services.ports.channel import PartnerChannel
from services.ports.host import Cut
from services.ports.keys import CertificateStatus
from services.ports.store import Store
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
        known: What the store says about trust, as it was read last.
        trust: Present state of trust.
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
        tell_server: Called after trust changed: the server swaps its credentials and cuts calls; None while no server
            runs.
        foresee: Counts the open calls that another state of trust would cut; None while no server runs.
        stopping: The server was told to stop.
        pseudonym: What stands for a subject in the access log.
    """

    def __init__(self, home: Home, settings: Settings, keys: UsableKeys, store: Store, gates: Gates) -> None:
        """Wire a node."""
        clock, random, generation = SystemClock(), SystemRandom(), keys.generation
        self._settings = settings
        self.home = home
        self.store = store
        self.known = store.read(known_trust)
        self.trust = Trust(self._trust_state(generation, self.known))
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
        self._turn = asyncio.Lock()
        self._changing: set[asyncio.Task[Cut]] = set()
        self.tell_server: Callable[[], Awaitable[Cut]] | None = None
        self.foresee: Callable[[CallerVerifier], Cut] | None = None
        self.metrics = Metrics()
        self.spans = _spans(settings, generation.city)
        self.calls = Calls(clock, random, self.metrics, self.spans)
        self.batches = Batches(self.metrics)
        self.channels = Channels(self.trust, self.calls)
        self.rotation = Rotation(
            home.path,
            generation,
            passphrase=passphrase_of(home, settings),
            clock=clock,
            random=random,
            apply=self.use_generation,
            refused=keys.refused,
        )
        self.keys = KeyDesk(home.path, self.trust, self.rotation, clock, lambda: self.channels.draining)
        self.stopping = False
        self.pseudonym = access_key(home.access_key).pseudonym
        self.bundles = Bundles(home.bundle, self.parts, store, self.channel)
        self.couriers = Couriers(
            self.parts, store, self.channel, settings.delivery, holder=self.process, batches=self.batches
        )
        self._warn_refused()

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
        """Load partners and revocations anew; tell the server, cut what is not admitted any more, mend channels.

        It is done to its end also when the call that asked for it is cut by it.
        """
        work = asyncio.create_task(self._change_trust())
        self._changing.add(work)
        work.add_done_callback(self._changing.discard)
        return await asyncio.shield(work)

    async def would_cut(self, revoked: Sequence[Revocation]) -> Cut:
        """Build the state of trust that revocations would lead to, and hold the open calls against it."""
        if self.foresee is None:
            return Cut(0, 0)
        known = await asyncio.to_thread(self.store.read, known_trust)
        later = replace(known, revocations=[*known.revocations, *revoked])
        return self.foresee(self._trust_state(self.trust.state.generation, later).callers)

    async def _change_trust(self) -> Cut:
        async with self._turn:  # or an older read could take the place of a newer one
            return await self._load_trust()

    async def _load_trust(self) -> Cut:
        known = await asyncio.to_thread(self.store.read, known_trust)
        stale = stale_authorities(known, now=self.parts.clock.now())
        if known == self.known and stale == self.trust.state.callers.revocations.stale:
            return Cut(0, 0)
        self.known = known
        self.trust.state = self._trust_state(self.trust.state.generation, known)
        self._warn_refused()
        cut = await self._tell_listeners()
        await self.channels.refresh()
        return cut

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
        acts = await asyncio.to_thread(list, ActLog(self.home.acts).acts())
        try:
            found = verify_approvals(
                approvals,
                act=act,
                digest=digest,
                wanted=self._settings.approvals,
                city=self.parts.city,
                own=self.trust.state.callers,
                used=[name.partition("#")[2] for done in acts for name in done.approvals],
                now=self.parts.clock.now(),
            )
        except CertificateRefused as error:
            raise NotPermitted(f"[{error.reason}] {error}") from error
        return [f"{one.operator.uri}#{one.nonce}" for one in found]

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

    async def use_generation(self, generation: Generation) -> None:
        """Use another generation of keys: on the server from the next handshake on, on channels after a canary."""
        async with self._turn:
            self.trust.state = self._trust_state(generation, self.known)
            await self._tell_listeners()
            await self.channels.refresh()

    def _trust_state(self, generation: Generation, known: KnownTrust) -> TrustState:
        revocations = revocations_of(known, now=SystemClock().now())
        return trust_state(generation, known.partners, revocations, self._stated_keys(generation.city))

    def _stated_keys(self, city: str) -> Sequence[PublicSigningKey]:
        """A damaged bundle of ours stops nothing: only what we signed with former keys is not recognised meanwhile."""
        try:
            return stated_keys(self.home.bundle, city)
        except (BundleRefused, OSError) as error:
            _log.error("bundle.damaged", message=str(error))
            return ()

    async def _tell_listeners(self) -> Cut:
        return await self.tell_server() if self.tell_server is not None else Cut(0, 0)

    def _require_own_certificate(self) -> None:
        ended = self.trust.state.generation.gateway.not_after
        if self.parts.clock.now() > ended:
            raise Unauthenticated(
                f"this node's own certificate ended at {ended:%Y-%m-%d %H:%M:%S}Z and no partner takes it any more: "
                "`yrdx cert renew`; the node takes the new ones by itself"
            )

    def _warn_refused(self) -> None:
        for city, why in self.trust.state.refused.items():
            _log.error("partner.refused", city=city, reason=why)


def _spans(settings: Settings, city: str) -> Spans | None:
    if not settings.trace_endpoint:
        return None
    return Spans.exported_to(settings.trace_endpoint, city=city, software=__version__)


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
    store = open_store(settings.store_url)
    try:
        own_gates = gates or local_gates(settings.dialect, settings.limits().record_bytes_max)
        node = Node(home, settings, keys, store, own_gates)
        with closing(node.spans) if node.spans is not None else nullcontext():
            yield node
    finally:
        store.close()
