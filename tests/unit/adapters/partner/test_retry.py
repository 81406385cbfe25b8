"""When to call a partner again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.partner.retry import CEILING_S, FIRST_CEILING_S, PROBE_INTERVAL_S, Backoff, endless, within
from services.domain.errors import (
    AgreementMissing,
    Conflict,
    ExchangeError,
    Malformed,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
)

ALWAYS_LATEST: Callable[[float, float], float] = lambda low, high: high  # noqa: E731 - a constant of type Callable


class Jitter:
    """Randomness that a test decides."""

    def __init__(self, choose: Callable[[float, float], float] = ALWAYS_LATEST) -> None:
        """Choose between two bounds in a given way."""
        self.choose = choose

    def salts(self, count: int) -> list[bytes]:
        """Return no salts."""
        return [b""] * count

    def bits(self, count: int) -> int:
        """Not asked for here."""
        raise AssertionError(count)

    def uniform(self, low: float, high: float) -> float:
        """Return what the test wants."""
        return self.choose(low, high)


def test_the_ceiling_doubles_up_to_five_minutes() -> None:
    """0.2 s, 0.4 s, … and never more than 300 s, however long it lasts."""
    backoff = Backoff(Jitter())
    waits = [backoff.after(Unavailable("m")) for _ in range(1_000)]

    assert waits[:3] == [FIRST_CEILING_S, 2 * FIRST_CEILING_S, 4 * FIRST_CEILING_S]
    assert waits == sorted(waits)
    assert waits[-1] == CEILING_S


@given(st.integers(1, 40), st.floats(0, 1))
def test_jitter_is_full(failures: int, share: float) -> None:
    """A wait lies anywhere between nothing and the ceiling, so that callers spread."""
    backoff = Backoff(Jitter(lambda low, high: low + share * (high - low)))
    for _ in range(failures - 1):
        backoff.after(Unavailable("m"))

    ceiling = min(CEILING_S, FIRST_CEILING_S * 2 ** (failures - 1))
    assert backoff.after(Unavailable("m")) == pytest.approx(share * ceiling)


def test_progress_begins_anew() -> None:
    """An hour of good service is not punished for the failures before it."""
    backoff = Backoff(Jitter())
    for _ in range(20):
        backoff.after(Unavailable("m"))

    backoff.progressed()

    assert backoff.after(Unavailable("m")) == FIRST_CEILING_S


@pytest.mark.parametrize(
    ("told", "least", "most"), [(2.0, 2.0, 2.2), (0.0, 0.0, 0.0), (1e9, CEILING_S, CEILING_S * 1.1)]
)
def test_what_the_partner_told_is_kept_to(told: float, least: float, most: float) -> None:
    """A quota's time is waited out, spread a little; a partner cannot send us away for a year."""
    for choose in (min, max):
        wait = Backoff(Jitter(choose)).after(QuotaExceeded("m", retry_after_s=told))
        assert least - 1e-9 <= wait <= most + 1e-9


@pytest.mark.parametrize("error", [AgreementMissing("m"), Unauthenticated("m")])
def test_what_an_operator_mends_is_probed_every_five_minutes(error: ExchangeError) -> None:
    """Neither faster, since it takes a human, nor slower and slower, since it goes on by itself."""
    backoff = Backoff(Jitter())

    assert [backoff.after(error) for _ in range(3)] == [PROBE_INTERVAL_S] * 3


async def attempts_until(outcomes: list[Exception | str]) -> tuple[list[float], int]:
    """Run attempts with given outcomes; return the waits between them and how many there were."""
    waits: list[float] = []
    count = 0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async for attempt in endless(Backoff(Jitter()), sleep):
        with attempt:
            outcome = outcomes[count]
            count += 1
            if isinstance(outcome, Exception):
                raise outcome
    return waits, count


async def test_time_and_operators_are_waited_for_without_end() -> None:
    """A thousand failures later the partner is still called."""
    outcomes: list[Exception | str] = [*[Unavailable("m")] * 999, AgreementMissing("m"), "done"]

    waits, count = await attempts_until(outcomes)

    assert count == 1_001
    assert waits[-1] == PROBE_INTERVAL_S
    assert len(waits) == 1_000


@pytest.mark.parametrize("error", [Conflict("m"), Malformed("m"), ExchangeError("m"), ZeroDivisionError()])
async def test_what_a_human_decides_is_not_retried(error: Exception) -> None:
    """The first such error is raised as it is."""
    with pytest.raises(type(error)) as caught:
        await attempts_until([error, "never"])

    assert caught.value is error


async def test_a_clerks_question_is_asked_again_for_a_few_seconds_only() -> None:
    """Never so late that the next attempt would begin after the time; a refusal is the answer."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def away() -> None:
        raise Unavailable("m", retry_after_s=4.0)

    async def refused() -> None:
        raise AgreementMissing("m")

    async def spent() -> None:
        raise QuotaExceeded("m", retry_after_s=0.1)

    with pytest.raises(Unavailable):
        await within(3.0, Backoff(Jitter()), sleep)(away)
    with pytest.raises(AgreementMissing):
        await within(3.0, Backoff(Jitter()), sleep)(refused)
    with pytest.raises(QuotaExceeded):
        await within(3.0, Backoff(Jitter()), sleep)(spent)
    assert slept == []
    with pytest.raises(Unavailable):
        await within(5.0, Backoff(Jitter()), _really)(_tired(Unavailable("m", retry_after_s=0.01), times=2))


async def _really(seconds: float) -> None:
    await asyncio.sleep(seconds)


def _tired(error: Exception, *, times: int) -> Callable[[], Awaitable[None]]:
    """Return what fails so many times, and then for good with another error of the same kind."""
    left = iter([error] * times)

    async def once() -> None:
        raise next(left, Unavailable("for good", retry_after_s=60.0))

    return once
