"""Time and randomness as arguments, so that everything can be simulated."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The node's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards, for intervals."""
        ...


class Random(Protocol):
    """Source of unpredictable bytes and of jitter."""

    def salts(self, count: int) -> list[bytes]:
        """Return ``count`` independent salts of 16 bytes."""
        ...

    def bits(self, count: int) -> int:
        """Return a number of ``count`` random bits, for names that need not be secret."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two bounds, for jitter."""
        ...
