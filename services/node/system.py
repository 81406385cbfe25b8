"""The machine's clock and randomness."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from typing import Final

SALT_BYTES: Final = 16


class SystemClock:
    """`services.ports.clock.Clock` of this machine."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class SystemRandom:
    """`services.ports.clock.Random` of this machine: salts from the kernel, jitter from a plain generator."""

    def __init__(self) -> None:
        """Seed the jitter from the kernel."""
        self._jitter = random.Random(os.urandom(16))

    def salts(self, count: int) -> list[bytes]:
        """Return ``count`` salts of 16 bytes; one system call for all of them."""
        pool = os.urandom(SALT_BYTES * count)
        return [pool[start : start + SALT_BYTES] for start in range(0, len(pool), SALT_BYTES)]

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two bounds."""
        return self._jitter.uniform(low, high)
