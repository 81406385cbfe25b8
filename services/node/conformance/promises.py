"""Promises: what a node is asked for, what it must do and by which clause, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.node.conformance.partner import Partner

Check = Callable[["Partner"], str]
"""Asks the node and returns what it did; raises `Broken` or `Skipped`."""


class Broken(Exception):
    """The node does not keep the promise; the message says what it did instead, without a value of a record."""


class Skipped(Exception):
    """The promise could not be asked for; the message says why, and what would make it possible."""


class State(StrEnum):
    """How a promise was kept."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise.

    Attributes:
        name: Stable name, "duplicates.later"; the part before the dot is its group.
        done: What is done to the node, Chinese and English.
        expected: What it must do, Chinese and English.
        clause: Where that is written.
        check: Asks for it.
    """

    name: str
    done: str
    expected: str
    clause: str
    check: Check

    @property
    def group(self) -> str:
        """The group it is shown under."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one promise.

    Attributes:
        promise: The promise.
        state: How it was kept.
        found: What the node did, or why it could not be asked.
    """

    promise: Promise
    state: State
    found: str


class Promises(list[Promise]):
    """The promises of one group, in the order in which they are asked."""

    def __init__(self, group: str, clause: str) -> None:
        """Begin a group.

        Args:
            group: Its name.
            clause: Section of docs/protocol.md that most of them stand in.
        """
        super().__init__()
        self._group, self._clause = group, clause

    def add(self, name: str, done: str, expected: str, check: Check, *, clause: str = "") -> None:
        """Add a promise; ``name`` is without the group."""
        where = f"docs/protocol.md, {clause or self._clause}"
        self.append(Promise(f"{self._group}.{name}", done, expected, where, check))

    def promise(self, name: str, done: str, expected: str, *, clause: str = "") -> Callable[[Check], Check]:
        """Declare a function as the check of a promise."""

        def declare(check: Check) -> Check:
            self.add(name, done, expected, check, clause=clause)
            return check

        return declare
