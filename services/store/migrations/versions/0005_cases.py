"""Cases and the records that tell them. Those of records that stand already are told by nothing yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBER = sa.BigInteger()
TEXT = sa.String()


def upgrade() -> None:
    op.create_table(
        "course_case",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("dataset", TEXT, nullable=False),
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("clock_day", sa.Date()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_case")),
        sa.UniqueConstraint("digest", "dataset", "partner", name=op.f("uq_course_case_digest")),
        sqlite_autoincrement=True,
    )
    _partial_index("ix_course_case_open", "course_case", ("dataset", "clock_day"), "state = 'OPEN'")
    op.create_table(
        "course_step",
        *(sa.Column(name, ROW_ID, nullable=False) for name in ("id", "case_id")),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("retracts", sa.Boolean(), nullable=False),
        sa.Column("city", TEXT, nullable=False),
        sa.Column("stream_id", ROW_ID, nullable=False),
        sa.Column("record_id", NUMBER),
        *(sa.Column(name, NUMBER, nullable=False) for name in ("epoch", "sequence")),
        sa.ForeignKeyConstraint(["case_id"], ["course_case.id"], name=op.f("fk_course_step_case_id")),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name=op.f("fk_course_step_stream_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_step")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_course_step_case_id"), "course_step", ["case_id"])
    _partial_index("uq_course_step_record_id", "course_step", ("record_id",), "record_id IS NOT NULL", unique=True)
    _partial_index(
        "uq_course_step_sequence", "course_step", ("stream_id", "epoch", "sequence"), "epoch > 0", unique=True
    )


def downgrade() -> None:
    op.drop_table("course_step")
    op.drop_table("course_case")


def _partial_index(name: str, table: str, columns: tuple[str, ...], where: str, *, unique: bool = False) -> None:
    op.create_index(
        op.f(name), table, list(columns), unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
