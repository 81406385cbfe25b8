"""What waits to be sent: sources, rows and how far each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from services.domain.batch import Record
from services.domain.standing import UNKNOWN_CONTENT

SENT_AGAIN: Final = "again"
"""A file's cursor while its rows are sent once more by an operator's word, whatever stands."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where submitted rows come from: a file's content, a table, a calling system.

    Attributes:
        id: Row id, 0 before it is stored.
        stream_id: Row id of the outbound stream.
        name: Stable name; a file's is "sha256:<hex>", with "#2" after it when it was submitted again on purpose.
        label: What people call it: the file's name.
        position: Position up to which it was submitted; the cursor that a submission compares and swaps.
        submitted: Records that stand in the outbox from it.
        cursor: Where its reader goes on, in the reader's own words (a table's last serial or update time).
    """

    id: int
    stream_id: int
    name: str
    label: str
    position: int = 0
    submitted: int = 0
    cursor: str = ""


class OutboxRow(NamedTuple):
    """One row to append to the outbox.

    Attributes:
        position: Place in the source; a file's row number.
        key: Business key, 16 bytes.
        salt: 16 random bytes.
        body: Serialised ``RecordBody`` through the payload codec.
        content: 8-byte digest of what the record says, for finding out whether a row changed.
        normalisations: Names of what reading the row changed.
    """

    position: int
    key: bytes
    salt: bytes
    body: bytes
    content: bytes
    normalisations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a record that was sent comes from.

    Attributes:
        source: Name of its source; empty when a restored node got the record back and knows no more of it.
        source_label: What people call the source.
        position: Place in the source.
        mapping: Version of the mapping that made it; empty when its sender mapped it.
        normalisations: Names of what reading its row changed.
        submitted_time: When it was submitted.
    """

    source: str
    source_label: str
    position: int
    mapping: str
    normalisations: tuple[str, ...]
    submitted_time: datetime


class PendingRow(NamedTuple):
    """One row that no batch holds yet."""

    id: int
    source_id: int | None
    record: Record


class RecoveredRow(NamedTuple):
    """A record that a restored sender got back from the receiver; its source is not known any more.

    Attributes:
        key: Business key; empty when the payload is gone (rejected records).
        salt: Salt, or empty.
        body: Body, or empty.
        content: Digest of what it says: `WITHDRAWN` for a retraction, otherwise nobody knows how its source wrote it.
    """

    key: bytes
    salt: bytes
    body: bytes
    content: bytes = UNKNOWN_CONTENT


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far one source's records are; ``submitted = acknowledged + rejected + pending + void``."""

    submitted: int
    acknowledged: int
    rejected: int
    pending: int
    void: int


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far an outbound stream is, over all its epochs.

    Attributes:
        submitted: Records ever submitted.
        acknowledged: Records that the receiver accepted.
        rejected: Records that the receiver refused.
        pending: Records without an answer, sealed or not.
        void: Records that an operator declared undeliverable.
        oldest_pending_time: When the oldest pending record was submitted; None when there is none.
    """

    submitted: int
    acknowledged: int
    rejected: int
    pending: int
    void: int
    oldest_pending_time: datetime | None
