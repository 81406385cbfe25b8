"""What stands of every subject, lineage of submissions, cursors of readers and watchers, rejections of both cities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
# There is no way down: rejections of this side have no place in the former schema. Restore the backup instead.

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBER = sa.BigInteger()
MICROS = sa.BigInteger()
TEXT = sa.String()
BYTES = sa.LargeBinary()

# Nobody knows what these records said: the next full file sends every row once more.
_UNKNOWN_CONTENTS = {
    "sqlite": "UPDATE submission SET contents = unhex(replace(hex(zeroblob(8 * record_count)), '00', 'FF'))",
    "postgresql": "UPDATE submission SET contents = decode(repeat('ff', 8 * record_count), 'hex')",
}


def upgrade() -> None:
    op.add_column("stream", sa.Column("merged_submission", NUMBER, nullable=False, server_default="0"))
    op.add_column("source", sa.Column("cursor", TEXT, nullable=False, server_default=""))
    op.add_column("submission", sa.Column("contents", BYTES, nullable=False, server_default=""))
    op.add_column("submission", sa.Column("mapping", TEXT, nullable=False, server_default=""))
    op.add_column("submission", sa.Column("notes", TEXT, nullable=False, server_default=""))
    op.execute(_UNKNOWN_CONTENTS[op.get_bind().dialect.name])
    op.create_table(
        "standing",
        *(sa.Column(name, kind, nullable=False) for name, kind in (("stream_id", ROW_ID), ("record_key", BYTES))),
        *(sa.Column(name, kind, nullable=False) for name, kind in (("content", BYTES), ("record_id", NUMBER))),
        *(sa.Column(name, kind) for name, kind in (("previous_content", BYTES), ("previous_id", NUMBER))),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name=op.f("fk_standing_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "record_key", name=op.f("pk_standing")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "watcher",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("stream_id", ROW_ID, nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name=op.f("fk_watcher_stream_id")),
        sa.PrimaryKeyConstraint("name", "stream_id", name=op.f("pk_watcher")),
    )
    _rejections()


def _rejections() -> None:
    """Make the table anew: what refused rows of both cities have in common, and what closed them."""
    op.execute("CREATE TABLE rejection_0001 AS SELECT * FROM rejection")
    op.drop_table("rejection")
    op.create_table(
        "rejection",
        *(sa.Column(name, ROW_ID, nullable=False) for name in ("id", "stream_id")),
        sa.Column("batch_id", ROW_ID),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("record_id", NUMBER),
        sa.Column("record_key", BYTES, nullable=False),
        sa.Column("source_id", ROW_ID, nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("column_name", "field_path", "rule_id", "reason")),
        sa.Column("rejected_time", MICROS, nullable=False),
        sa.Column("closed_time", MICROS),
        sa.Column("closed_source_id", ROW_ID),
        sa.Column("closed_position", NUMBER, nullable=False),
        sa.Column("closed_reason", TEXT, nullable=False),
        *(_refers(name) for name in ("stream_id", "batch_id", "source_id")),
        sa.ForeignKeyConstraint(["closed_source_id"], ["source.id"], name=op.f("fk_rejection_closed_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection")),
        sqlite_autoincrement=True,
    )
    op.execute(
        sa.text(
            "INSERT INTO rejection (id, stream_id, batch_id, sequence, record_key, source_id, position, column_name,"
            " field_path, rule_id, reason, rejected_time, closed_position, closed_reason)"
            " SELECT r.id, b.stream_id, r.batch_id, r.sequence, :no_key, r.source_id, r.position, '',"
            " r.field_path, r.rule_id, r.reason, a.received_time, 0, ''"
            " FROM rejection_0001 r JOIN batch b ON b.id = r.batch_id JOIN receipt a ON a.batch_id = r.batch_id"
        ).bindparams(sa.bindparam("no_key", b"", BYTES))
    )
    op.drop_table("rejection_0001")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('rejection', 'id'), coalesce(max(id), 1)) FROM rejection")
    _indexes()


def _refers(column: str) -> sa.ForeignKeyConstraint:
    target = f"{column.removesuffix('_id')}.id"
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_rejection_{column}"))


def _indexes() -> None:
    still_open, local = sa.text("closed_time IS NULL"), sa.text("batch_id IS NULL")
    op.create_index(op.f("ix_rejection_source_id"), "rejection", ["source_id", "id"])
    op.create_index(op.f("ix_rejection_batch_id"), "rejection", ["batch_id"])
    op.create_index(op.f("ix_rejection_record_id"), "rejection", ["record_id"])
    op.create_index(
        "ix_rejection_open",
        "rejection",
        ["stream_id", "record_key"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index(
        "uq_rejection_local",
        "rejection",
        ["source_id", "position"],
        unique=True,
        sqlite_where=local,
        postgresql_where=local,
    )
