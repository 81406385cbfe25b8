"""What a sync was asked to do, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from services.node.exits import CommandFailed
from services.node.sync.inputs import Input
from yrdx.node.v1 import node_pb2


@dataclass(frozen=True, slots=True)
class SyncJob:
    """What to sync.

    Attributes:
        input: What to read.
        to_city: City that receives.
        dataset: Dataset.
        again: Send rows that were sent before, and that say what stands, as new records.
        wait_s: How long to follow delivery; 0: not at all.
        snapshot: The input is complete: withdraw what stands and is absent from it.
        allow_retract: With a snapshot: how many subjects may be withdrawn at most; None: a twentieth of what stands.
    """

    input: Input
    to_city: str
    dataset: str
    again: bool = False
    wait_s: float = 0.0
    snapshot: bool = False
    allow_retract: int | None = None


class Progress(Protocol):
    """Where progress is shown."""

    def read(self, rows: int, done: int, total: int | None) -> None:
        """Say how far the input is read: rows, and how much of it, in its own unit."""
        ...

    def preparing(self, left: int) -> None:
        """Say how many records must still be compared with before the input can be."""
        ...

    def delivered(self, answer: node_pb2.WatchSourceResponse) -> None:
        """Say how far the records are delivered."""
        ...


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of the rows.

    ``read = mapped + rejected_local + duplicates_in_file``, counted in rows; ``submitted = acknowledged +
    rejected_partner + pending``, counted in records, is about the source as it stands, whichever run submitted it.
    A record that says what stands already is ``unchanged`` and not submitted.
    """

    read: int
    mapped: int
    rejected_local: int
    duplicates_in_file: int
    unchanged: int
    corrected: int
    retracted: int
    submitted: int
    acknowledged: int
    rejected_partner: int
    pending: int
    rejects_file: str | None
    elapsed_s: float
    source: str
    already_submitted: int
    state: str
    state_reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a sync would do; the rules that reject rows with how many they do."""

    read: int
    mapped: int
    rejected_local: int
    duplicates_in_file: int
    new: int
    corrected: int
    unchanged: int
    retracted: int
    already_submitted: int
    rejected_by_rule: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the plan for programs."""
        return asdict(self)


class SnapshotRefused(CommandFailed):
    """A snapshot would withdraw more than is allowed; nothing was sent."""

    reason: ClassVar[str] = "SNAPSHOT_REFUSED"
