"""What lint finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters.

    An error keeps the mapping from being used. A warning should be mended before others see the file. A note is true,
    intended, and worth knowing: what this dialect leaves out or refuses.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint found.

    Attributes:
        level: How much it matters.
        rule: Stable name of the rule, "code.no_partner".
        file: Name of the mapping file.
        place: Where in it, as a reader finds it: "column AAE140".
        problem: What is the case, Chinese with English beside.
    """

    level: Level
    rule: str
    file: str
    place: str
    problem: str

    def as_json(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)
