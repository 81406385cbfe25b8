"""Batches and receipts: what outbound and inbound streams have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from services.domain.batch import Signed, StoredBatch
from services.store.dialect import Dialect
from services.store.tables import BATCH, RECEIPT
from services.store.transaction.part import Part

NOT_ABANDONED: Final = ~BATCH.c.abandoned

BATCHES: Final = (
    select(
        BATCH.c.id,
        BATCH.c.stream_id,
        BATCH.c.epoch,
        BATCH.c.first_sequence,
        BATCH.c.record_count,
        BATCH.c.header_hash,
        BATCH.c.header,
        BATCH.c.header_key_id,
        BATCH.c.header_signature,
        BATCH.c.leaves,
        RECEIPT.c.content,
        RECEIPT.c.key_id,
        RECEIPT.c.signature,
    )
    .select_from(BATCH.outerjoin(RECEIPT))
    .where(NOT_ABANDONED)
)
"""Batches with the receipt they have; abandoned ones are found by nobody."""

_AT: Final = BATCHES.where(*(BATCH.c[name] == bindparam(name) for name in ("stream_id", "epoch", "first_sequence")))


class BatchesPart(Part):
    """The part of `services.ports.inbox.Inbox` that looks up batches of either direction."""

    def batch_at(self, stream_id: int, epoch: int, first_sequence: int) -> StoredBatch | None:
        """See the port."""
        place = {"stream_id": stream_id, "epoch": epoch, "first_sequence": first_sequence}
        row = self._connection.execute(_AT, place).one_or_none()
        return None if row is None else _to_batch(row)

    def batch_ending_at(self, stream_id: int, epoch: int, last_sequence: int) -> StoredBatch | None:
        """See the port."""
        batch = self.batch_covering(stream_id, epoch, last_sequence)
        return batch if batch is not None and batch.last_sequence == last_sequence else None

    def batch_covering(self, stream_id: int, epoch: int, sequence: int) -> StoredBatch | None:
        """See the port."""
        before = in_epoch(stream_id, epoch).where(BATCH.c.first_sequence <= sequence)
        found = self._batches(before.order_by(BATCH.c.first_sequence.desc()).limit(1))
        return found[0] if found and found[0].last_sequence >= sequence else None

    def receipted(self, stream_id: int, epoch: int, *, after_sequence: int, limit: int) -> Sequence[StoredBatch]:
        """See the port."""
        after = in_epoch(stream_id, epoch).where(BATCH.c.first_sequence > after_sequence)
        answered = after.where(RECEIPT.c.batch_id.is_not(None))
        return self._batches(answered.order_by(BATCH.c.first_sequence).limit(limit))

    def _batches(self, statement: Select[Any]) -> list[StoredBatch]:
        return [_to_batch(row) for row in self._connection.execute(statement)]

    def _insert_batch(
        self,
        batch: StoredBatch,
        *,
        oldest_time: datetime | None = None,
        record_runs: bytes = b"",
        operations: bytes = b"",
        record_keys: bytes = b"",
    ) -> StoredBatch:
        """Insert a batch without its receipt and return it with its id."""
        header = batch.signed_header
        row = {
            "stream_id": batch.stream_id,
            "epoch": batch.epoch,
            "first_sequence": batch.first_sequence,
            "record_count": batch.record_count,
            "oldest_time": oldest_time,
            "abandoned": False,
            "header_hash": batch.header_hash,
            "header": header.content,
            "header_key_id": header.key_id,
            "header_signature": header.signature,
            "record_runs": record_runs,
            "operations": operations,
            "record_keys": record_keys,
            "leaves": batch.leaves,
        }
        return replace(batch, id=self._insert(BATCH, row))

    def _insert_receipt(self, batch_id: int, receipt: Signed, *, accepted: int, received_time: datetime) -> bool:
        """Insert a batch's receipt, unless it has one: then return False."""
        row = {
            "batch_id": batch_id,
            "accepted_count": accepted,
            "received_time": received_time,
            **receipt._asdict(),
        }
        return self._connection.execute(_insert_receipt(self._dialect), row).rowcount == 1


@cache
def _insert_receipt(dialect: Dialect) -> Any:  # noqa: ANN401 - an insert of either dialect
    # An insert's row count is kept only when asked for.
    return dialect.insert(RECEIPT).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def in_epoch(stream_id: int, epoch: int) -> Select[Any]:
    """Select the batches of one epoch of a stream."""
    return BATCHES.where(BATCH.c.stream_id == stream_id, BATCH.c.epoch == epoch)


def _to_batch(row: Any) -> StoredBatch:  # noqa: ANN401 - a row of BATCHES
    return StoredBatch(
        id=row.id,
        stream_id=row.stream_id,
        epoch=row.epoch,
        first_sequence=row.first_sequence,
        record_count=row.record_count,
        header_hash=row.header_hash,
        signed_header=Signed(row.header, row.header_key_id, row.header_signature),
        leaves=row.leaves,
        receipt=None if row.content is None else Signed(row.content, row.key_id, row.signature),
    )
