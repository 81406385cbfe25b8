"""The access log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class AccessRow(StoreTable, table=True):
    """One question about a subject, asked or answered here (`services.domain.access.Access`). Append-only by a trigger.

    Attributes:
        subject: HMAC-SHA-256 of the subject: a person's accesses are found, and nobody is named.
    """

    __tablename__ = "access"
    __table_args__ = (Index(None, "subject", "id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    time: datetime = Field(sa_type=UtcTime)
    direction: str
    asked_city: str
    caller_city: str
    caller: str
    question: str
    agreement_id: str
    agreement_version: int
    purpose: str
    legal_basis: str
    request_id: str
    clerk_reference: str
    subject: bytes
    outcome: str
