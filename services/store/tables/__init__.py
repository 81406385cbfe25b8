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

from typing import Final

from sqlalchemy import Table

from services.store.tables import access, batches, cases, directory, outbox, rejections, streams
from services.store.tables.base import OFFSET_BITS, StoreTable

__all__ = ["OFFSET_BITS"]

_DECLARED: Final = (access, batches, cases, directory, outbox, rejections, streams)
"""Importing them puts their tables into the metadata."""

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
