"""The tables. SQLModel declares them, SQLAlchemy Core moves the rows.

What keeps the hot path flat up to tens of millions of records:

- Records stand in `OutboxRow` and `InboxRow`: append-only, by rising id, without a second index.
- A record's id says whose it is: ``owner << 20 | offset``, where the owner is the submission (outbox) or the batch
  (inbox) that brought it. So one narrow row per submission or batch stands for a run of up to 2^20 records, and
  neither sealing nor looking up touches a record's row.
- Batches and receipts are only ever inserted (but for a record that is refused after it was held: its batch forgets
  it); how far a source is, is counted in its one row.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from sqlalchemy import BigInteger, Index, MetaData, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from services.store.columns import ROW_ID, UtcTime

OFFSET_BITS: Final = 20
"""Low bits of a record's id: its offset in its submission or batch."""


class StoreTable(SQLModel):
    """What all tables share: one metadata, with names that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )


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
    __table_args__ = {"sqlite_with_rowid": False}

    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    first_id: int = Field(primary_key=True, sa_type=ROW_ID)
    record_count: int


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


class StandingRow(StoreTable, table=True):
    """What stands of one subject (`services.domain.standing.Standing`), up to the stream's ``merged_submission``.

    Submissions are merged in runs sorted by key: a run of a hundred thousand touches each page once, where keeping
    this table with every submission would write a page for each record.

    Attributes:
        previous_id: The record before: it stands again when this one is refused.
    """

    __tablename__ = "standing"
    __table_args__ = {"sqlite_with_rowid": False}

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


class InboxRow(StoreTable, table=True):
    """One accepted record, verbatim; the row is gone when its payload is deleted."""

    __tablename__ = "inbox"

    id: int = Field(primary_key=True, sa_type=ROW_ID, sa_column_kwargs={"autoincrement": False})
    salt: bytes
    body: bytes


class WatcherRow(StoreTable, table=True):
    """How far a watcher of an inbound stream has come, by name; one is the gate (`transaction.holds`)."""

    __tablename__ = "watcher"

    name: str = Field(primary_key=True)
    stream_id: int = Field(primary_key=True, sa_type=ROW_ID, foreign_key="stream.id")
    position: int = Field(sa_type=BigInteger)


class ConflictRow(StoreTable, table=True):
    """This node's signed statement that a range was offered with another content."""

    __tablename__ = "conflict_statement"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    refused_time: datetime = Field(sa_type=UtcTime)
    content: bytes
    key_id: str
    signature: bytes


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


class CourseCaseRow(StoreTable, table=True):
    """A case between this city and another (`services.domain.case.Case`).

    Attributes:
        digest: `services.domain.case.case_digest` of its number.
        number: Empty while no record of it was accepted: of a refused one the digest alone is kept.
    """

    __tablename__ = "course_case"
    __table_args__ = (
        UniqueConstraint("digest", "dataset", "partner"),
        # Open ones are few, so counting those that are overdue is cheap however many were ever closed.
        Index(
            "ix_course_case_open",
            "dataset",
            "clock_day",
            sqlite_where=text("state = 'OPEN'"),
            postgresql_where=text("state = 'OPEN'"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    dataset: str
    partner: str
    digest: bytes
    number: str = ""
    state: str
    clock_day: date | None = None


class CourseStepRow(StoreTable, table=True):
    """One record of a case (`services.domain.case.StepRecord`); its payload stands in the outbox or the inbox."""

    __tablename__ = "course_step"
    __table_args__ = (
        Index(None, "case_id"),
        Index(
            "uq_course_step_record_id",
            "record_id",
            unique=True,
            sqlite_where=text("record_id IS NOT NULL"),
            postgresql_where=text("record_id IS NOT NULL"),
        ),
        Index(
            "uq_course_step_sequence",
            "stream_id",
            "epoch",
            "sequence",
            unique=True,
            sqlite_where=text("epoch > 0"),
            postgresql_where=text("epoch > 0"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    case_id: int = Field(sa_type=ROW_ID, foreign_key="course_case.id")
    step: int
    day: date
    retracts: bool
    city: str
    stream_id: int = Field(sa_type=ROW_ID, foreign_key="stream.id")
    record_id: int | None = Field(sa_type=BigInteger)
    epoch: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)


METADATA: Final = StoreTable.metadata

STREAM: Final[Table] = METADATA.tables["stream"]
CLOSED_EPOCH: Final[Table] = METADATA.tables["closed_epoch"]
SOURCE: Final[Table] = METADATA.tables["source"]
SUBMISSION: Final[Table] = METADATA.tables["submission"]
OUTBOX: Final[Table] = METADATA.tables["outbox"]
PENDING: Final[Table] = METADATA.tables["pending"]
BATCH: Final[Table] = METADATA.tables["batch"]
RECEIPT: Final[Table] = METADATA.tables["receipt"]
ABANDONED: Final[Table] = METADATA.tables["abandoned_batch"]
REJECTION: Final[Table] = METADATA.tables["rejection"]
RECOVERED: Final[Table] = METADATA.tables["recovered"]
STANDING: Final[Table] = METADATA.tables["standing"]
INBOX: Final[Table] = METADATA.tables["inbox"]
WATCHER: Final[Table] = METADATA.tables["watcher"]
CONFLICT: Final[Table] = METADATA.tables["conflict_statement"]
PARTNER: Final[Table] = METADATA.tables["partner"]
AGREEMENT: Final[Table] = METADATA.tables["agreement"]
REVOCATION: Final[Table] = METADATA.tables["revocation"]
ACCESS: Final[Table] = METADATA.tables["access"]
CRL: Final[Table] = METADATA.tables["crl"]
BUNDLE_ACK: Final[Table] = METADATA.tables["bundle_ack"]
COURSE_CASE: Final[Table] = METADATA.tables["course_case"]
COURSE_STEP: Final[Table] = METADATA.tables["course_step"]
