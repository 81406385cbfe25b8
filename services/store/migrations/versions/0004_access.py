"""The access log, which only grows; and of every submission its stream, so that its last ones are one range."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
# There is no way down: a log that a migration could remove would prove nothing. Restore the backup instead.

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MICROS = sa.BigInteger()
TEXT = sa.String()

_TEXTS = ("direction", "asked_city", "caller_city", "caller", "question", "agreement_id")
_MORE_TEXTS = ("purpose", "legal_basis", "request_id", "clerk_reference")
_ONLY_GROWS = {
    "sqlite": [
        f"CREATE TRIGGER access_{act.lower()} BEFORE {act} ON access"
        " BEGIN SELECT RAISE(ABORT, 'the access log only grows'); END"
        for act in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE FUNCTION access_only_grows() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the access log only grows'; END $$"
        ),
        (
            "CREATE TRIGGER access_only_grows BEFORE UPDATE OR DELETE ON access"
            " FOR EACH ROW EXECUTE FUNCTION access_only_grows()"
        ),
    ],
}


def upgrade() -> None:
    op.create_table(
        "access",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("time", MICROS, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in _TEXTS),
        sa.Column("agreement_version", sa.Integer(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in _MORE_TEXTS),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_subject", "access", ["subject", "id"])
    for statement in _ONLY_GROWS[op.get_bind().dialect.name]:
        op.execute(statement)
    op.add_column("submission", sa.Column("stream_id", ROW_ID, nullable=False, server_default="0"))
    op.execute(
        "UPDATE submission SET stream_id = (SELECT stream_id FROM source WHERE source.id = submission.source_id)"
    )
    op.create_index("ix_submission_stream_id", "submission", ["stream_id", "id"])
