"""Limits on everything; a node publishes its own in ``Describe``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BATCH_RECORDS_FLOOR: Final = 1_000
BATCH_BYTES_FLOOR: Final = 1_048_576
"""No node's limits are below these, so a sealed batch of this size fits every receiver for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node accepts and sends.

    Attributes:
        batch_records_max: Records in a batch it accepts.
        batch_bytes_max: Bytes of all bodies and salts in a batch it accepts.
        record_bytes_max: Bytes of one body.
        batches_in_flight_max: Unanswered batches on one stream.
        submit_records_max: Records in one submit request.
    """

    batch_records_max: int = BATCH_RECORDS_FLOOR
    batch_bytes_max: int = BATCH_BYTES_FLOOR
    record_bytes_max: int = 65_536
    batches_in_flight_max: int = 8
    submit_records_max: int = 2_000

    def __post_init__(self) -> None:
        """Refuse limits below the floors.

        Raises:
            ValueError: A limit is below what every node must accept.
        """
        if self.batch_records_max < BATCH_RECORDS_FLOOR or self.batch_bytes_max < BATCH_BYTES_FLOOR:
            raise ValueError(f"limits are never below {BATCH_RECORDS_FLOOR} records and {BATCH_BYTES_FLOOR} bytes")
