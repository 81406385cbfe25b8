"""The machine's clock and randomness."""

from __future__ import annotations

import gc
import os
import random
import time
from datetime import UTC, datetime
from typing import Final

SALT_BYTES: Final = 16

_YOUNG_OBJECTS: Final = 50_000
"""A few batches of records; Python's own threshold, 700, collects hundreds of times in one."""


def spare_collector() -> None:
    """Tell the garbage collector that what is loaded by now stays, and to look less often.

    A batch makes thousands of short-lived objects and no cycles. Looking through them, and through every module again
    and again, was a quarter of what validating a record costs (docs/benchmarks.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


class SystemClock:
    """`services.ports.clock.Clock` of this machine."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class SystemRandom:
    """`services.ports.clock.Random` of this machine: salts from the kernel, all else from a plain generator."""

    def __init__(self) -> None:
        """Seed the generator from the kernel."""
        self._plain = random.Random(os.urandom(16))

    def salts(self, count: int) -> list[bytes]:
        """Return ``count`` salts of 16 bytes; one system call for all of them."""
        pool = os.urandom(SALT_BYTES * count)
        return [pool[start : start + SALT_BYTES] for start in range(0, len(pool), SALT_BYTES)]

    def bits(self, count: int) -> int:
        """Return a number of ``count`` random bits, without asking the kernel."""
        return self._plain.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        return self._plain.uniform(low, high)
