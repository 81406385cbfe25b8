"""Versions of a regional standard: "1", and "1.1" for its first compatible addition (docs/protocol.md, "Versions").

Whoever knows 1.1 understands all that 1 says. Whoever knows 1 keeps what 1.1 says, and understands it later. Nobody who
knows 1 can do anything with 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

STANDARD_PATTERN: Final = "[1-9][0-9]{0,3}([.][1-9][0-9]{0,3})?"
_VERSION: Final = re.compile(STANDARD_PATTERN)


@dataclass(frozen=True, slots=True, order=True)
class StandardVersion:
    """One version; a later one is greater.

    Attributes:
        major: What must be the same on both sides.
        addition: Which compatible addition to it; 0 for none.
    """

    major: int
    addition: int = 0

    def __str__(self) -> str:
        """Return the version as it stands on the wire."""
        return f"{self.major}.{self.addition}" if self.addition else str(self.major)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version.

        Raises:
            ValueError: It has another shape.
        """
        if not _VERSION.fullmatch(text):
            raise ValueError('a version of a standard is written "1", or "1.1" for an addition to it')
        major, _, addition = text.partition(".")
        return cls(int(major), int(addition or 0))

    def includes(self, other: StandardVersion) -> bool:
        """Say whether all that another version can say can be said in this one."""
        return self.major == other.major and self >= other

    def upto_here(self) -> list[StandardVersion]:
        """Return all versions that this one includes, oldest first."""
        return [StandardVersion(self.major, addition) for addition in range(self.addition + 1)]


def newest_included(agreed: str, known: Iterable[str]) -> str | None:
    """Return the newest known version that an agreed one includes: what is spoken; None where there is none.

    Raises:
        ValueError: A version has another shape.
    """
    most = StandardVersion.parse(agreed)
    included = [version for text in known if most.includes(version := StandardVersion.parse(text))]
    return str(max(included)) if included else None


def newest_before(standard: str, known: Iterable[str]) -> str | None:
    """Return the newest known version to which an unknown one is a compatible addition; None where it is none.

    Args:
        standard: As a sender names it; one that is known has nothing before it.
        known: Versions that are known here.

    Raises:
        ValueError: A version has another shape.
    """
    versions = list(known)
    return None if standard in versions else newest_included(standard, versions)


def share_major(one: Iterable[str], other: Iterable[str]) -> bool:
    """Say whether two cities' versions of a standard have a major version in common.

    Versions of another shape, of a partner that is ahead of this text, are nobody's.
    """
    return bool(_majors(one) & _majors(other))


def _majors(versions: Iterable[str]) -> set[int]:
    return {StandardVersion.parse(text).major for text in versions if _VERSION.fullmatch(text)}
