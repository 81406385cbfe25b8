"""Rows that were refused, on either side."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class RejectionRow(StoreTable, table=True):
    """A row that was refused, linked to where it came from: by the receiver, or on this side before it was a record.

    Attributes:
        batch_id: The receiver's: the batch; None for a local one.
        record_id: The receiver's: the record in the outbox.
        record_key: Business key; empty where it is not known.
        column_name: Local: the source's column.
        closed_source_id: Source of the row that took its place; None while it is open, or closed by an operator.
    """

    __tablename__ = "rejection"
    __table_args__ = (
        Index(None, "source_id", "id"),
        Index(None, "batch_id"),
        Index(None, "record_id"),
        # Open ones are few, so asking for a subject among them is cheap however many were ever closed.
        Index(
            "ix_rejection_open",
            "stream_id",
            "record_key",
            sqlite_where=text("closed_time IS NULL"),
            postgresql_where=text("closed_time IS NULL"),
        ),
        # A row of a source is refused here once, however often the source is read again.
        Index(
            "uq_rejection_local",
            "source_id",
            "position",
            unique=True,
            sqlite_where=text("batch_id IS NULL"),
            postgresql_where=text("batch_id IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    batch_id: int | None = Field(sa_type=ROW_ID, foreign_key="batch.id")
    sequence: int = Field(sa_type=BigInteger)
    record_id: int | None = Field(sa_type=BigInteger)
    record_key: bytes
    source_id: int = Field(sa_type=ROW_ID, foreign_key="source.id")
    position: int = Field(sa_type=BigInteger)
    column_name: str
    field_path: str
    rule_id: str
    reason: str
    rejected_time: datetime = Field(sa_type=UtcTime)
    closed_time: datetime | None = Field(default=None, sa_type=UtcTime)
    closed_source_id: int | None = Field(default=None, sa_type=ROW_ID, foreign_key="source.id")
    closed_position: int = Field(default=0, sa_type=BigInteger)
    closed_reason: str = ""
