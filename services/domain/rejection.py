"""Refused rows: who refused them and why, and what became of them since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.domain.receipt import Violation


class RejectedBy(StrEnum):
    """Which city refused a row."""

    LOCAL = "local"
    PARTNER = "partner"


class LocalRejection(NamedTuple):
    """A row that never became a record: the file, its mapping or this node's gate refused it.

    Attributes:
        position: Place in the source; a file's row number.
        column: The source's column; empty where the whole row is meant.
        violation: Why.
        key: Business key where it is known, 16 bytes; empty otherwise.
        mends_rejection: Id of the rejection that the row was meant to mend; 0 for none.
    """

    position: int
    column: str
    violation: Violation
    key: bytes = b""
    mends_rejection: int = 0


class Mending(NamedTuple):
    """A submitted row that takes the place of a refused one.

    Attributes:
        rejection_id: The refused row.
        position: Place of the mended row in its own source.
    """

    rejection_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Closing:
    """What closed a rejection.

    Attributes:
        time: When.
        source_label: File of the row that took its place; empty when an operator closed it.
        position: That row; 0 when an operator closed it.
        reason: The operator's reason.
    """

    time: datetime
    source_label: str
    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A refused row, linked to where it came from.

    Attributes:
        id: Rising id, for paging; what a mended row names.
        stream: Stream name as text.
        by: Who refused it.
        epoch: Epoch; 0 for a local one.
        sequence: Sequence; 0 for a local one.
        source: Source name; empty when a restore lost it.
        source_label: File name.
        position: Row number in the source; 0 when a restore lost it.
        column: The source's column; empty where only the standard's field is known, or the whole row is meant.
        violation: Why.
        rejected_time: When.
        closed: What closed it; None while it is open.
        key: Of a local one: business key or what stands for it, 16 bytes; empty where there is none.
    """

    id: int
    stream: str
    by: RejectedBy
    epoch: int
    sequence: int
    source: str
    source_label: str
    position: int
    column: str
    violation: Violation
    rejected_time: datetime
    closed: Closing | None = None
    key: bytes = b""
