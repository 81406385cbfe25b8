"""One check's verdict, and how a check that breaks becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.node.exits import fault_of


class State(StrEnum):
    """How a check ended; only FAILED fails the preflight."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Attributes:
        check: Stable name, "certificate.gateway"; the part before the dot is its group.
        state: How it ended.
        found: What was found, for people; the reason when it is not PASSED.
        mend: Command or act that mends it; empty when there is nothing to mend.
    """

    check: str
    state: State
    found: str
    mend: str = ""

    @property
    def group(self) -> str:
        """The group it is shown under."""
        return self.check.partition(".")[0]


def passed(check: str, found: str) -> Verdict:
    """Return a verdict that all is well."""
    return Verdict(check, State.PASSED, found)


def warning(check: str, found: str, mend: str) -> Verdict:
    """Return a verdict that asks for attention soon."""
    return Verdict(check, State.WARNING, found, mend)


def failed(check: str, found: str, mend: str) -> Verdict:
    """Return a verdict that the node would not work."""
    return Verdict(check, State.FAILED, found, mend)


def skipped(check: str, found: str, mend: str = "") -> Verdict:
    """Return a verdict about something that could not be looked at."""
    return Verdict(check, State.SKIPPED, found, mend)


def verdicts(check: str, look: Callable[[], Iterable[Verdict]], mend: str) -> list[Verdict]:
    """Run a group of checks; an error ends the group and becomes its last verdict.

    Args:
        check: Name of the verdict that an error becomes.
        look: The checks.
        mend: What mends the error, unless its own text says better.
    """
    found: list[Verdict] = []
    try:
        found.extend(look())
    except Exception as error:  # noqa: BLE001 - a preflight reports whatever stands in the way
        fault = fault_of(error)
        found.append(failed(check, fault.message if fault else f"程序错误 · a bug: {type(error).__name__}", mend))
    return found
