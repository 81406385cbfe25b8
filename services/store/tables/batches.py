"""Sealed and applied batches, the words given on them, and the records that were accepted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class BatchRow(StoreTable, table=True):
    """A sealed (outbound) or applied (inbound) batch (`services.domain.batch.StoredBatch`).

    Only ``abandoned`` ever changes, and of held records that are refused ``operations`` and ``record_keys``.

    Attributes:
        oldest_time: Outbound: when its oldest record was submitted.
        abandoned: Outbound: it will never have a receipt; kept as evidence, found by nobody (`AbandonedBatchRow`).
        record_runs: Outbound: its records' ids in sequence, as runs (`services.store.runs`).
        operations: Inbound: ``Operation`` number, one byte for each record, 0 when it was rejected.
        record_keys: Inbound: business key, 16 bytes for each record, zero when it was rejected.
        leaves: Leaf digest, 32 bytes for each record. Last, so that a look at the rest reads no overflow page.
    """

    __tablename__ = "batch"
    __table_args__ = (
        Index(None, "stream_id", "epoch", "first_sequence"),
        # An abandoned batch keeps its place as evidence beside the one that took its sequences.
        Index(
            "uq_batch_stream_id",
            "stream_id",
            "epoch",
            "first_sequence",
            unique=True,
            sqlite_where=text("NOT abandoned"),
            postgresql_where=text("NOT abandoned"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    epoch: int = Field(sa_type=BigInteger)
    first_sequence: int = Field(sa_type=BigInteger)
    record_count: int
    oldest_time: datetime | None = Field(sa_type=UtcTime)
    abandoned: bool
    header_hash: bytes
    header: bytes
    header_key_id: str
    header_signature: bytes
    record_runs: bytes
    operations: bytes
    record_keys: bytes
    leaves: bytes


class ReceiptRow(StoreTable, table=True):
    """The receiver's signed word on a batch: given (inbound) or got (outbound). Never changed."""

    __tablename__ = "receipt"

    batch_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="batch.id")
    accepted_count: int
    received_time: datetime = Field(sa_type=UtcTime)
    content: bytes
    key_id: str
    signature: bytes


class AbandonedBatchRow(StoreTable, table=True):
    """An outbound batch of an ended epoch that will never have a receipt, and why.

    Attributes:
        outcome: "REOPENED": its records are pending again; "VOID": they are undeliverable, their payload is deleted.
        reason: The operator's reason; empty when reopened.
    """

    __tablename__ = "abandoned_batch"

    batch_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="batch.id")
    outcome: str
    reason: str


class ConflictRow(StoreTable, table=True):
    """This node's signed statement that a range was offered with another content."""

    __tablename__ = "conflict_statement"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    refused_time: datetime = Field(sa_type=UtcTime)
    content: bytes
    key_id: str
    signature: bytes


class InboxRow(StoreTable, table=True):
    """One accepted record, verbatim; the row is gone when its payload is deleted."""

    __tablename__ = "inbox"

    id: int = Field(primary_key=True, sa_type=ROW_ID, sa_column_kwargs={"autoincrement": False})
    salt: bytes
    body: bytes
