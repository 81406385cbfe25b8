"""What is sent: sources, submissions, records, and what stands of every subject."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class SourceRow(StoreTable, table=True):
    """Where submitted rows come from (`services.domain.outbox.Source`) and what became of them.

    Its name is empty for records that a restored sender got back: nobody knows their source any more.
    Pending is what remains of ``submitted``.
    """

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("stream_id", "name"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    name: str
    label: str
    position: int = Field(sa_type=BigInteger)
    submitted: int = Field(sa_type=BigInteger)
    acknowledged: int = Field(default=0, sa_type=BigInteger)
    rejected: int = Field(default=0, sa_type=BigInteger)
    void: int = Field(default=0, sa_type=BigInteger)
    cursor: str = ""


class SubmissionRow(StoreTable, table=True):
    """One append to the outbox: owner of up to 2^20 records.

    Attributes:
        stream_id: As its source's: so that what a stream was told since its last merge is one range.
        positions: Place in the source, u64be for each record.
        record_keys: Business key, 16 bytes for each record; zero for records that were got back without payload.
        contents: Digest of what each record says, 8 bytes for each.
        mapping: Version of the mapping that made the records; empty when their sender mapped them.
        notes: JSON: what reading changed, by the name of the normalisation the offsets of the records.
    """

    __tablename__ = "submission"
    __table_args__ = (Index(None, "stream_id", "id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID)
    source_id: int = Field(sa_type=ROW_ID, foreign_key="source.id")
    record_count: int
    submitted_time: datetime = Field(sa_type=UtcTime)
    positions: bytes
    record_keys: bytes
    contents: bytes
    mapping: str
    notes: str


class OutboxRow(StoreTable, table=True):
    """One record to send, verbatim; the row is gone when its payload is deleted."""

    __tablename__ = "outbox"

    id: int = Field(primary_key=True, sa_type=ROW_ID, sa_column_kwargs={"autoincrement": False})
    salt: bytes
    body: bytes


class PendingRow(StoreTable, table=True):
    """A run of a submission's records that no batch holds."""

    __tablename__ = "pending"
    __table_args__ = ({"sqlite_with_rowid": False},)

    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    first_id: int = Field(primary_key=True, sa_type=ROW_ID)
    record_count: int


class StandingRow(StoreTable, table=True):
    """What stands of one subject (`services.domain.standing.Standing`), up to the stream's ``merged_submission``.

    Submissions are merged in passes sorted by key: a pass of a hundred thousand writes each page once, where keeping
    this table with every submission would write a page for each record.

    Attributes:
        previous_id: The record before: it stands again when this one is refused.
    """

    __tablename__ = "standing"
    __table_args__ = ({"sqlite_with_rowid": False},)

    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    record_key: bytes = Field(primary_key=True)
    content: bytes
    record_id: int = Field(sa_type=BigInteger)
    previous_content: bytes | None
    previous_id: int | None = Field(sa_type=BigInteger)


class RecoveredRow(StoreTable, table=True):
    """A record that a restored sender got back, and the submission that claimed it since.

    Attributes:
        record_id: Its id in the outbox.
        body_hash: SHA-256 of its body, by which a repeated submission finds it.
        source_id: Source that claimed it; None while it waits.
        position: Its place in that source.
    """

    __tablename__ = "recovered"
    __table_args__ = (Index(None, "stream_id", "source_id", "body_hash"),)

    record_id: int = Field(primary_key=True, sa_type=ROW_ID, sa_column_kwargs={"autoincrement": False})
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    source_id: int | None = Field(default=None, sa_type=ROW_ID, foreign_key="source.id")
    position: int | None = Field(default=None, sa_type=BigInteger)
    body_hash: bytes
