"""Works in groups: one at a time, everybody's result their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.exchange.grouped import ARRIVING_LOOPS, Grouped


class Doubling:
    """A work that doubles numbers once it may, and remembers its turns."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []
        self.may = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        """Double some numbers; ten is too much."""
        self.turns.append(list(numbers))
        await self.may.wait()
        if 10 in numbers:
            raise ValueError("ten")
        return [2 * number for number in numbers]


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(ARRIVING_LOOPS + 5):
        await asyncio.sleep(0)


async def test_who_waits_shares_the_next_turn() -> None:
    """A lone item goes at once, those that come meanwhile go together, in the order of their calls, up to the size."""
    work = Doubling()
    grouped = Grouped(work, 3)
    first = asyncio.create_task(grouped(0))
    await settle()
    others = [asyncio.create_task(grouped(number)) for number in range(1, 6)]
    await settle()
    assert work.turns == [[0]]
    work.may.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
    assert work.turns == [[0], [1, 2, 3], [4, 5]]


async def test_a_turn_waits_for_whoever_is_on_the_way() -> None:
    """What comes within some rounds of the loop goes along; what comes later waits for the next turn."""
    work = Doubling()
    grouped = Grouped(work, 3)

    async def late(number: int, rounds: int) -> int:
        for _ in range(rounds):
            await asyncio.sleep(0)
        return await grouped(number)

    work.may.set()
    await asyncio.gather(grouped(0), late(1, ARRIVING_LOOPS // 2), late(2, 3 * ARRIVING_LOOPS))
    assert work.turns == [[0, 1], [2]]


async def test_a_failure_is_that_of_its_turn_alone() -> None:
    """Who shared it raises it; the next turn is none the wiser."""
    work = Doubling()
    work.may.set()
    grouped = Grouped(work, 3)
    results = await asyncio.gather(*map(grouped, [9, 10]), return_exceptions=True)
    assert [str(result) for result in results] == ["ten", "ten"]
    assert await grouped(1) == 2


async def test_a_caller_that_leaves_changes_nothing_for_others() -> None:
    """Its item is worked on, its result is nobody's."""
    work = Doubling()
    grouped = Grouped(work, 3)
    leaving, staying = asyncio.create_task(grouped(1)), asyncio.create_task(grouped(2))
    await settle()
    leaving.cancel()
    await settle()
    work.may.set()
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert work.turns == [[1, 2]]


async def test_a_work_that_forgets_an_item_leaves_nobody_waiting() -> None:
    """A result too few is an error of the work's, and its caller's to raise."""

    async def forgets(numbers: Sequence[int]) -> Sequence[int]:
        return numbers[:-1]

    first, second = await asyncio.wait_for(
        asyncio.gather(*map(Grouped(forgets, 3), [1, 2]), return_exceptions=True), timeout=5
    )
    assert first == 1
    assert isinstance(second, ValueError)
