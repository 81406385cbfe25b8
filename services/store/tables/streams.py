"""Streams and what readers of them have come to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class StreamRow(StoreTable, table=True):
    """One end of a stream (`services.domain.stream.Stream`) with the lease to seal its batches.

    Attributes:
        merged_submission: Outbound: last submission that `StandingRow` knows.
    """

    __tablename__ = "stream"
    __table_args__ = (UniqueConstraint("name", "direction"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    name: str
    direction: str
    epoch: int = Field(sa_type=BigInteger)
    watermark: int = Field(sa_type=BigInteger)
    head: bytes
    sealed_epoch: int = Field(sa_type=BigInteger)
    sealed_watermark: int = Field(sa_type=BigInteger)
    sealed_head: bytes
    state: str
    state_reason: str
    closed_epoch: int | None = Field(sa_type=BigInteger)
    closed_watermark: int | None = Field(sa_type=BigInteger)
    closed_head: bytes | None
    hash_algorithm: str
    fence: int = Field(sa_type=BigInteger)
    merged_submission: int = Field(default=0, sa_type=BigInteger)
    lease_holder: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcTime)


class ClosedEpochRow(StoreTable, table=True):
    """Where an epoch of a stream ended."""

    __tablename__ = "closed_epoch"

    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    watermark: int = Field(sa_type=BigInteger)
    head: bytes


class WatcherRow(StoreTable, table=True):
    """How far a watcher of an inbound stream has come, by name; one is the gate (`transaction.holds`)."""

    __tablename__ = "watcher"

    name: str = Field(primary_key=True)
    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    position: int = Field(sa_type=BigInteger)
