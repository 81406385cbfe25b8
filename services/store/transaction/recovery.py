"""What an operator's act does to the outbox: after a restore, and when an epoch ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update

from services.domain.batch import StoredBatch
from services.domain.outbox import PendingRow, RecoveredRow, Source
from services.domain.receipt import Rejection
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.dialect import Records
from services.store.runs import Run
from services.store.tables import ABANDONED, BATCH, OFFSET_BITS, OUTBOX, RECEIPT, RECOVERED
from services.store.transaction.answers import AnswersPart
from services.store.transaction.pending import Said, position_at
from services.store.transaction.sources import UNKNOWN_SOURCE, Change

_NO_KEY: Final = bytes(RECORD_KEY_BYTES)
_HASHES_PER_STATEMENT: Final = 500
_WAITING_COUNT: Final = select(func.count()).where(
    RECOVERED.c.stream_id == bindparam("stream_id"), RECOVERED.c.source_id.is_(None)
)


class RecoveryPart(AnswersPart):
    """The part of `services.ports.outbox.Outbox` that operators call for."""

    def import_batch(
        self,
        batch: StoredBatch,
        rows: Sequence[PendingRow | RecoveredRow],
        rejections: Sequence[Rejection],
        *,
        now: datetime,
    ) -> StoredBatch:
        """See the port.

        Raises:
            ValueError: The batch has no receipt, counts other rows, or a row is not pending any more.
        """
        if batch.receipt is None or len(rows) != batch.record_count:
            raise ValueError("an imported batch has its receipt and as many rows as it says")
        pending = runs.runs_of(row.id for row in rows if isinstance(row, PendingRow))
        oldest_time = self._take_pending(batch.stream_id, pending) if pending else now
        recovered_ids = self._append_recovered(batch.stream_id, rows, now=now)
        held = runs.runs_of(row.id if isinstance(row, PendingRow) else next(recovered_ids) for row in rows)
        stored = self._insert_batch(batch, oldest_time=oldest_time, record_runs=runs.pack(held))
        accepted = batch.record_count - len(rejections)
        self._insert_receipt(stored.id, batch.receipt, accepted=accepted, received_time=now)
        self._count_answer(stored, held, rejections, now)
        return stored

    def recovered_count(self, stream_id: int) -> int:
        """See the port."""
        return int(self._connection.execute(_WAITING_COUNT, {"stream_id": stream_id}).scalar_one())

    def claim_recovered(self, stream_id: int, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """See the port."""
        hashes = [sha256(row.record.body).digest() for row in rows]
        waiting = self._waiting(stream_id, hashes)
        claims: dict[int, int] = {}
        for row, body_hash in zip(rows, hashes, strict=True):
            if found := waiting.get(body_hash):
                claims[row.id] = found.pop(0)
        if claims:
            self._claim(stream_id, claims)
        return [row for row in rows if row.id not in claims]

    def reopen_unacknowledged(self, stream_id: int, epoch: int) -> int:
        """See the port. Their ids are lower than those of newer rows, so they come first."""
        held = self._abandon(stream_id, epoch, "REOPENED", reason="")
        self._add_pending(stream_id, held)
        return sum(run.size for run in held)

    def void_unacknowledged(self, stream_id: int, epoch: int, *, reason: str) -> int:
        """See the port."""
        held = self._abandon(stream_id, epoch, "VOID", reason=reason)
        self._refuse_standing(stream_id, self._keys_of(runs.ids_of(held)))
        self._delete_payload(held)
        changes: dict[int, Change] = defaultdict(Change)
        source_ids = self._source_ids(held)
        for run in held:
            changes[source_ids[run.owner]].void += run.size
        self._count(changes)
        return sum(run.size for run in held)

    def _claim(self, stream_id: int, claims: Mapping[int, int]) -> None:
        """Give recovered records the source and position of pending ones, which go.

        Args:
            stream_id: Their stream.
            claims: Id of the pending record → id of the recovered one.
        """
        held = sorted(runs.runs_of(sorted(claims)))
        source_ids, positions = self._source_ids(held), self._positions(claims)
        changes: dict[int, Change] = defaultdict(Change)
        for pending_id, recovered_id in claims.items():
            source_id = source_ids[pending_id >> OFFSET_BITS]
            position = position_at(positions[pending_id >> OFFSET_BITS], runs.offset_of(pending_id))
            claimed = update(RECOVERED).where(RECOVERED.c.record_id == recovered_id)
            self._connection.execute(claimed.values(source_id=source_id, position=position))
            changes[source_id].acknowledged += 1
        # Their payload stays: they are the last that was said of their subjects, and nothing sends them again.
        self._take_pending(stream_id, held)
        unknown = changes[self._unknown_source(stream_id).id]
        unknown.submitted -= len(claims)
        unknown.acknowledged -= len(claims)
        self._count(changes)

    def _abandon(self, stream_id: int, epoch: int, outcome: str, *, reason: str) -> list[Run]:
        """Give up the unanswered batches of an epoch and return the ids of their records."""
        batches = select(BATCH.c.id, BATCH.c.record_runs).select_from(BATCH.outerjoin(RECEIPT))
        given_up = self._connection.execute(self._unanswered(batches, stream_id, epoch).order_by(BATCH.c.id)).all()
        if given_up:
            rows = [{"batch_id": row.id, "outcome": outcome, "reason": reason} for row in given_up]
            self._connection.execute(insert(ABANDONED), rows)
            ids = [row.id for row in given_up]
            self._connection.execute(update(BATCH).where(BATCH.c.id.in_(ids)).values(abandoned=True))
        return [run for row in given_up for run in runs.unpack(row.record_runs)]

    def _append_recovered(
        self, stream_id: int, rows: Iterable[PendingRow | RecoveredRow], *, now: datetime
    ) -> Iterator[int]:
        """Insert recovered records as a submission of the unknown source and return their ids."""
        recovered = [row for row in rows if isinstance(row, RecoveredRow)]
        if not recovered:
            return iter(())
        source = self._unknown_source(stream_id)
        keys = b"".join([row.key or _NO_KEY for row in recovered])
        # What they say is found out again when their source is: until then a full file sends every row once more.
        said = Said(keys, b"".join([row.content for row in recovered]))
        added = self._submit(stream_id, source.id, [0] * len(recovered), said, now=now)
        kept = [offset for offset, row in enumerate(recovered) if row.body]
        if kept:
            records = Records(kept, [recovered[i].salt for i in kept], [recovered[i].body for i in kept])
            self._dialect.insert_records(self._connection, OUTBOX, added.first, records)
            self._await_claims(stream_id, added.first, records)
        self._count({source.id: Change(submitted=len(recovered))})
        return runs.ids_of([added])

    def _await_claims(self, stream_id: int, first_id: int, records: Records) -> None:
        rows = [
            {"record_id": first_id + offset, "stream_id": stream_id, "body_hash": sha256(body).digest()}
            for offset, body in zip(records.offsets, records.bodies, strict=True)
        ]
        self._connection.execute(insert(RECOVERED), rows)

    def _waiting(self, stream_id: int, hashes: Sequence[bytes]) -> dict[bytes, list[int]]:
        """Return the recovered records that wait under some hashes, by rising id, and hold their rows."""
        waiting: dict[bytes, list[int]] = defaultdict(list)
        unique = list(Counter(hashes))
        for start in range(0, len(unique), _HASHES_PER_STATEMENT):
            some = unique[start : start + _HASHES_PER_STATEMENT]
            statement = select(RECOVERED.c.body_hash, RECOVERED.c.record_id).where(
                RECOVERED.c.stream_id == stream_id, RECOVERED.c.source_id.is_(None), RECOVERED.c.body_hash.in_(some)
            )
            for body_hash, record_id in self._connection.execute(
                statement.order_by(RECOVERED.c.record_id).with_for_update()
            ):
                waiting[body_hash].append(record_id)
        return waiting

    def _unknown_source(self, stream_id: int) -> Source:
        return self.add_source(Source(0, stream_id, UNKNOWN_SOURCE, ""))
