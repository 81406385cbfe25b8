"""Quota: how many records a minute an agreement lets through at its receiver, or questions at who answers them."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from services.domain.agreement import Agreement
from services.domain.errors import QuotaExceeded
from services.ports.clock import Clock


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float


@dataclass(slots=True)
class Quotas:
    """Token buckets by agreement, in memory: a restart, of the register too, forgives at most one minute.

    Safe to call from any thread. A bucket may go into debt by one batch, so that a quota below the size of a batch
    slows a stream but never stops it.
    """

    clock: Clock
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock, repr=False)

    def take(self, agreement: Agreement, records: int) -> None:
        """Take a batch's records, or questions, from an agreement's bucket.

        Raises:
            QuotaExceeded: The bucket is empty; ``retry_after_s`` says when it is not.
        """
        if agreement.records_per_minute is not None:
            with self._turn:
                self._take(agreement, float(agreement.records_per_minute), records)

    def _take(self, agreement: Agreement, capacity: float, records: int) -> None:
        now = self.clock.monotonic_s()
        bucket = self._buckets.setdefault(agreement.id, _Bucket(capacity, now))
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filled_at_s) * capacity / 60)
        bucket.filled_at_s = now
        if bucket.tokens <= 0:
            wait_s = max(0.1, -bucket.tokens * 60 / capacity)
            raise QuotaExceeded(
                f"agreement {agreement.id} lets {agreement.records_per_minute} records or questions a minute through",
                retry_after_s=wait_s,
            )
        bucket.tokens -= records
