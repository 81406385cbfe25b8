"""Worker processes that answer questions over pipes: what holds Python's lock for long works beside, not within.

A worker holds nothing that is missed: one that dies is replaced and asked again. One whose starter dies reads the end
of its input and ends too; signals that stop a whole group of processes are its starter's business. What crosses is what
`marshal` carries: numbers, texts, bytes, and plain tuples, lists and dicts of them.
"""

from __future__ import annotations

import asyncio
import marshal
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from queue import LifoQueue
from struct import Struct
from types import TracebackType
from typing import IO, Any, Final, Self

import structlog

from services.domain.errors import Unavailable
from services.node.signals.crashes import Tell, print_crash, tell_crashes
from services.node.system import spare_collector

_log = structlog.get_logger("yrdx.workers")

ANSWER_WITHIN_S: Final = 30.0
"""A thousand times as long as a group of questions takes."""
_FRAME: Final = Struct(">Q")
_PIPE_BYTES: Final = 1 << 20
"""As much as an unprivileged process may ask for: a batch crosses at once, not in 64 KiB steps."""
_SOME_BYTES: Final = 1 << 18


class WorkerPool:
    """Worker processes of one kind.

    Args:
        module: Runs `answer_questions` as ``__main__``.
        arguments: Its arguments.
        workers: Processes.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, workers: int) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self.workers: Final = workers
        self._free: LifoQueue[_Worker] = LifoQueue()
        for _ in range(workers):
            self._free.put(_Worker(command))

    def __enter__(self) -> Self:
        """Return the pool; leaving the context ends its workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers once they are free."""
        for _ in range(self.workers):
            self._free.get().close()

    def ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever marshal carries
        """Put a question to a free worker, from any thread; a worker that died is replaced and asked again, once.

        Raises:
            Unavailable: The new one died too.
        """
        worker = self._free.get()
        try:
            try:
                return worker.ask(question)
            except (OSError, EOFError):
                worker.restart()
                return worker.ask(question)
        except (OSError, EOFError) as error:
            raise Unavailable("a worker process ends at once: what it wrote to stderr says why") from error
        finally:
            self._free.put(worker)


class _Worker:
    """One worker process and its pipes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._start()

    def ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError("the worker has no pipes")
        write_frame(self._process.stdin, question)
        return read_frame(self._process.stdout)

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        self._process.kill()  # it holds nothing: an unanswered question is asked again
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pipesize=_PIPE_BYTES
        )


class LoopWorker:
    """One worker that an event loop asks, one question at a time: no thread of ours waits for Python's lock meanwhile.

    Args:
        module: Runs `answer_questions` as ``__main__``.
        arguments: Its arguments.
        within_s: Time to an answer; a worker that takes longer hangs.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, within_s: float = ANSWER_WITHIN_S) -> None:
        self._command: Final = [sys.executable, "-m", module, *arguments]
        self._within_s = within_s
        self._turn: Final = asyncio.Lock()
        self._start()

    def __enter__(self) -> Self:
        """Return the worker; leaving the context ends it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker."""
        self._close()

    @property
    def pid(self) -> int:
        """Process that answers now."""
        return self._process.pid

    async def ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever marshal carries
        """Put a question; a worker that died or hangs is replaced and asked again, once.

        Raises:
            Unavailable: The new one died or hangs too; the next question is put to another one.
        """
        async with self._turn:
            try:
                try:
                    return await self._ask(question)
                except (OSError, EOFError):
                    self._replace()
                    return await self._ask(question)
            except (OSError, EOFError) as error:
                raise Unavailable("a worker process ends at once, or hangs: the log says why") from error

    async def _ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401
        """Ask; whoever is cancelled between question and answer leaves nobody an answer that is not theirs."""
        whole = False
        try:
            async with asyncio.timeout(self._within_s):
                await asyncio.get_running_loop().sock_sendall(self._socket, _frame(question))
                answer = await self._receive()
            whole = True
            return answer
        finally:
            if not whole:
                self._socket.close()

    async def _receive(self) -> Any:  # noqa: ANN401
        """Receive one frame, which nothing follows: most come whole at the first look."""
        loop, data, end = asyncio.get_running_loop(), bytearray(), _FRAME.size
        while len(data) < end:
            some = await loop.sock_recv(self._socket, _SOME_BYTES)
            if not some:
                raise EOFError("the other end is closed")
            data += some
            if len(data) >= _FRAME.size:
                end = _FRAME.size + _FRAME.unpack_from(data)[0]
        return marshal.loads(memoryview(data)[_FRAME.size :])  # noqa: S302 - from our own child, over our own socket

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(self._command, stdin=theirs.fileno(), stdout=theirs.fileno())

    def _replace(self) -> None:
        self._close()
        _log.warning("worker.replaced", status=str(self._process.returncode))
        self._start()

    def _close(self) -> None:
        self._process.kill()  # it holds nothing: an unanswered question is asked again
        self._process.wait()
        self._socket.close()


def answer_questions(answer: Callable[..., Any], tell: Tell = print_crash) -> None:
    """Answer questions on stdin until their asker is gone.

    Args:
        answer: Called with what a question holds.
        tell: Is given the error that ends this process.
    """
    tell_crashes(tell)
    for number in (signal.SIGINT, signal.SIGTERM):  # of the terminal, or of systemd: the asker ends in order
        signal.signal(number, signal.SIG_IGN)
    spare_collector()
    with open(0, "rb", buffering=0, closefd=False) as questions, open(1, "wb", buffering=0, closefd=False) as answers:
        answer_all(answer, questions, answers)


def answer_all(answer: Callable[..., Any], questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer the questions of one pipe on another until its end."""
    while True:
        try:
            question = read_frame(questions)
        except EOFError:
            return
        write_frame(answers, answer(*question))


def write_frame(pipe: IO[bytes], content: Any) -> None:  # noqa: ANN401
    """Write one frame: its length and marshalled content."""
    pending = memoryview(_frame(content))
    while pending:
        pending = pending[pipe.write(pending) :]


def read_frame(pipe: IO[bytes]) -> Any:  # noqa: ANN401
    """Read one frame.

    Raises:
        EOFError: The other end is closed.
    """
    (size,) = _FRAME.unpack(_read(pipe, _FRAME.size))
    return marshal.loads(_read(pipe, size))  # noqa: S302 - from our own child or parent, over our own pipe


def _frame(content: Any) -> bytes:  # noqa: ANN401
    data = marshal.dumps(content)
    return _FRAME.pack(len(data)) + data


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = pipe.readinto(view)  # type: ignore[attr-defined]  # unbuffered pipes are raw
        if not count:
            raise EOFError("the other end is closed")
        view = view[count:]
    return bytes(data)
