"""Receipts: the receiver's signed word on every record of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.domain.stream import StreamName


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a record is refused; never holds the value.

    Attributes:
        field_path: Path in the standard message, "total_fen"; empty for the record as a whole.
        rule_id: Stable identifier, "citizen_number.check".
        reason: Plain language.
    """

    field_path: str
    rule_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A violation at its place in a stream."""

    sequence: int
    violation: Violation


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receiver signs for a batch (``yrdx.exchange.v1.Receipt``, same meanings)."""

    stream: StreamName
    epoch: int
    header_hash: bytes
    first_sequence: int
    record_count: int
    accepted_count: int
    rejections: tuple[Rejection, ...]
    received_time: datetime

    @property
    def last_sequence(self) -> int:
        """Sequence of the batch's last record."""
        return self.first_sequence + self.record_count - 1
