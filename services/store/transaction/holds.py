"""Holds: batches that nobody reads before a newer version of their standard is known.

The gate that validates them late is the first watcher of its stream, and all others read only what it has passed. It
has a row among the watchers while something waits, so that a stream on which nothing does costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, literal, select, tuple_, update

from services.domain.batch import StoredBatch
from services.domain.inbox import InboxProgress
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.dialect import Plain
from services.store.tables import BATCH, INBOX, RECEIPT, WATCHER
from services.store.transaction.inbox import InboxPart

GATE: Final = "@gate"
"""No watcher of an operator can have this name (``AcknowledgeInboxRequest.name``)."""
NO_BOUND: Final = (1 << 63) - 1
_SEQUENCE_BITS: Final = 40
_SEQUENCE: Final = (1 << _SEQUENCE_BITS) - 1


def position_of(epoch: int, sequence: int) -> int:
    """Return the place of a record in its stream."""
    return epoch << _SEQUENCE_BITS | sequence


def place_of(position: int) -> tuple[int, int]:
    """Return the epoch and the sequence at a position."""
    return position >> _SEQUENCE_BITS, position & _SEQUENCE


# PostgreSQL sums bigint as numeric.
_SUMS: Final = [
    cast(func.coalesce(func.sum(count), 0), BigInteger) for count in (BATCH.c.record_count, RECEIPT.c.accepted_count)
]


def _begins_after(position: int) -> ColumnElement[bool]:
    return tuple_(BATCH.c.epoch, BATCH.c.first_sequence) > tuple_(*map(literal, place_of(position)))


class HoldsPart(InboxPart):
    """The part of `services.ports.inbox.Inbox` about batches that wait."""

    def hold(self, batch: StoredBatch) -> None:
        """See the port."""
        before = position_of(batch.epoch, batch.first_sequence) - 1
        row: dict[str, Plain] = {"name": GATE, "stream_id": batch.stream_id, "position": before}
        self._dialect.insert_rows(self._connection, WATCHER, [row], skip_existing=True)

    def inbox_progress(self, stream_id: int) -> InboxProgress:
        """See the port."""
        received, accepted = self._counts(stream_id, after=0)
        upto = self._readable_upto(stream_id)
        return InboxProgress(received, accepted, self._counts(stream_id, after=upto)[1] if upto < NO_BOUND else 0)

    def first_held(self, stream_id: int) -> StoredBatch | None:
        """See the port."""
        upto = self._readable_upto(stream_id)
        if upto == NO_BOUND:
            return None
        first = (
            select(BATCH.c.epoch, BATCH.c.first_sequence)
            .where(BATCH.c.stream_id == stream_id, _begins_after(upto))
            .order_by(BATCH.c.epoch, BATCH.c.first_sequence)
            .limit(1)
        )
        found: Any = self._connection.execute(first).one_or_none()
        return None if found is None else self.batch_at(stream_id, found.epoch, found.first_sequence)

    def release(self, batch: StoredBatch, *, refused: Sequence[int]) -> None:
        """See the port."""
        if refused:
            self._forget(batch, refused)
        of_gate = (WATCHER.c.name == GATE, WATCHER.c.stream_id == batch.stream_id)
        passed = position_of(batch.epoch, batch.last_sequence)
        self._connection.execute(update(WATCHER).where(*of_gate).values(position=passed))
        if self.first_held(batch.stream_id) is None:
            self._connection.execute(delete(WATCHER).where(*of_gate))

    def _counts(self, stream_id: int, *, after: int) -> tuple[int, int]:
        """Count the records of batches that begin after a position, and those of them that were accepted."""
        counted = select(*_SUMS).select_from(BATCH.join(RECEIPT)).where(BATCH.c.stream_id == stream_id)
        row: Any = self._connection.execute(counted.where(_begins_after(after))).one()
        return int(row[0]), int(row[1])

    def _forget(self, batch: StoredBatch, refused: Sequence[int]) -> None:
        """Treat records as if they had been rejected when they came: without operation, key and payload."""
        columns = select(BATCH.c.operations, BATCH.c.record_keys).where(BATCH.c.id == batch.id)
        row: Any = self._connection.execute(columns).one()
        operations, keys = bytearray(row.operations), bytearray(row.record_keys)
        for offset in refused:
            operations[offset] = 0
            keys[offset * RECORD_KEY_BYTES : (offset + 1) * RECORD_KEY_BYTES] = bytes(RECORD_KEY_BYTES)
        kept = {"operations": bytes(operations), "record_keys": bytes(keys)}
        self._connection.execute(update(BATCH).where(BATCH.c.id == batch.id).values(**kept))
        first_id = runs.first_id(batch.id)
        self._connection.execute(delete(INBOX).where(INBOX.c.id.in_([first_id + offset for offset in refused])))

    def _readable_upto(self, stream_id: int) -> int:
        """Return the last position that may be read."""
        passed = select(WATCHER.c.position).where(WATCHER.c.name == GATE, WATCHER.c.stream_id == stream_id)
        found = self._connection.execute(passed).scalar_one_or_none()
        return NO_BOUND if found is None else int(found)
