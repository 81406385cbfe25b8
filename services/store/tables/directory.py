"""Partners, agreements, and what is believed of certificates."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from services.store.columns import ROW_ID, UtcTime
from services.store.tables.base import StoreTable


class PartnerRow(StoreTable, table=True):
    """A partner city (`services.domain.partner.Partner`)."""

    __tablename__ = "partner"

    city: str = Field(primary_key=True)
    bundle: bytes
    fingerprint: str
    endpoint: str
    state: str
    state_reason: str


class AgreementRow(StoreTable, table=True):
    """One version of an agreement (`services.domain.agreement.Agreement`).

    Attributes:
        fields: JSON list of field names.
        purposes: JSON list of purposes.
    """

    __tablename__ = "agreement"

    id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    provider: str
    consumer: str
    dataset: str
    standard: str
    mode: str
    fields: str
    purposes: str
    legal_basis: str
    valid_from: date
    valid_until: date
    retention_days: int
    records_per_minute: int | None


class RevocationRow(StoreTable, table=True):
    """One revocation (`services.domain.revocation.Revocation`); the id rises, so that a reader sees what is new."""

    __tablename__ = "revocation"
    __table_args__ = (UniqueConstraint("grain", "subject"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    grain: str
    subject: str
    reason: str
    revoked_by: str
    revoked_at: datetime = Field(sa_type=UtcTime)


class CrlRow(StoreTable, table=True):
    """The last list of an authority that was imported (`services.domain.revocation.CrlState`)."""

    __tablename__ = "crl"

    authority: str = Field(primary_key=True)
    city: str
    number: int = Field(sa_type=BigInteger)
    this_update: datetime = Field(sa_type=UtcTime)
    next_update: datetime = Field(sa_type=UtcTime)


class BundleAckRow(StoreTable, table=True):
    """A partner's last acknowledgement of our bundle (`services.domain.bundle_ack.BundleAck`)."""

    __tablename__ = "bundle_ack"

    city: str = Field(primary_key=True)
    version: int
    digest: str
    acknowledged_at: datetime = Field(sa_type=UtcTime)
    content: bytes
    key_id: str
    signature: bytes
