"""The store: the only durable thing of a node."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from services.ports.access import AccessPort, SubjectsPort
from services.ports.cases import Cases
from services.ports.directory import Directory
from services.ports.inbox import Inbox
from services.ports.outbox import Outbox
from services.ports.revocations import RevocationsPort
from services.ports.streams import Streams

T = TypeVar("T")


class Transaction(Streams, Outbox, Inbox, Directory, RevocationsPort, SubjectsPort, AccessPort, Cases, Protocol):
    """Everything that one unit of work may do; all of it happens or none."""


class Snapshots(Protocol):
    """A store that is only read, from any thread and any process beside the one that writes."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a read-only unit of work on a consistent snapshot, in the calling thread.

        Raises:
            StoreUnavailable: The store is locked or gone.
        """
        ...

    def close(self) -> None:
        """Finish what was begun and close; idempotent."""
        ...


class Store(Snapshots, Protocol):
    """Durable, transactional, safe to call from any thread."""

    def write(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Run a unit of work; the future resolves only after its commit is on disk.

        Works run in the order of their calls (SQLite) or concurrently (PostgreSQL); one disk sync may serve many
        (group commit). An exception from ``work`` undoes that work alone and is what the future raises.

        Raises (through the future):
            StoreUnavailable: The store is locked, gone or full; nothing was changed.

        A commit that reports an I/O error calls the store's ``on_failure`` and resolves nothing: the process ends.
        """
        ...
