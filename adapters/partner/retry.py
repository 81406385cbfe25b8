"""When to call a partner again: as long as it takes.

Time alone mends what is `Unavailable`: exponential back-off with full jitter, so that a partner that comes back is not
met by everybody at once. An operator mends `NotPermitted` and `Unauthenticated`: a probe every 5 minutes goes on by
itself once that is done. Everything else is a human's decision here and is not retried.
A question that a clerk waits for is asked again for a few seconds only (`within`).

Source:
    M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): the variant "full jitter".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, retry_if_exception_type
from tenacity.stop import stop_before_delay, stop_never
from tenacity.wait import wait_base

from services.domain.errors import NotPermitted, QuotaExceeded, Unauthenticated, Unavailable
from services.ports.clock import Random

FIRST_CEILING_S: Final = 0.2
CEILING_S: Final = 300.0
PROBE_INTERVAL_S: Final = 300.0

_DOUBLINGS_MAX: Final = 16
"""Enough to pass the ceiling; bounds the power for a partner that is away for a year."""

_TOLD_SPREAD: Final = 1.1
"""Callers that were told the same time come back spread over a tenth of it."""


class Backoff(wait_base):
    """How long to wait after a failure; progress begins anew.

    It is tenacity's ``wait``; but it counts failures since the last progress and not the attempts of one call, since
    one attempt may be a session of hours.
    """

    def __init__(self, random: Random, *, ceiling_s: float = CEILING_S, probe_s: float = PROBE_INTERVAL_S) -> None:
        """Begin without a failure.

        Args:
            random: Source of jitter.
            ceiling_s: Longest pause.
            probe_s: Pause between probes of a partner that refuses us.
        """
        self._random = random
        self._ceiling_s = ceiling_s
        self._probe_s = probe_s
        self._failures = 0

    def progressed(self) -> None:
        """Forget the failures: the partner answered."""
        self._failures = 0

    def after(self, error: BaseException | None) -> float:
        """Count a failure and return the seconds to wait.

        Args:
            error: What ended the attempt. A partner's ``retry_after_s`` is kept to, up to the longest pause.
        """
        if isinstance(error, NotPermitted | Unauthenticated):
            return self._probe_s
        self._failures += 1
        if isinstance(error, Unavailable) and error.retry_after_s is not None:
            told = min(error.retry_after_s, self._ceiling_s)
            return self._random.uniform(told, told * _TOLD_SPREAD)
        ceiling = min(self._ceiling_s, FIRST_CEILING_S * 2 ** min(self._failures - 1, _DOUBLINGS_MAX))
        return self._random.uniform(0.0, ceiling)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait (tenacity)."""
        return self.after(retry_state.outcome.exception() if retry_state.outcome else None)


def endless(backoff: Backoff, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
    """Retry without end what time or an operator mends; anything else is raised at once.

    Args:
        backoff: How long to wait; call its ``progressed`` when the partner answers.
        sleep: `asyncio.sleep`, or a simulation's.
    """
    return AsyncRetrying(
        wait=backoff,
        sleep=sleep,
        retry=retry_if_exception_type((Unavailable, NotPermitted, Unauthenticated)),
        stop=stop_never,
        reraise=True,
    )


def within(seconds: float, backoff: Backoff, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
    """Retry what time mends, as long as the next attempt begins within some seconds; anything else is raised at once.

    So is a spent quota: it is the partner's answer, and asking again would be logged there once more.

    Args:
        seconds: Time for all attempts to begin.
        backoff: How long to wait between them.
        sleep: `asyncio.sleep`, or a simulation's.
    """
    return AsyncRetrying(
        wait=backoff,
        sleep=sleep,
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable) and not isinstance(error, QuotaExceeded)),
        stop=stop_before_delay(seconds),
        reraise=True,
    )
