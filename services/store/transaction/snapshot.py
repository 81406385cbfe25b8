"""Accepted records in the order of their stream.

A record's position is ``epoch << 40 | sequence``: it rises within its stream, and it is the same again after the
receiver was restored from a backup and got its batches back, so that a sink's cursor never points elsewhere.
Keys stand in one blob for each batch (16 bytes a record), so that a question about keys never reads a payload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from struct import unpack
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, literal, select, tuple_

from services.domain.inbox import StoredRecord
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.runs import Run
from services.store.tables import BATCH, INBOX, RECEIPT
from services.store.transaction.holds import NO_BOUND, HoldsPart, place_of, position_of

_PAGE_BATCHES_MAX: Final = 64
_READ_RECORDS: Final = 1_000
_LATEST_RECORDS: Final = 250_000
"""Records whose keys are compared with all later ones at once: about 50 MB, and 40 scans of ten million keys."""

_APPLIED: Final = (
    select(
        BATCH.c.id, BATCH.c.epoch, BATCH.c.first_sequence, BATCH.c.record_count, BATCH.c.operations, BATCH.c.record_keys
    )
    .where(
        BATCH.c.stream_id == bindparam("stream_id"),
        tuple_(BATCH.c.epoch, BATCH.c.first_sequence) >= tuple_(bindparam("epoch"), bindparam("first_sequence")),
    )
    .order_by(BATCH.c.epoch, BATCH.c.first_sequence)
    .limit(bindparam("limit"))
)


class _Applied(NamedTuple):
    """One row of _APPLIED."""

    id: int
    epoch: int
    first_sequence: int
    record_count: int
    operations: bytes
    record_keys: bytes

    @property
    def run(self) -> Run:
        return Run(runs.first_id(self.id), self.record_count)

    @property
    def first_position(self) -> int:
        return position_of(self.epoch, self.first_sequence)

    def split_keys(self) -> Sequence[bytes]:
        return unpack(f"{RECORD_KEY_BYTES}s" * self.record_count, self.record_keys)


class SnapshotPart(HoldsPart):
    """The part of `services.ports.inbox.Inbox` about records and keys."""

    def superseded(self, stream_id: int, mended: Sequence[tuple[bytes, int]], epoch: int) -> set[bytes]:
        """See the port. Scans the keys (not the records) from the first mended sequence on."""
        if not mended:
            return set()
        positions = [(key, position_of(epoch, sequence)) for key, sequence in mended]
        after = min(position for _, position in positions)
        last = self._last_positions(stream_id, {key for key, _ in positions}, after, NO_BOUND)
        return {key for key, position in positions if last.get(key, 0) > position}

    def records(
        self,
        stream_id: int,
        *,
        after_id: int = 0,
        limit: int,
        latest_only: bool = False,
        upto_id: int | None = None,
    ) -> list[StoredRecord]:
        """See the port."""
        upto = self._readable_upto(stream_id) if upto_id is None else min(upto_id, self._readable_upto(stream_id))
        return list(islice(self._stored(stream_id, after_id, upto, latest_only=latest_only), limit))

    def iterate_records(self, stream_id: int, *, upto_id: int, latest_only: bool) -> Iterator[StoredRecord]:
        """See the port."""
        return self._stored(stream_id, 0, min(upto_id, self._readable_upto(stream_id)), latest_only=latest_only)

    def last_record_id(self, stream_id: int) -> int:
        """See the port."""
        upto = tuple_(*map(literal, place_of(self._readable_upto(stream_id))))
        readable = tuple_(BATCH.c.epoch, BATCH.c.first_sequence) <= upto
        statement = (
            select(BATCH.c.epoch, BATCH.c.first_sequence, BATCH.c.operations)
            .join(RECEIPT)
            .where(BATCH.c.stream_id == stream_id, RECEIPT.c.accepted_count > 0, readable)
            .order_by(BATCH.c.epoch.desc(), BATCH.c.first_sequence.desc())
            .limit(1)
        )
        row = self._connection.execute(statement).one_or_none()
        return 0 if row is None else position_of(row.epoch, row.first_sequence + len(row.operations.rstrip(b"\0")) - 1)

    def _stored(self, stream_id: int, after: int, upto: int, *, latest_only: bool) -> Iterator[StoredRecord]:
        """Yield records with a position above ``after`` and at most ``upto``; deleted ones are left out."""
        batches = (batch for page in self._pages(stream_id, after, upto) for batch in page)
        for some in _groups(batches, _LATEST_RECORDS if latest_only else _READ_RECORDS):
            last = self._last_of(stream_id, some, upto) if latest_only else None
            for few in _groups(some, _READ_RECORDS):
                for record in self._stored_in(few):
                    if after < record.id <= upto and (last is None or last[record.key] == record.id):
                        yield record

    def _stored_in(self, batches: Sequence[_Applied]) -> Iterator[StoredRecord]:
        payload = self._payload(INBOX, [batch.run for batch in batches])
        for batch in batches:
            keys, first_id = batch.split_keys(), batch.run.first
            for offset, operation in enumerate(batch.operations):
                if operation and (found := payload.get(first_id + offset)):
                    sequence = batch.first_sequence + offset
                    position = position_of(batch.epoch, sequence)
                    yield StoredRecord(position, batch.epoch, sequence, operation, keys[offset], *found)

    def _last_of(self, stream_id: int, batches: Sequence[_Applied], upto: int) -> dict[bytes, int]:
        """Return the last position of every key of some batches. Scans the keys of all later ones."""
        wanted = {key for batch in batches for key in batch.split_keys()}
        return self._last_positions(stream_id, wanted, batches[0].first_position, upto)

    def _last_positions(self, stream_id: int, wanted: set[bytes], after: int, upto: int) -> dict[bytes, int]:
        """Return the last position, above about ``after`` and at most ``upto``, of each key that has one."""
        last: dict[bytes, int] = {}
        for page in self._pages(stream_id, after, upto):
            for batch in page:
                keys = batch.split_keys()[: upto + 1 - batch.first_position]
                if hits := wanted.intersection(keys):
                    places = enumerate(keys, batch.first_position)
                    last.update((key, position) for position, key in places if key in hits)
        return last

    def _pages(self, stream_id: int, after: int, upto: int) -> Iterator[list[_Applied]]:
        """Yield the batches that may hold records after a position, in order; small pages first."""
        epoch, first_sequence = self._start(stream_id, after)
        limit = 1
        while True:
            parameters = {"stream_id": stream_id, "epoch": epoch, "first_sequence": first_sequence, "limit": limit}
            page = [_Applied._make(row) for row in self._dialect.rows(self._connection, _APPLIED, parameters)]
            wanted = [batch for batch in page if batch.first_position <= upto]
            if wanted:
                yield wanted
            if len(wanted) < limit:
                return
            epoch, first_sequence = page[-1].epoch, page[-1].first_sequence + 1
            limit = min(2 * limit, _PAGE_BATCHES_MAX)

    def _start(self, stream_id: int, after: int) -> tuple[int, int]:
        """Return (epoch, first sequence) of the batch in which a position lies, or the position itself."""
        epoch, sequence = place_of(after)
        before = select(BATCH.c.first_sequence).where(
            BATCH.c.stream_id == stream_id, BATCH.c.epoch == epoch, BATCH.c.first_sequence <= sequence
        )
        statement = before.order_by(BATCH.c.first_sequence.desc()).limit(1)
        found: Any = self._connection.execute(statement).scalar_one_or_none()
        return epoch, sequence if found is None else found


def _groups(batches: Iterable[_Applied], records: int) -> Iterator[list[_Applied]]:
    """Join batches until each group has some records."""
    group: list[_Applied] = []
    count = 0
    for batch in batches:
        group.append(batch)
        count += batch.record_count
        if count >= records:
            yield group
            group, count = [], 0
    if group:
        yield group
