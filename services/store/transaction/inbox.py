"""The inbox: applied batches with their receipts and accepted records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from services.domain.batch import Record, Signed, StoredBatch
from services.domain.inbox import InboxRow
from services.store import runs
from services.store.dialect import Records
from services.store.runs import Run
from services.store.tables import CONFLICT, INBOX, OFFSET_BITS
from services.store.transaction.batches import BatchesPart

KEY_BYTES: Final = 16


class InboxPart(BatchesPart):
    """The part of `services.ports.inbox.Inbox` about batches."""

    def apply(self, batch: StoredBatch, rows: Sequence[InboxRow], *, accepted: int, now: datetime) -> StoredBatch:
        """See the port.

        Raises:
            ValueError: The batch has no receipt, or its rows are not the accepted ones, by rising sequence.
        """
        if batch.receipt is None or accepted != len(rows):
            raise ValueError("an applied batch has its receipt and one row for each accepted record")
        operations, record_keys = _index(batch, rows)
        stored = self._insert_batch(batch, operations=operations, record_keys=record_keys)
        self._insert_receipt(stored.id, batch.receipt, accepted=accepted, received_time=now)
        if rows:
            sequences, _, _, salts, bodies = zip(*rows, strict=True)
            records = Records([sequence - batch.first_sequence for sequence in sequences], salts, bodies)
            self._dialect.insert_records(self._connection, INBOX, runs.first_id(stored.id), records)
        return stored

    def inbox_records(self, batch: StoredBatch) -> list[Record]:
        """See the port."""
        held = Run(runs.first_id(batch.id), batch.record_count)
        return self._records(INBOX, [held])

    def add_conflict(self, stream_id: int, statement: Signed, *, now: datetime) -> None:
        """See the port. Kept once, however often the range is offered."""
        same = select(CONFLICT.c.id).where(CONFLICT.c.stream_id == stream_id, CONFLICT.c.content == statement.content)
        if self._connection.execute(same).first() is None:
            row = {"stream_id": stream_id, "refused_time": now}
            self._connection.execute(insert(CONFLICT).values(**row, **statement._asdict()))


def _index(batch: StoredBatch, rows: Sequence[InboxRow]) -> tuple[bytes, bytes]:
    """Return the columns ``operations`` and ``record_keys`` of a batch.

    Raises:
        ValueError: A sequence lies outside the batch, the batch is too long, or a key has not 16 bytes.
    """
    if batch.record_count > 1 << OFFSET_BITS:
        raise ValueError(f"a batch has at most {1 << OFFSET_BITS} records")
    operations = bytearray(batch.record_count)
    keys = [bytes(KEY_BYTES)] * batch.record_count
    next_sequence = batch.first_sequence
    for sequence, operation, key, _, _ in rows:
        if not next_sequence <= sequence <= batch.last_sequence or len(key) != KEY_BYTES or not operation:
            raise ValueError("an accepted record has an operation, a key of 16 bytes and a place in its batch")
        operations[sequence - batch.first_sequence] = operation
        keys[sequence - batch.first_sequence] = key
        next_sequence = sequence + 1
    return bytes(operations), b"".join(keys)
