"""Couriers: one for each outbound stream (`services.node.courier`), as streams appear and partners pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from services.domain.errors import (
    Unavailable,
)
from services.domain.partner import PartnerState
from services.domain.stream import Direction, StreamName
from services.exchange.parts import Parts
from services.node.courier import Circuit, Courier
from services.node.settings import DeliverySettings
from services.node.signals.batches import Batches
from services.ports.channel import PartnerChannel
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.courier")

DISCOVER_INTERVAL_S: Final = 1.0
"""How often new streams and paused partners are looked for when nobody woke the couriers."""


class Couriers:
    """Starts and stops a courier per outbound stream as streams appear and partners pause."""

    def __init__(
        self,
        parts: Parts,
        store: Store,
        channel: Callable[[str], Awaitable[PartnerChannel]],
        settings: DeliverySettings,
        *,
        holder: str,
        batches: Batches,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            parts: Ports.
            store: Store.
            channel: Returns the channel to a city.
            settings: Leases and pauses.
            holder: Who holds this process's leases. The same after a restart, so that a node that was killed need
                not wait for its own lease to end; different for every process that may run at the same time.
            batches: Told of every batch.
        """
        self._parts = parts
        self._store = store
        self._channel = channel
        self._settings = settings
        self._holder = holder
        self._batches = batches
        self._couriers: dict[StreamName, Courier] = {}
        self._tasks: dict[StreamName, asyncio.Task[None]] = {}
        self._look = asyncio.Event()

    def wake(self, stream: StreamName) -> None:
        """Wake one stream's courier, which may have to be found first."""
        courier = self._couriers.get(stream)
        if courier is None:
            self._look.set()
        else:
            courier.wake()

    def wake_all(self) -> None:
        """Look for streams again and end every courier's pause."""
        self._look.set()
        for courier in self._couriers.values():
            courier.retry_now()

    def last_error(self, stream: StreamName) -> str:
        """Return a stream's last failure."""
        courier = self._couriers.get(stream)
        return courier.last_error if courier else ""

    def circuits(self) -> dict[str, Circuit]:
        """Return for each partner that something is delivered to how the worst of its streams stands; any thread."""
        found: dict[str, Circuit] = {}
        for name, courier in list(self._couriers.items()):
            found[name.to_city] = max(found.get(name.to_city, Circuit.CLOSED), courier.circuit)
        return found

    async def run(self) -> None:
        """Keep one courier per deliverable stream until cancelled."""
        try:
            while True:
                await self._discover()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._look.wait(), DISCOVER_INTERVAL_S)
                self._look.clear()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _discover(self) -> None:
        try:
            wanted = await asyncio.to_thread(self._store.read, _deliverable)
        except Unavailable as error:
            _log.warning("store.unavailable", reason=error.reason, message=str(error))
            return
        for name in set(self._tasks) - wanted:
            self._tasks.pop(name).cancel()
            self._couriers.pop(name)
        for name in wanted - set(self._tasks):
            courier = Courier(
                self._parts,
                self._store,
                name,
                self._channel,
                self._settings,
                holder=self._holder,
                batches=self._batches,
            )
            self._couriers[name] = courier
            self._tasks[name] = asyncio.create_task(courier.run())
        self._restart_crashed()

    def _restart_crashed(self) -> None:
        """A courier never ends by itself: one that did met a bug, which is logged, and the stream goes on."""
        for name, task in list(self._tasks.items()):
            if task.done():
                self._tasks.pop(name)
                self._couriers.pop(name)
                _log.error("courier.crashed", stream=str(name), exc_info=task.exception())


def _deliverable(tx: Transaction) -> set[StreamName]:
    live = {partner.city for partner in tx.partners() if partner.state is PartnerState.LIVE}
    return {stream.name for stream in tx.streams(Direction.OUTBOUND) if stream.name.to_city in live}
