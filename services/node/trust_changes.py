"""Changes of trust while the node runs: keys, partners, revocations; by its own calls or by another process.

Each makes a new state of trust. Then, in this order, the server gets its credentials for new handshakes, every open
call is judged again, and channels to partners change over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from certs.errors import BundleRefused
from certs.generation import Generation
from certs.signing import PublicSigningKey
from certs.verification import CallerVerifier
from services.domain.errors import Unavailable
from services.domain.revocation import Revocation
from services.node.bundles import stated_keys
from services.node.channels import Channels
from services.node.known_trust import KnownTrust, known_trust, revocations_of, stale_authorities
from services.node.trust import Trust, TrustState, trust_state
from services.ports.clock import Clock
from services.ports.host import Cut
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.node")

REVOCATION_POLL_S: Final = 0.1
"""How often a number is read that rises with every revocation."""
TRUST_POLL_S: Final = 2.0
"""How often partners are read again: another process of this node may have changed them."""


def believed(bundle: Path, generation: Generation, known: KnownTrust, *, now: datetime) -> TrustState:
    """Return the state of trust that a generation of keys and the store's snapshot make.

    Args:
        bundle: File of this city's own bundle, which names its former signing keys.
        generation: Own keys.
        known: The snapshot.
        now: Decides which revocation lists have ended.
    """
    own_keys = _stated_keys(bundle, generation.city)
    return trust_state(generation, known.partners, revocations_of(known, now=now), own_keys)


class TrustChanges:
    """Changes a node's trust, one change after another.

    Attributes:
        known: What the store says about trust, as it was read last.
        tell_server: Called after trust changed: the server swaps its credentials and cuts calls; None while no server
            runs.
        foresee: Counts the open calls that another state of trust would cut; None while no server runs.
    """

    def __init__(
        self, trust: Trust, known: KnownTrust, channels: Channels, store: Store, *, bundle: Path, clock: Clock
    ) -> None:
        """Take over the state of trust that the node begins with.

        Args:
            trust: Holds the present state.
            known: What that state was made of.
            channels: Follow it.
            store: Partners and revocations.
            bundle: File of this city's own bundle.
            clock: Present time.
        """
        self.known = known
        self.tell_server: Callable[[], Awaitable[Cut]] | None = None
        self.foresee: Callable[[CallerVerifier], Cut] | None = None
        self._trust = trust
        self._channels = channels
        self._store = store
        self._bundle = bundle
        self._clock = clock
        self._turn = asyncio.Lock()
        self._changing: set[asyncio.Task[Cut]] = set()
        self._warn_refused()

    async def watch(self) -> None:
        """Load what other processes changed, until cancelled: revocations are looked for often, partners less so."""
        stamp, elapsed_s = 0, 0.0
        while True:
            await asyncio.sleep(REVOCATION_POLL_S)
            elapsed_s += REVOCATION_POLL_S
            try:
                before, stamp = stamp, await asyncio.to_thread(self._store.read, _stamp)
                if stamp != before or elapsed_s >= TRUST_POLL_S:
                    elapsed_s = 0.0
                    await self.load()
            except Unavailable as error:
                _log.warning("store.unavailable", reason=error.reason, message=str(error))

    async def load(self) -> Cut:
        """Load partners and revocations anew; it is done to its end also when the call that asked for it is cut by it.

        Returns:
            What it cut.
        """
        work = asyncio.create_task(self._load_in_turn())
        self._changing.add(work)
        work.add_done_callback(self._changing.discard)
        return await asyncio.shield(work)

    async def would_cut(self, revoked: Sequence[Revocation]) -> Cut:
        """Build the state of trust that revocations would lead to, and hold the open calls against it."""
        if self.foresee is None:
            return Cut(0, 0)
        known = await asyncio.to_thread(self._store.read, known_trust)
        later = replace(known, revocations=[*known.revocations, *revoked])
        return self.foresee(self._believed(self._trust.state.generation, later).callers)

    async def use_generation(self, generation: Generation) -> None:
        """Use another generation of keys: on the server from the next handshake on, on channels after a canary."""
        async with self._turn:
            self._trust.state = self._believed(generation, self.known)
            await self._tell_listeners()
            await self._channels.refresh()

    async def _load_in_turn(self) -> Cut:
        async with self._turn:  # or an older read could take the place of a newer one
            return await self._load()

    async def _load(self) -> Cut:
        known = await asyncio.to_thread(self._store.read, known_trust)
        stale = stale_authorities(known, now=self._clock.now())
        if known == self.known and stale == self._trust.state.callers.revocations.stale:
            return Cut(0, 0)
        self.known = known
        self._trust.state = self._believed(self._trust.state.generation, known)
        self._warn_refused()
        cut = await self._tell_listeners()
        await self._channels.refresh()
        return cut

    def _believed(self, generation: Generation, known: KnownTrust) -> TrustState:
        return believed(self._bundle, generation, known, now=self._clock.now())

    async def _tell_listeners(self) -> Cut:
        return await self.tell_server() if self.tell_server is not None else Cut(0, 0)

    def _warn_refused(self) -> None:
        for city, why in self._trust.state.refused.items():
            _log.error("partner.refused", city=city, reason=why)


def _stamp(tx: Transaction) -> int:
    return tx.revocation_stamp()


def _stated_keys(bundle: Path, city: str) -> Sequence[PublicSigningKey]:
    """A damaged bundle of ours stops nothing: only what we signed with former keys is not recognised meanwhile."""
    try:
        return stated_keys(bundle, city)
    except (BundleRefused, OSError) as error:
        _log.error("bundle.damaged", message=str(error))
        return ()
