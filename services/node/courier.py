"""Courier: one task that delivers one outbound stream for as long as the node serves.

It takes the stream's lease, opens a session (`services.exchange.deliver`) and, when that ends, decides by who must
act: a human of this side (DIVERGED), an operator of the other side (probe), or time alone (exponential back-off with
full jitter, without end; `adapters.partner.retry`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from enum import IntEnum
from functools import partial
from typing import Final

import structlog

from adapters.partner.retry import Backoff, endless
from services.domain.batch import BatchHeader
from services.domain.errors import (
    Conflict,
    Diverged,
    ExchangeError,
    LeaseLost,
    NotPermitted,
    Recovering,
    Rejected,
    SequenceGap,
    Unauthenticated,
    Unavailable,
)
from services.domain.stream import Direction, StreamName
from services.exchange.ahead import first_ended
from services.exchange.deliver import Delivery, written
from services.exchange.parts import Parts
from services.exchange.settle import VerifiedReceipt, mark_diverged
from services.node.settings import DeliverySettings
from services.node.signals.batches import Batches
from services.ports.channel import PartnerChannel
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.courier")

GAPS_MAX: Final = 3
"""Gaps in a row before a stream is DIVERGED: the first is answered at once, the next after a back-off."""


class Circuit(IntEnum):
    """Whether a partner answers: CLOSED when it does, OPEN in a pause after a failure, HALF_OPEN while it is tried."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Courier:
    """Delivers one stream.

    Attributes:
        last_error: The last failure; empty when the partner answered since.
    """

    def __init__(
        self,
        parts: Parts,
        store: Store,
        stream: StreamName,
        channel: Callable[[str], Awaitable[PartnerChannel]],
        settings: DeliverySettings,
        *,
        holder: str,
        batches: Batches,
    ) -> None:
        """Prepare a courier; `run` does the work."""
        self._parts = parts
        self._store = store
        self._stream = stream
        self._channel = channel
        self._settings = settings
        self._holder = holder
        self._rows = asyncio.Event()
        self._retry_now = asyncio.Event()
        self._backoff = Backoff(parts.random, ceiling_s=settings.backoff_max_s, probe_s=settings.probe_s)
        self._gaps = 0
        self._trying = False
        self._batches = batches
        self._attempts: dict[tuple[int, int], int] = {}
        self.last_error = ""

    @property
    def circuit(self) -> Circuit:
        """Whether the partner answers, as the pauses between attempts show it."""
        if not self.last_error:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._trying else Circuit.OPEN

    def wake(self) -> None:
        """Say that rows were submitted."""
        self._rows.set()

    def retry_now(self) -> None:
        """End a pause: an operator changed something, or the partner answered a ping."""
        self._retry_now.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            async for attempt in endless(self._backoff, self._pause):
                with attempt:
                    await self._attempt()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retry_now.wait(), seconds)
        self._retry_now.clear()

    async def _attempt(self) -> None:
        """Run one session and turn its end into who must act; time alone mends `Unavailable`."""
        self._trying = True
        try:
            await self._session()
        except SequenceGap as error:
            await self._gap(error)
        except (Recovering, Diverged) as error:
            self._failed(error)
            raise Unavailable(str(error), retry_after_s=self._settings.probe_s) from error
        except LeaseLost as error:
            raise Unavailable(str(error), retry_after_s=self._settings.lease_s / 3) from error
        except (Conflict, Rejected) as error:
            await self._diverge(error)
        except (Unavailable, NotPermitted, Unauthenticated) as error:
            self._failed(error)
            raise
        except ExchangeError as error:
            self._failed(error)
            raise Unavailable(str(error)) from error
        finally:
            self._trying = False

    async def _session(self) -> None:
        fence = await self._lease()
        if fence is None:
            raise LeaseLost(f"another process delivers {self._stream}")
        delivery = Delivery(self._parts, self._store, self._stream, fence, self._rows, self._sending, self._progressed)
        channel = await self._channel(self._stream.to_city)
        try:
            await first_ended(delivery.run(channel), self._renew(fence))
        finally:
            release = partial(_release, name=self._stream, holder=self._holder)
            with suppress(Unavailable):  # it ends by itself
                await written(self._store.write(release))

    async def _renew(self, fence: int) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            if await self._lease() != fence:
                raise LeaseLost(f"the lease on {self._stream} is another's")

    async def _lease(self) -> int | None:
        now = self._parts.clock.now()
        until = now + timedelta(seconds=self._settings.lease_s)

        def take(tx: Transaction) -> int | None:
            stream = tx.stream(self._stream, Direction.OUTBOUND)
            return tx.take_lease(stream.id, self._holder, now=now, until=until) if stream else None

        return await written(self._store.write(take))

    async def _gap(self, error: SequenceGap) -> None:
        self._gaps += 1
        if self._gaps >= GAPS_MAX:
            await self._diverge(error)
        self._failed(error)
        raise Unavailable(str(error), retry_after_s=0.0 if self._gaps == 1 else None) from error

    async def _diverge(self, error: ExchangeError) -> None:
        self._failed(error)
        work = partial(mark_diverged, name=self._stream, reason=f"[{error.reason}] {error}")
        await written(self._store.write(work))
        _log.error("stream.diverged", stream=str(self._stream), reason=error.reason)
        raise Unavailable(str(error), retry_after_s=self._settings.probe_s) from error

    def _failed(self, error: ExchangeError) -> None:
        self.last_error = f"[{error.reason}] {error}"
        self._batches.failed(self._stream, error)

    def _sending(self, header: BatchHeader) -> None:
        place = (header.epoch, header.first_sequence)
        self._attempts[place] = self._attempts.get(place, 0) + 1
        self._batches.sending(header)

    def _progressed(self, answer: VerifiedReceipt | None) -> None:
        self._backoff.progressed()
        self._gaps = 0
        self.last_error = ""
        if answer is None:
            _log.info("stream.opened", stream=str(self._stream))
            return
        place = (answer.receipt.epoch, answer.receipt.first_sequence)
        self._batches.acknowledged(answer, attempts=self._attempts.get(place, 0))
        # Answers come in order; what is before one, of an ended epoch say, is not asked for again.
        self._attempts = {other: count for other, count in self._attempts.items() if other > place}


def _release(tx: Transaction, name: StreamName, holder: str) -> None:
    stream = tx.stream(name, Direction.OUTBOUND)
    if stream is not None:
        tx.release_lease(stream.id, holder)
