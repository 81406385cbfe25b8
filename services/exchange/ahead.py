"""Side by side: works a bounded number ahead of who waits for them, and works of which the first to end ends all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


async def map_ahead(source: AsyncIterator[S], work: Callable[[S], Awaitable[T]], size: int) -> AsyncIterator[T]:
    """Yield what comes of each item of an asynchronous source, in order, with some works under way side by side.

    Args:
        source: Read in a task of its own.
        work: Called for each item. Those that nobody waits for any more are cancelled.
        size: Works that are under way, or done and not yet asked for, beside the one that is waited for.

    Raises:
        Exception: Whatever the source or a work raises, after what came of the items before it.
    """
    works: asyncio.Queue[asyncio.Task[T]] = asyncio.Queue(size)
    begun: set[asyncio.Task[T]] = set()

    async def fill() -> None:
        async for item in source:
            task = asyncio.create_task(_awaited(work, item))
            begun.add(task)
            await works.put(task)

    try:
        async for task in _drain(works, fill()):
            yield await task
            begun.discard(task)
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def in_groups(source: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    """Yield what an asynchronous source brought since the last time, at least one item and at most ``size`` + 1.

    Raises:
        Exception: Whatever the source raises, after the items before it.
    """
    queue: asyncio.Queue[T] = asyncio.Queue(size)

    async def fill() -> None:
        async for item in source:
            await queue.put(item)

    async for item in _drain(queue, fill()):
        yield [item, *(queue.get_nowait() for _ in range(queue.qsize()))]


async def _awaited(work: Callable[[S], Awaitable[T]], item: S) -> T:
    return await work(item)


async def read_in_thread(produce: Callable[[Callable[[T], None]], None], size: int) -> AsyncIterator[T]:
    """Yield what a blocking producer emits in a thread of its own, at most ``size`` items ahead.

    Args:
        produce: Called with ``emit``, which blocks while the consumer is slow and raises once it has left.
        size: Items ahead.

    Raises:
        Exception: Whatever the producer raises, after the items before it.
    """
    queue: asyncio.Queue[T] = asyncio.Queue(size)
    loop = asyncio.get_running_loop()
    left = False

    def emit(item: T) -> None:
        if left:
            raise BrokenPipeError("the consumer left")
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    try:
        async for item in _drain(queue, asyncio.to_thread(produce, emit)):
            yield item
    finally:
        left = True
        while not queue.empty():  # lets a blocked emit() return, so that the thread ends
            queue.get_nowait()


async def _drain(queue: asyncio.Queue[T], fill: Coroutine[Any, Any, None]) -> AsyncIterator[T]:
    filler = asyncio.create_task(fill)
    try:
        while True:
            getter = asyncio.create_task(queue.get())
            await asyncio.wait({getter, filler}, return_when=asyncio.FIRST_COMPLETED)
            if not getter.done():
                getter.cancel()
                await filler
                return
            yield getter.result()
    finally:
        filler.cancel()
        with suppress(asyncio.CancelledError, Exception):  # its error was raised above, or the consumer left
            await filler


async def until_set(source: AsyncIterator[T], stop: asyncio.Event) -> AsyncIterator[T]:
    """Yield what a source yields until it ends or an event is set."""
    stopped = asyncio.create_task(stop.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(source))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        stopped.cancel()
        if following is not None:
            following.cancel()


async def first_ended(*works: Coroutine[Any, Any, None]) -> None:
    """Run works side by side until the first ends; cancel the others and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
