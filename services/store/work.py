"""A unit of work on its way through a store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from services.ports.store import Transaction


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
