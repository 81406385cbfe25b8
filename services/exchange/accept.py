"""Accept: one open session with a sender, batches against acknowledgements, verified ahead of being applied.

The next batches are verified (processor time, part of it in another process) while the one before them is applied
(disk time). Beyond `AHEAD_BATCHES` nothing is read, and HTTP/2 flow control slows the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from services.domain.agreement import Agreement
from services.domain.batch import Batch, BatchHeader, Signed
from services.domain.errors import ExchangeError, Malformed, StoreUnavailable, Unavailable
from services.domain.stream import StreamName
from services.exchange.ahead import in_groups, map_ahead
from services.exchange.apply import Applied, agreement_of, apply_batch
from services.exchange.deliver import written
from services.exchange.open import Opened, answer_opening, read_opening
from services.exchange.parts import Parts
from services.exchange.quota import Quotas
from services.exchange.verify import VerifiedBatch, verify_batch
from services.ports.store import Store, Transaction

AHEAD_BATCHES: Final = 2


@dataclass(slots=True)
class Reception:
    """One ``Deliver`` stream at its receiver.

    Attributes:
        parts: Ports.
        store: Store.
        quotas: Quotas of all agreements.
        caller_city: City that the connection proved.
        applied: Called after each batch, for logs and metrics.
    """

    parts: Parts
    store: Store
    quotas: Quotas
    caller_city: str
    applied: Callable[[BatchHeader, Applied], None]
    _stream: StreamName | None = None
    _agreements: dict[tuple[str, int], Agreement] = field(default_factory=dict)

    async def open(self, signed: Signed) -> Signed:
        """Answer the sender's opening with this node's signed position.

        Raises:
            ExchangeError: The opening is refused; what the judgement changed (RECOVERING) is on disk.
        """
        opening = read_opening(self.parts, signed, self.caller_city)
        opened: Opened = await written(
            self.store.write(partial(answer_opening, parts=self.parts, signed=signed, opening=opening))
        )
        if opened.refusal is not None:
            raise opened.refusal
        if opened.answer is None:
            raise StoreUnavailable("the opening has no answer", retry_after_s=1.0)
        self._stream = opened.stream
        return opened.answer

    async def acknowledge(self, batches: AsyncIterator[Batch]) -> AsyncIterator[tuple[int, Signed]]:
        """Yield (watermark, receipt) of each batch, in order, once its commit is on disk.

        Raises:
            ExchangeError: A batch is refused; those before it are acknowledged.
        """
        verified = map_ahead(self._admitted(batches), self._verify, AHEAD_BATCHES)
        async for some in in_groups(verified, AHEAD_BATCHES):
            outcome = await written(self.store.write(partial(_apply_in_turn, parts=self.parts, batches=some)))
            for header, applied in outcome.applied:
                self.applied(header, applied)
                if applied.conflict is not None:
                    raise applied.conflict
                if applied.receipt is not None:
                    yield applied.watermark, applied.receipt
            if outcome.refusal is not None:
                raise outcome.refusal

    async def _admitted(self, batches: AsyncIterator[Batch]) -> AsyncIterator[tuple[Batch, Agreement]]:
        async for batch in batches:
            if batch.header.stream != self._stream:
                raise Malformed(f"this session opened {self._stream}, the batch is for {batch.header.stream}")
            agreement = await self._agreement(batch.header)
            self.quotas.take(agreement, batch.header.record_count)
            yield batch, agreement

    async def _verify(self, admitted: tuple[Batch, Agreement]) -> VerifiedBatch:
        batch, agreement = admitted
        return await asyncio.to_thread(verify_batch, self.parts, batch, self.caller_city, agreement.fields)

    async def _agreement(self, header: BatchHeader) -> Agreement:
        key = (header.agreement_id, header.agreement_version)
        if key not in self._agreements:
            self._agreements[key] = await asyncio.to_thread(
                self.store.read, partial(agreement_of, parts=self.parts, header=header)
            )
        return self._agreements[key]


class _Outcome(NamedTuple):
    """What became of some batches: those that were applied, and why the next one was not."""

    applied: list[tuple[BatchHeader, Applied]]
    refusal: ExchangeError | None = None


def _apply_in_turn(tx: Transaction, parts: Parts, batches: Sequence[VerifiedBatch]) -> _Outcome:
    """Apply batches in one transaction, up to the first that is refused: those before it stand.

    Raises:
        Unavailable: The store, or the stream, moved under us: nothing of them was applied.
    """
    applied: list[tuple[BatchHeader, Applied]] = []
    for verified in batches:
        try:
            one = apply_batch(tx, parts, verified)
        except Unavailable:
            raise
        except ExchangeError as refusal:  # it changed nothing
            return _Outcome(applied, refusal)
        applied.append((verified.header, one))
        if one.conflict is not None:
            break
    return _Outcome(applied)
