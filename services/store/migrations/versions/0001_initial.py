"""The first schema; what each table is for stands in `services.store.tables`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Types as of this revision: a migration never changes when the tables' module does.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNT = sa.Integer()
NUMBER = sa.BigInteger()
MICROS = sa.BigInteger()
TEXT = sa.String()
BYTES = sa.LargeBinary()


def upgrade() -> None:
    for create in (_streams, _submissions, _batches, _answers, _recovery, _inbox, _directory):
        create()


def downgrade() -> None:
    for table in (
        *("agreement", "partner", "conflict_statement", "inbox", "recovered", "rejection", "abandoned_batch"),
        *("receipt", "batch", "pending", "outbox", "submission", "source", "closed_epoch", "stream"),
    ):
        op.drop_table(table)


def _streams() -> None:
    _table(
        "stream",
        sa.Column("id", ROW_ID, nullable=False),
        *_required(TEXT, "name", "direction"),
        *_required(NUMBER, "epoch", "watermark"),
        *_required(BYTES, "head"),
        *_required(NUMBER, "sealed_epoch", "sealed_watermark"),
        *_required(BYTES, "sealed_head"),
        *_required(TEXT, "state", "state_reason"),
        sa.Column("closed_epoch", NUMBER),
        sa.Column("closed_watermark", NUMBER),
        sa.Column("closed_head", BYTES),
        *_required(TEXT, "hash_algorithm"),
        *_required(NUMBER, "fence"),
        *_required(TEXT, "lease_holder"),
        sa.Column("lease_until", MICROS),
        sa.UniqueConstraint("name", "direction", name=op.f("uq_stream_name")),
        key=("id",),
        sqlite_autoincrement=True,
    )
    _table(
        "closed_epoch",
        *_required(ROW_ID, "stream_id"),
        *_required(NUMBER, "epoch", "watermark"),
        *_required(BYTES, "head"),
        _refers("closed_epoch", "stream_id", "stream.id"),
        key=("stream_id", "epoch"),
    )


def _submissions() -> None:
    _table(
        "source",
        *_required(ROW_ID, "id", "stream_id"),
        *_required(TEXT, "name", "label"),
        *_required(NUMBER, "position", "submitted", "acknowledged", "rejected", "void"),
        _refers("source", "stream_id", "stream.id"),
        sa.UniqueConstraint("stream_id", "name", name=op.f("uq_source_stream_id")),
        key=("id",),
        sqlite_autoincrement=True,
    )
    _table(
        "submission",
        *_required(ROW_ID, "id", "source_id"),
        *_required(COUNT, "record_count"),
        *_required(MICROS, "submitted_time"),
        *_required(BYTES, "positions", "record_keys"),
        _refers("submission", "source_id", "source.id"),
        key=("id",),
        sqlite_autoincrement=True,
    )
    _records("outbox")
    _table(
        "pending",
        *_required(ROW_ID, "stream_id", "first_id"),
        *_required(COUNT, "record_count"),
        _refers("pending", "stream_id", "stream.id"),
        key=("stream_id", "first_id"),
        sqlite_with_rowid=False,
    )


def _batches() -> None:
    _table(
        "batch",
        *_required(ROW_ID, "id", "stream_id"),
        *_required(NUMBER, "epoch", "first_sequence"),
        *_required(COUNT, "record_count"),
        sa.Column("oldest_time", MICROS),
        *_required(sa.Boolean(), "abandoned"),
        *_required(BYTES, "header_hash", "header"),
        *_required(TEXT, "header_key_id"),
        *_required(BYTES, "header_signature", "record_runs", "operations", "record_keys", "leaves"),
        _refers("batch", "stream_id", "stream.id"),
        key=("id",),
        sqlite_autoincrement=True,
    )
    sequences = ["stream_id", "epoch", "first_sequence"]
    standing = sa.text("NOT abandoned")
    op.create_index(op.f("ix_batch_stream_id"), "batch", sequences)
    op.create_index(
        "uq_batch_stream_id", "batch", sequences, unique=True, sqlite_where=standing, postgresql_where=standing
    )


def _answers() -> None:
    _table(
        "receipt",
        *_required(ROW_ID, "batch_id"),
        *_required(COUNT, "accepted_count"),
        *_required(MICROS, "received_time"),
        *_required(BYTES, "content"),
        *_required(TEXT, "key_id"),
        *_required(BYTES, "signature"),
        _refers("receipt", "batch_id", "batch.id"),
        key=("batch_id",),
    )
    _table(
        "abandoned_batch",
        *_required(ROW_ID, "batch_id"),
        *_required(TEXT, "outcome", "reason"),
        _refers("abandoned_batch", "batch_id", "batch.id"),
        key=("batch_id",),
    )
    _table(
        "rejection",
        *_required(ROW_ID, "id", "batch_id"),
        *_required(NUMBER, "sequence"),
        *_required(ROW_ID, "source_id"),
        *_required(NUMBER, "position"),
        *_required(TEXT, "field_path", "rule_id", "reason"),
        _refers("rejection", "batch_id", "batch.id"),
        _refers("rejection", "source_id", "source.id"),
        key=("id",),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rejection_batch_id"), "rejection", ["batch_id"])
    op.create_index(op.f("ix_rejection_source_id"), "rejection", ["source_id", "id"])


def _recovery() -> None:
    _table(
        "recovered",
        sa.Column("record_id", ROW_ID, autoincrement=False, nullable=False),
        *_required(ROW_ID, "stream_id"),
        sa.Column("source_id", ROW_ID),
        sa.Column("position", NUMBER),
        *_required(BYTES, "body_hash"),
        _refers("recovered", "stream_id", "stream.id"),
        _refers("recovered", "source_id", "source.id"),
        key=("record_id",),
    )
    op.create_index(op.f("ix_recovered_stream_id"), "recovered", ["stream_id", "source_id", "body_hash"])


def _inbox() -> None:
    _records("inbox")
    _table(
        "conflict_statement",
        *_required(ROW_ID, "id", "stream_id"),
        *_required(MICROS, "refused_time"),
        *_required(BYTES, "content"),
        *_required(TEXT, "key_id"),
        *_required(BYTES, "signature"),
        _refers("conflict_statement", "stream_id", "stream.id"),
        key=("id",),
        sqlite_autoincrement=True,
    )


def _directory() -> None:
    _table(
        "partner",
        *_required(TEXT, "city"),
        *_required(BYTES, "bundle"),
        *_required(TEXT, "fingerprint", "endpoint", "state", "state_reason"),
        key=("city",),
    )
    _table(
        "agreement",
        *_required(TEXT, "id"),
        *_required(COUNT, "version"),
        *_required(TEXT, "provider", "consumer", "dataset", "standard", "mode", "fields", "purposes", "legal_basis"),
        *_required(sa.Date(), "valid_from", "valid_until"),
        *_required(COUNT, "retention_days"),
        sa.Column("records_per_minute", COUNT),
        key=("id", "version"),
    )


def _table(name: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...], **options: bool) -> None:
    primary = sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))
    create: Callable[..., Any] = op.create_table
    create(name, *parts, primary, **options)


def _records(name: str) -> None:
    record_id: sa.Column[int] = sa.Column("id", ROW_ID, autoincrement=False, nullable=False)
    _table(name, record_id, *_required(BYTES, "salt", "body"), key=("id",))


def _required(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
