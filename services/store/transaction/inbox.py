"""The inbox: applied batches with their receipts and accepted records."""

from __future__ import annotations

from datetime import datetime
from operator import lt
from typing import Any

from sqlalchemy import insert, select

from services.domain.batch import Record, Signed, StoredBatch
from services.domain.inbox import Accepted
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.dialect import Records
from services.store.runs import Run
from services.store.tables import CONFLICT, INBOX, OFFSET_BITS, WATCHER
from services.store.transaction.batches import BatchesPart


class InboxPart(BatchesPart):
    """The part of `services.ports.inbox.Inbox` about batches."""

    def apply(self, batch: StoredBatch, accepted: Accepted, *, received_time: datetime) -> StoredBatch:
        """See the port.

        Raises:
            ValueError: The batch has no receipt, or the records have no place in it.
        """
        if batch.receipt is None:
            raise ValueError("an applied batch has its receipt")
        operations, record_keys = _index(batch, accepted)
        stored = self._insert_batch(batch, operations=operations, record_keys=record_keys)
        count = len(accepted.offsets)
        self._insert_receipt(stored.id, batch.receipt, accepted=count, received_time=received_time)
        if count:
            salts, bodies = zip(*accepted.records, strict=True)
            records = Records(accepted.offsets, salts, bodies)
            self._dialect.insert_records(self._connection, INBOX, runs.first_id(stored.id), records)
        return stored

    def inbox_records(self, batch: StoredBatch) -> list[Record]:
        """See the port."""
        held = Run(runs.first_id(batch.id), batch.record_count)
        return self._records(INBOX, [held])

    def watched(self, watcher: str, stream_id: int) -> int:
        """See the port."""
        own = select(WATCHER.c.position).where(WATCHER.c.name == watcher, WATCHER.c.stream_id == stream_id)
        return self._connection.execute(own).scalar_one_or_none() or 0

    def put_watched(self, watcher: str, stream_id: int, record_id: int) -> int:
        """See the port."""
        row = {"name": watcher, "stream_id": stream_id, "position": record_id}
        statement: Any = self._dialect.insert(WATCHER).values(**row)
        forwards = {"position": statement.excluded.position}
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["name", "stream_id"],
                set_=forwards,
                where=WATCHER.c.position < statement.excluded.position,
            )
        )
        return self.watched(watcher, stream_id)

    def add_conflict(self, stream_id: int, statement: Signed, *, now: datetime) -> None:
        """See the port. Kept once, however often the range is offered."""
        same = select(CONFLICT.c.id).where(CONFLICT.c.stream_id == stream_id, CONFLICT.c.content == statement.content)
        if self._connection.execute(same).first() is None:
            row = {"stream_id": stream_id, "refused_time": now}
            self._connection.execute(insert(CONFLICT).values(**row, **statement._asdict()))


def _index(batch: StoredBatch, accepted: Accepted) -> tuple[bytes, bytes]:
    """Return the columns ``operations`` and ``record_keys`` of a batch.

    Raises:
        ValueError: A record has no place in the batch, no operation or a key of another length than 16 bytes.
    """
    count, places = batch.record_count, accepted.offsets
    if count > 1 << OFFSET_BITS:
        raise ValueError(f"a batch has at most {1 << OFFSET_BITS} records")
    in_place = all(map(lt, [-1, *places], [*places, count]))
    if not in_place or 0 in accepted.operations or set(map(len, accepted.keys)) - {RECORD_KEY_BYTES}:
        raise ValueError("an accepted record has an operation, a key of 16 bytes and a place in its batch")
    if len(places) == count:
        return bytes(accepted.operations), b"".join(accepted.keys)
    operations, keys = bytearray(count), [bytes(RECORD_KEY_BYTES)] * count
    for offset, operation, key in zip(places, accepted.operations, accepted.keys, strict=True):
        operations[offset] = operation
        keys[offset] = key
    return bytes(operations), b"".join(keys)
