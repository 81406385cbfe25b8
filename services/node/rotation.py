"""Rotation: the node follows its key store while it serves, and renews its leaves before they end.

Every second: dropped files are taken in, a moved ``current`` is loaded, and leaves past two thirds of their life are
issued anew when the authority's key is on this machine. Whatever is refused leaves the loaded generation in place; the
reason is logged and kept for `yrdx cert show`.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from adapters.partner.retry import Backoff
from certs.drop import KeystoreWatch, has_drop, take_drop
from certs.errors import KeystoreBroken, Reason, TrustError
from certs.generation import Generation
from certs.inventory import renewal_time
from certs.keystore import install_generation, load_generation, renewed_files
from certs.offline import load_authority
from services.domain.errors import Conflict
from services.ports.clock import Clock, Random

_log = structlog.get_logger("yrdx.keys")

LOOK_S: Final = 1.0
"""How often names, sizes and times are looked at."""
RETRY_CEILING_S: Final = 3600.0
"""Longest pause between attempts to renew."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a generation was not taken.

    Attributes:
        time: When.
        reason: Stable word.
        message: For people.
    """

    time: datetime
    reason: str
    message: str


class Rotation:
    """Keeps a node's loaded generation up to its key store.

    Attributes:
        generation: Loaded generation.
        loaded: When it was loaded.
        refusal: Why the last one was not taken; None since one was.
    """

    def __init__(
        self,
        home: Path,
        generation: Generation,
        *,
        passphrase: bytes | None,
        clock: Clock,
        random: Random,
        apply: Callable[[Generation], Awaitable[None]],
        refused: KeystoreBroken | None = None,
    ) -> None:
        """Begin with the generation that the node started with.

        Args:
            home: The node's home.
            generation: Loaded generation.
            passphrase: Opens and encrypts keys.
            clock: Time.
            random: Jitter of renewals.
            apply: Makes the node use another generation.
            refused: Why that is not the current one; None when it is.
        """
        self._home = home
        self._passphrase = passphrase
        self._clock = clock
        self._apply = apply
        self._watch = KeystoreWatch(home)
        self._backoff = Backoff(random, ceiling_s=RETRY_CEILING_S)
        self._jitter = random.uniform(0.0, 1.0)
        self._not_again_before = clock.monotonic_s()
        self._turn = asyncio.Lock()
        self.generation = generation
        self.loaded = clock.now()
        self.refusal: Refusal | None = None
        if refused is not None:
            used = f"generation {generation.number} is used, and `yrdx cert rollback` makes it the current one"
            self._refuse("start", refused.reason.value, f"{refused}; {used}")

    @property
    def renewal_time(self) -> datetime:
        """When the leaves are renewed: the first that is due decides for all."""
        leaves = [pair.leaf for pair in self.generation.pairs.values()]
        return min(renewal_time(leaf.not_valid_before_utc, leaf.not_valid_after_utc, self._jitter) for leaf in leaves)

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Do whatever is due now."""
        if self._watch.dropped():
            await self._attempt("drop", self._take_drop)
        if self._watch.moved():
            await self._attempt("load", self.load)
        if self._renewal_is_due():
            await self._renew_by_itself()

    async def load(self) -> None:
        """Use the generation that is current on disk, if it is another one than the loaded.

        Raises:
            KeystoreBroken: It is refused; the loaded one stays.
        """
        async with self._turn:
            now = self._clock.now()
            found = await asyncio.to_thread(load_generation, self._home, now=now, passphrase=self._passphrase)
            if found.city != self.generation.city:
                raise KeystoreBroken(
                    Reason.CITY_MISMATCH, f"the keys on disk are of {found.city}: another city's store"
                )
            self._watch.moved()
            self.refusal = None
            if (found.number, found.fingerprint) == (self.generation.number, self.generation.fingerprint):
                return
            await self._apply(found)
            self.generation, self.loaded = found, now
        _log.info("keys.loaded", generation=found.number, fingerprint=found.fingerprint, ends=str(found.not_after))

    async def reload(self) -> None:
        """Load at an operator's wish.

        Raises:
            Conflict: It is refused, with the reason; the loaded one stays.
        """
        taken = not has_drop(self._home) or await self._attempt("drop", self._take_drop)
        if taken:
            await self._attempt("load", self.load)
        if self.refusal is not None:
            raise Conflict(f"[{self.refusal.reason}] {self.refusal.message}")

    async def renew(self) -> None:
        """Issue new leaves under the authority on this machine and use them.

        Raises:
            TrustError: The authority's key is not here, or refuses.
        """
        await asyncio.to_thread(self._issue)
        await self.load()

    def _issue(self) -> None:
        now, passphrase = self._clock.now(), self._passphrase
        authority = load_authority(self._home, passphrase)
        files = renewed_files(self._home, authority, now=now, random=os.urandom, passphrase=passphrase)
        install_generation(self._home, files, now=now, passphrase=passphrase)

    async def _take_drop(self) -> None:
        taken = await asyncio.to_thread(take_drop, self._home, now=self._clock.now(), passphrase=self._passphrase)
        if taken is not None:
            await self.load()

    async def _attempt(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except TrustError as error:
            self._refuse(what, error.reason.value, str(error))
            return False
        except OSError as error:
            self._refuse(what, errno.errorcode.get(error.errno or 0, "SYSTEM"), str(error.strerror))
            return False
        return True

    def _refuse(self, what: str, reason: str, message: str) -> None:
        self.refusal = Refusal(self._clock.now(), reason, message)
        _log.error("keys.refused", act=what, reason=reason, message=message)

    def _renewal_is_due(self) -> bool:
        due = self._clock.now() >= self.renewal_time
        return due and self._clock.monotonic_s() >= self._not_again_before

    async def _renew_by_itself(self) -> None:
        """Try, and after a failure not again for a while: with the key offline an operator has to act."""
        if await self._attempt("renew", self.renew):
            self._backoff.progressed()
            return
        pause_s = max(self._backoff.after(None), 60.0)
        self._not_again_before = self._clock.monotonic_s() + pause_s
