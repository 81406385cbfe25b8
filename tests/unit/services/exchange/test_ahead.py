from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.exchange.ahead import first_ended, in_groups, map_ahead, read_in_thread, until_set


async def numbers(count: int, seen: list[int] | None = None) -> AsyncIterator[int]:
    """Yield numbers and note which were asked for."""
    for number in range(count):
        if seen is not None:
            seen.append(number)
        yield number


async def collect(items: AsyncIterator[int], got: list[int]) -> None:
    """Append every item, also those before an error."""
    async for item in items:
        got.append(item)  # noqa: PERF401 - what came before the error is the point


async def twice(number: int) -> int:
    """Take the longer, the earlier a number comes."""
    await asyncio.sleep(0.002 if number % 3 == 0 else 0)
    return 2 * number


async def test_items_come_in_order() -> None:
    """Reading ahead changes nothing but when."""
    assert [item async for item in map_ahead(numbers(20), twice, 3)] == list(range(0, 40, 2))


async def test_a_producer_runs_a_bounded_number_ahead() -> None:
    """A slow consumer holds its producer back."""
    seen: list[int] = []
    async for item in map_ahead(numbers(50, seen), twice, 3):
        await asyncio.sleep(0)
        assert len(seen) <= item // 2 + 6


async def test_an_error_comes_after_the_items_before_it() -> None:
    """What was produced before the error is not lost."""

    async def broken() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise RuntimeError("broken")

    got: list[int] = []
    with pytest.raises(RuntimeError, match="broken"):
        await collect(map_ahead(broken(), twice, 5), got)
    assert got == [2, 4]


async def test_works_that_nobody_waits_for_are_cancelled() -> None:
    """A consumer that leaves, or one work that fails, ends the works that were begun."""
    cancelled: list[int] = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await collect(map_ahead(numbers(9), work, 3), [])
    assert sorted(cancelled) == [1, 2, 3, 4]


async def test_groups_hold_what_came_meanwhile() -> None:
    """Nothing is left out, nothing waits for a full group, and an error comes after what came before it."""

    async def broken() -> AsyncIterator[int]:
        async for number in numbers(7):
            yield number
        raise RuntimeError("broken")

    groups: list[list[int]] = []

    async def read_slowly() -> None:
        async for group in in_groups(broken(), 3):
            groups.append(group)
            await asyncio.sleep(0.001)

    with pytest.raises(RuntimeError, match="broken"):
        await read_slowly()
    assert [number for group in groups for number in group] == list(range(7))
    assert 1 < max(map(len, groups)) <= 4


async def test_a_thread_produces_and_its_error_is_raised() -> None:
    """A blocking producer is heard to the end."""

    def produce(emit: Callable[[int], None]) -> None:
        for number in range(10):
            emit(number)
        raise RuntimeError("broken")

    got: list[int] = []
    with pytest.raises(RuntimeError, match="broken"):
        await collect(read_in_thread(produce, 2), got)
    assert got == list(range(10))


async def test_a_thread_ends_when_its_consumer_leaves() -> None:
    """A consumer that stops reading does not leave a thread behind."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def produce(emit: Callable[[int], None]) -> None:
        try:
            for number in range(1_000):
                emit(number)
        finally:
            loop.call_soon_threadsafe(ended.set)

    pages = read_in_thread(produce, 2)
    assert await anext(pages) == 0
    await pages.aclose()  # type: ignore[attr-defined]  # an asynchronous generator
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_source_ends_when_told_to_stop() -> None:
    """An endless source ends at the event, after what was read."""
    stop = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    got = []
    async for item in until_set(endless(), stop):
        got.append(item)
        stop.set()
    assert got == [1]


async def test_the_first_to_end_ends_the_others() -> None:
    """An error in one work cancels its neighbours and is raised."""
    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        await first_ended(waits(), fails())
    assert cancelled.is_set()
