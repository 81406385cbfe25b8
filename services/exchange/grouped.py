"""Works that cost little more for many than for one: a snapshot, a synced commit, a step into another thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


ARRIVING_LOOPS: Final = 10
"""Rounds of the event loop that a turn waits for whoever is on the way: about as many as a call takes through gRPC.

An idle loop goes round them in 0.1 ms. A busy one takes longer and groups are twice as large: a tenth more look-ups a
second (docs/benchmarks.md)."""


class Grouped(Generic[S, T]):
    """A work that takes turns: whoever calls while one is under way waits for the next, with all who do.

    Args:
        work: From some items, in the order of their calls, to what comes of each.
        size: Most items of a turn.
    """

    def __init__(self, work: Callable[[Sequence[S]], Awaitable[Sequence[T]]], size: int) -> None:
        self._work = work
        self._size = size
        self._waiting: deque[tuple[S, asyncio.Future[T]]] = deque()
        self._turns: asyncio.Task[None] | None = None

    async def __call__(self, item: S) -> T:
        """Return what comes of an item; a caller that leaves changes nothing for the others.

        Raises:
            Exception: Whatever the work raised, to everybody of its turn.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        return await done

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                for _ in range(ARRIVING_LOOPS):
                    await asyncio.sleep(0)
                await self._turn([self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))])
        finally:
            self._turns = None

    async def _turn(self, taken: Sequence[tuple[S, asyncio.Future[T]]]) -> None:
        waiting = [done for _, done in taken]
        try:
            results = await self._work([item for item, _ in taken])
            for done, result in zip(waiting, results, strict=True):
                if not done.done():
                    done.set_result(result)
        except Exception as error:  # noqa: BLE001 - whoever has no result raises it
            for done in waiting:
                if not done.done():
                    done.set_exception(error)
