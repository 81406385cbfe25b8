"""Revocations, the lists of other cities that they came from, and who acknowledged which bundle of ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Types as of this revision: a migration never changes when the tables' module does.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MICROS = sa.BigInteger()
TEXT = sa.String()


def upgrade() -> None:
    op.create_table(
        "revocation",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("grain", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("revoked_by", TEXT, nullable=False),
        sa.Column("revoked_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocation"),
        sa.UniqueConstraint("grain", "subject", name="uq_revocation_grain"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "crl",
        sa.Column("authority", TEXT, nullable=False),
        sa.Column("city", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("this_update", MICROS, nullable=False),
        sa.Column("next_update", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("authority", name="pk_crl"),
    )

    op.create_table(
        "bundle_ack",
        sa.Column("city", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("acknowledged_at", MICROS, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("city", name="pk_bundle_ack"),
    )


def downgrade() -> None:
    op.drop_table("bundle_ack")
    op.drop_table("crl")
    op.drop_table("revocation")
