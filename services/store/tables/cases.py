"""Cases, and the records that tell them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field

from services.store.columns import ROW_ID
from services.store.tables.base import StoreTable


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
