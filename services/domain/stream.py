"""Streams: one dataset's records from one city to one other, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

_NAME: Final = re.compile(
    r"(?P<a>[0-9]{6})/(?P<b>[0-9]{6})/(?P<dataset>[a-z][a-z0-9_]*(?:[.][a-z][a-z0-9_]*)+)/(?P<shard>0|[1-9][0-9]{0,2})"
)

GENESIS: Final = bytes(32)
"""Head of a stream on which nothing was ever applied."""


@dataclass(frozen=True, slots=True)
class StreamName:
    """`<from>/<to>/<dataset>/<shard>` with 6-digit city codes."""

    from_city: str
    to_city: str
    dataset: str
    shard: int = 0

    def __str__(self) -> str:
        """Return the name as it stands on the wire."""
        return f"{self.from_city}/{self.to_city}/{self.dataset}/{self.shard}"

    @property
    def is_register(self) -> bool:
        """Whether it is what a city says to itself: its own register, which nobody receives."""
        return self.from_city == self.to_city

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name from the wire or the command line.

        Raises:
            ValueError: It has another shape.
        """
        match = _NAME.fullmatch(text)
        if match is None:
            raise ValueError("a stream is named <from>/<to>/<dataset>/<shard>, 320600/310000/social.contribution/0")
        return cls(match["a"], match["b"], match["dataset"], int(match["shard"]))


class Direction(StrEnum):
    """Which end of a stream this node is."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class StreamState(StrEnum):
    """What a stream may do. Anything but OPEN and REPLAY waits for an operator."""

    OPEN = "OPEN"
    DIVERGED = "DIVERGED"
    RECOVERING = "RECOVERING"
    """Inbound only: this node was restored and found itself behind its own signature."""
    REPLAY = "REPLAY"
    """Inbound only: an operator let the sender replay the original batches with their receipts."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where one side of a stream stands.

    Attributes:
        epoch: From 1.
        watermark: Highest sequence applied (receiver) or acknowledged (sender) in the epoch; 0 when none.
        head: Hash of the header of the batch that ends at the watermark, 32 bytes; `GENESIS` when none ever was.
    """

    epoch: int = 1
    watermark: int = 0
    head: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Stream:
    """One end of a stream as the store keeps it.

    Attributes:
        id: Row id, 0 before it is stored.
        name: Name on the wire.
        direction: Which end this node is.
        position: Acknowledged (outbound) or applied (inbound) position.
        sealed: Outbound: end of the last sealed batch. Inbound: equal to ``position``.
        state: Whether it may run.
        state_reason: Why it may not; plain language, empty while OPEN.
        closed: Where the previous epoch ended; None in the first one.
        hash_algorithm: "SHA256" or "SM3"; fixed within an epoch.
        fence: Outbound: fencing number of the lease that was last taken.
    """

    id: int
    name: StreamName
    direction: Direction
    position: Position = Position()
    sealed: Position = Position()
    state: StreamState = StreamState.OPEN
    state_reason: str = ""
    closed: Position | None = None
    hash_algorithm: str = "SHA256"
    fence: int = 0
