"""Deliver: one open session with a receiver, batches against receipts, a bounded number in flight.

Sending and receiving run side by side; a semaphore bounds the unanswered batches, so memory stays the same at any
backlog. Every failure ends the session with the error that says who must act; `services/node/courier.py` decides
when the next one opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from services.domain.batch import Batch, BatchHeader, StoredBatch
from services.domain.errors import Diverged, Malformed
from services.domain.stream import Direction, StreamName
from services.exchange.agreements import agreement_in_force
from services.exchange.ahead import first_ended, in_groups
from services.exchange.dial import Resume, make_opening, read_answer, resume_from
from services.exchange.parts import Parts
from services.exchange.seal import seal_pending
from services.exchange.settle import VerifiedReceipt, settle_receipts, verify_receipt
from services.exchange.standards import verify_described
from services.ports.channel import DeliverSession, PartnerChannel
from services.ports.store import Store, Transaction

T = TypeVar("T")

PAGE_BATCHES: Final = 4
"""Stored batches read at once when they are sent again; bounds memory."""

SEALED_AT_ONCE_BATCHES: Final = 4
"""Batches that share a transaction when so many rows are pending."""

SEALED_AHEAD_BATCHES: Final = 1
"""Batches that are sealed (disk time) while the one before them is sent (network time)."""

IDLE_POLL_S: Final = 1.0
"""How often pending rows are looked for when nobody woke the courier (polling is the truth, waking a hint)."""


async def written(future: Future[T]) -> T:
    """Wait for a unit of work to be on disk."""
    return await asyncio.wrap_future(future)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one session needs.

    Attributes:
        parts: Ports.
        store: Store.
        stream: Outbound stream.
        fence: Fencing number of the lease that the caller holds and renews.
        wake: Set when rows were submitted.
        sending: Called with each batch's header before it goes, for the first time or again.
        progressed: Called when the partner answered: with None after the opening, with each receipt then.
    """

    parts: Parts
    store: Store
    stream: StreamName
    fence: int
    wake: asyncio.Event
    sending: Callable[[BatchHeader], None]
    progressed: Callable[[VerifiedReceipt | None], None]

    async def run(self, channel: PartnerChannel) -> None:
        """Open the stream and deliver until an error, a finished replay, or cancellation.

        Returns after a replay, and when the channel is retiring and everything sent is answered: the next session
        opens anew and finds the receiver where it was.

        Raises:
            StandardIncompatible: The partner describes itself as unable to keep what is sent here; nothing was opened.
            ExchangeError: Whatever ended the session; nothing acknowledged is lost by it.
        """
        with channel.kept():
            await self._deliver(channel)

    async def _deliver(self, channel: PartnerChannel) -> None:
        opening = await self._write(lambda tx: make_opening(tx, self.parts, self.stream, fence=self.fence))
        await self._verify_standards(channel)
        async with channel.deliver() as session:
            signed = await session.open(opening)
            answer = read_answer(self.parts, self.stream, opening, signed)
            resume = await self._write(lambda tx: resume_from(tx, self.stream, self.fence, answer))
            self.progressed(None)
            await _Window(self, session, lambda: channel.retiring).run(resume)

    async def _verify_standards(self, channel: PartnerChannel) -> None:
        """Ask before opening, so that both sides' versions are named: the receiver of an opening knows only one."""
        described, now = await channel.describe(), self.parts.clock.now()
        agreement = await asyncio.to_thread(self.store.read, lambda tx: agreement_in_force(tx, self.stream, now))
        verify_described(agreement, self.parts.gate, described)

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        return await written(self.store.write(work))

    async def batches(self, resume: Resume, leaving: Callable[[], bool]) -> AsyncIterator[Batch]:
        """Yield what to send: a replay alone, or unanswered batches and then newly sealed ones until told to leave."""
        if resume.replay_until:
            async for batch in self._replay(resume):
                yield batch
            return
        async for batch in self._unanswered(resume):
            yield batch
        seal = partial(
            seal_pending, parts=self.parts, name=self.stream, fence=self.fence, batches_max=SEALED_AT_ONCE_BATCHES
        )
        while not leaving():
            sealed = await self._write(seal)
            for batch in sealed:
                yield batch
            if not sealed:
                await self._wait_for_rows()

    async def _unanswered(self, resume: Resume) -> AsyncIterator[Batch]:
        after = resume.after_sequence
        while found := await self._stored(resume.epoch, after, receipted=False):
            for batch in found:
                after = batch.header.last_sequence
                yield batch

    async def _replay(self, resume: Resume) -> AsyncIterator[Batch]:
        after = resume.after_sequence
        while after < resume.replay_until:
            found = await self._stored(resume.epoch, after, receipted=True)
            if not found:
                raise Diverged(f"{self.stream}: no batch after sequence {after} has a receipt to replay")
            for batch in found:
                after = batch.header.last_sequence
                yield batch

    async def _stored(self, epoch: int, after: int, *, receipted: bool) -> list[Batch]:
        """Return the next few stored batches, read in a thread of their own."""

        def read(tx: Transaction) -> list[Batch]:
            stream = tx.stream(self.stream, Direction.OUTBOUND)
            if stream is None:
                return []
            find = tx.receipted if receipted else tx.unacknowledged
            found = find(stream.id, epoch, after_sequence=after, limit=PAGE_BATCHES)
            return [self._as_sent(tx, stored) for stored in found]

        return await asyncio.to_thread(self.store.read, read)

    def _as_sent(self, tx: Transaction, stored: StoredBatch) -> Batch:
        """Return a stored batch exactly as it was sealed; with its receipt when it has one (a replay)."""
        header = self.parts.contents.header_from_bytes(stored.signed_header.content)
        return Batch(header, stored.signed_header, tx.sealed_records(stored), stored.receipt)

    async def _wait_for_rows(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), IDLE_POLL_S)
        self.wake.clear()


class _Window:
    """The batches of one session that are sent and not yet answered."""

    def __init__(self, delivery: Delivery, session: DeliverSession, leaving: Callable[[], bool]) -> None:
        self._delivery = delivery
        self._session = session
        self._leaving = leaving
        self._size = delivery.parts.limits.batches_in_flight_max
        self._slots = asyncio.Semaphore(self._size)
        self._unanswered = 0

    async def run(self, resume: Resume) -> None:
        """Send and receive side by side; the first failure, or everything sent and answered, ends both."""
        await first_ended(self._send(resume), self._receive())

    async def _send(self, resume: Resume) -> None:
        async for batches in in_groups(self._delivery.batches(resume, self._leaving), SEALED_AHEAD_BATCHES):
            for batch in batches:
                await self._slots.acquire()
                self._unanswered += 1
                self._delivery.sending(batch.header)
                await self._session.send(batch)
        for _ in range(self._size):  # the session is finished when every slot is free again
            await self._slots.acquire()

    async def _receive(self) -> None:
        """Store receipts, all that came meanwhile in one transaction, and then free their places in the window."""
        delivery = self._delivery
        async for receipts in in_groups(self._receipts(), self._size):
            work = partial(
                settle_receipts,
                parts=delivery.parts,
                name=delivery.stream,
                fence=delivery.fence,
                receipts=receipts,
            )
            await written(delivery.store.write(work))
            for receipt in receipts:
                self._slots.release()
                delivery.progressed(receipt)

    async def _receipts(self) -> AsyncIterator[VerifiedReceipt]:
        stream = self._delivery.stream
        while True:
            _, signed = await self._session.receive()
            if not self._unanswered:
                raise Malformed(f"{stream}: an acknowledgement came for nothing that was sent")
            self._unanswered -= 1
            yield verify_receipt(self._delivery.parts, stream, signed)
