"""Units of work on their way through a store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, TypeVar

from services.domain.errors import StoreUnavailable
from services.ports.store import Transaction

T = TypeVar("T")


class Work:
    """What to do, the future that waits for it, and what the future will say once the commit is on disk.

    An exception waits for the commit too: it may tell what a neighbour in the same commit did.
    """

    def __init__(self, work: Callable[[Transaction], Any]) -> None:
        self.future: Future[Any] = Future()
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None

    def starts(self) -> bool:
        """Say whether the caller still wants it; from now on it cannot be cancelled."""
        return self.future.set_running_or_notify_cancel()

    def run(self, transaction: Transaction) -> None:
        """Do it, and keep the result."""
        self._result = self._work(transaction)
        self._error = None

    def failed(self, error: BaseException) -> None:
        """Keep the exception."""
        self._error = error

    def resolve(self) -> None:
        """Tell the caller what came of it."""
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


class WorkQueue:
    """Works that wait for a writer, in the order of their calls. Its end comes after all that was accepted."""

    def __init__(self) -> None:
        self._works: SimpleQueue[Work | None] = SimpleQueue()
        self._entry = Lock()
        self._closed = False

    def put(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Accept a work, or refuse it when the queue is closed: the future says so."""
        queued = Work(work)
        with self._entry:
            if self._closed:
                queued.future.set_exception(StoreUnavailable("the store is closed"))
            else:
                self._works.put(queued)
        return queued.future

    def get(self) -> Work | None:
        """Wait for the next work; None at the end."""
        return self._kept(self._works.get())

    def get_waiting(self) -> Work | None:
        """Return the next work that waits already, or None."""
        try:
            return self._kept(self._works.get_nowait())
        except Empty:
            return None

    def close(self) -> None:
        """Accept no more."""
        with self._entry:
            if not self._closed:
                self._closed = True
                self._works.put(None)

    def _kept(self, work: Work | None) -> Work | None:
        """Leave the end in its place for whoever asks next."""
        if work is None:
            self._works.put(None)
        return work
