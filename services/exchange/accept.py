"""Accept: one open session with a sender, batches against acknowledgements, verified ahead of being applied.

The next batch is verified (processor time) while the one before it is applied (disk time). At most
`AHEAD_BATCHES` wait in between; beyond that nothing is read, and HTTP/2 flow control slows the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from services.domain.agreement import Agreement
from services.domain.batch import Batch, BatchHeader, Signed
from services.domain.errors import Malformed, StoreUnavailable
from services.domain.stream import StreamName
from services.exchange.ahead import read_ahead
from services.exchange.deliver import written
from services.exchange.open import Opened, answer_opening, read_opening
from services.exchange.parts import Parts
from services.exchange.quota import Quotas
from services.exchange.receive import Applied, VerifiedBatch, agreement_of, apply_batch, verify_batch
from services.ports.store import Store

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
        async for verified in read_ahead(self._verified(batches), AHEAD_BATCHES):
            applied = await written(self.store.write(partial(apply_batch, parts=self.parts, verified=verified)))
            self.applied(verified.header, applied)
            if applied.conflict is not None:
                raise applied.conflict
            if applied.receipt is not None:
                yield applied.watermark, applied.receipt

    async def _verified(self, batches: AsyncIterator[Batch]) -> AsyncIterator[VerifiedBatch]:
        async for batch in batches:
            if batch.header.stream != self._stream:
                raise Malformed(f"this session opened {self._stream}, the batch is for {batch.header.stream}")
            agreement = await self._agreement(batch.header)
            self.quotas.take(agreement, batch.header.record_count)
            yield await asyncio.to_thread(verify_batch, self.parts, batch, self.caller_city, agreement.fields)

    async def _agreement(self, header: BatchHeader) -> Agreement:
        key = (header.agreement_id, header.agreement_version)
        if key not in self._agreements:
            self._agreements[key] = await asyncio.to_thread(self.store.read, partial(agreement_of, header=header))
        return self._agreements[key]
