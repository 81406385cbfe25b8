"""A worker that an event loop asks."""

from __future__ import annotations

import asyncio
import errno
import os
import signal

import pytest

from services.domain.errors import Unavailable
from services.node.workers import LoopWorker

MODULE = "tests.unit.services.node.telling_worker"


async def test_questions_of_any_size_come_back_in_their_order() -> None:
    """Longer than what a socket takes at once, and many at a time: each gets the answer to its own."""
    with LoopWorker(MODULE, []) as worker:
        asked = [b"", b"x" * 3_000_000, ["文", 1.5, {"a": (None, True)}], *range(20)]
        answers = await asyncio.gather(*(worker.ask((one,)) for one in asked))
    assert [words for _, words in answers] == asked
    assert len({pid for pid, _ in answers}) == 1


async def test_one_that_died_is_replaced_and_asked_again() -> None:
    """Before a question, or by it; then whoever asked is told, and the next is answered."""
    with LoopWorker(MODULE, []) as worker:
        first, _ = await worker.ask((1,))
        os.kill(first, signal.SIGKILL)
        second, words = await worker.ask((2,))
        assert (second != first, words) == (True, 2)
        with pytest.raises(Unavailable):
            await worker.ask(("die",))
        assert (await worker.ask((3,)))[1] == 3


async def test_one_that_cannot_start_is_said() -> None:
    """It ends at once, twice: nobody waits for it."""
    with LoopWorker(MODULE, ["never"]) as worker, pytest.raises(Unavailable):
        await worker.ask((1,))


async def test_one_that_hangs_is_replaced() -> None:
    """It is stopped, or takes longer than anything may; nobody waits for it for ever."""
    with LoopWorker(MODULE, [], within_s=3) as worker:
        first, _ = await worker.ask((1,))
        os.kill(first, signal.SIGSTOP)
        second, words = await worker.ask((2,))
        assert (second != first, words) == (True, 2)
        with pytest.raises(Unavailable):
            await worker.ask(("slow", 60))


async def test_one_that_cannot_be_replaced_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process can be started now; once one can, the next question is answered."""
    with LoopWorker(MODULE, []) as worker:
        first, _ = await worker.ask((1,))
        os.kill(first, signal.SIGKILL)
        with monkeypatch.context() as patched:
            patched.setattr("services.node.workers.subprocess.Popen", _no_process)
            with pytest.raises(Unavailable):
                await worker.ask((2,))
        assert (await worker.ask((3,)))[1] == 3


async def test_signals_for_a_whole_group_are_left_to_the_asker() -> None:
    """Ctrl-C and systemd stop every process of a node; its workers end with it, not before."""
    with LoopWorker(MODULE, []) as worker:
        pid, _ = await worker.ask((1,))
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        assert await worker.ask((2,)) == (pid, 2)


def _no_process(*_: object, **__: object) -> None:
    raise OSError(errno.EMFILE, "too many open files")


async def test_whoever_leaves_early_leaves_nobody_a_foreign_answer() -> None:
    """The next question is put to a worker that was asked nothing else."""
    with LoopWorker(MODULE, []) as worker:
        await worker.ask((0,))
        asking = asyncio.create_task(worker.ask(("late", 0.5)))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await worker.ask(("next",)))[1] == "next"


async def test_leaving_ends_the_process() -> None:
    """Nothing is left running."""
    with LoopWorker(MODULE, []) as worker:
        pid, _ = await worker.ask((1,))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
