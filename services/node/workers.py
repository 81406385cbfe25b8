"""Worker processes that answer questions over pipes: what holds Python's lock for long works beside, not within.

A worker holds nothing: one that dies is replaced and asked again. One whose starter dies reads the end of its input
and ends too. What crosses is what `marshal` carries: numbers, texts, bytes, and plain tuples, lists and dicts of them.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Callable, Sequence
from queue import LifoQueue
from struct import Struct
from types import TracebackType
from typing import IO, Any, Final, Self

from services.domain.errors import Unavailable
from services.node.signals.crashes import print_crash, tell_crashes
from services.node.system import spare_collector

_FRAME: Final = Struct(">Q")
_PIPE_BYTES: Final = 1 << 20
"""As much as an unprivileged process may ask for: a batch crosses at once, not in 64 KiB steps."""


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


def answer_questions(answer: Callable[..., Any]) -> None:
    """Answer questions on stdin until their asker is gone.

    Args:
        answer: Called with what a question holds.
    """
    tell_crashes(print_crash)
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
    data = marshal.dumps(content)
    pending = memoryview(_FRAME.pack(len(data)) + data)
    while pending:
        pending = pending[pipe.write(pending) :]


def read_frame(pipe: IO[bytes]) -> Any:  # noqa: ANN401
    """Read one frame.

    Raises:
        EOFError: The other end is closed.
    """
    (size,) = _FRAME.unpack(_read(pipe, _FRAME.size))
    return marshal.loads(_read(pipe, size))  # noqa: S302 - from our own child or parent, over our own pipe


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = pipe.readinto(view)  # type: ignore[attr-defined]  # unbuffered pipes are raw
        if not count:
            raise EOFError("the other end is closed")
        view = view[count:]
    return bytes(data)
