"""Pending records: submitted, and in no batch yet. They are kept as runs, one row for each submission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from struct import Struct
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Integer, bindparam, delete, literal, select, type_coerce

from services.domain.outbox import OutboxRow, PendingRow
from services.domain.standing import CONTENT_BYTES
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.columns import from_micros
from services.store.dialect import Dialect, Records
from services.store.runs import Run
from services.store.tables import OFFSET_BITS, OUTBOX, PENDING, STREAM, SUBMISSION
from services.store.transaction.sources import Change, SourcesPart

_POSITION: Final = Struct(">Q")

_OFFSET_BITS: Final = literal(OFFSET_BITS, Integer)  # PostgreSQL shifts by an integer, not by a bigint
_PENDING: Final = (
    select(
        PENDING.c.first_id,
        PENDING.c.record_count,
        SUBMISSION.c.source_id,
        type_coerce(SUBMISSION.c.submitted_time, BigInteger).label("submitted_micros"),
    )
    .select_from(PENDING.join(SUBMISSION, PENDING.c.first_id.op(">>")(_OFFSET_BITS) == SUBMISSION.c.id))
    .where(PENDING.c.stream_id == bindparam("stream_id"))
    .order_by(PENDING.c.first_id)
)
_SUBMITTING: Final = (
    select(STREAM.c.id).where(STREAM.c.id == bindparam("stream_id")).with_for_update(read=True, key_share=True)
)
"""FOR KEY SHARE: submissions wait for a merge and it for them, and neither sealing nor other submissions for any."""
_FIRST: Final = _PENDING.limit(bindparam("limit"))
_BETWEEN: Final = _PENDING.where(PENDING.c.first_id.between(bindparam("from_id"), bindparam("upto_id")))


class _Pending(NamedTuple):
    """One row of _PENDING."""

    first_id: int
    record_count: int
    source_id: int
    submitted_micros: int

    @property
    def run(self) -> Run:
        return Run(self.first_id, self.record_count)


class Said(NamedTuple):
    """What a submission's row says of its records, as in its columns."""

    record_keys: bytes
    contents: bytes
    mapping: str = ""
    notes: str = ""


def _notes(normalisations: Sequence[tuple[str, ...]]) -> str:
    """Write what reading changed: by name, the offsets of the records; nothing where nothing was."""
    offsets: dict[str, list[int]] = {}
    for offset, names in enumerate(normalisations):
        for name in names:
            offsets.setdefault(name, []).append(offset)
    return json.dumps(offsets, separators=(",", ":")) if offsets else ""


class PendingPart(SourcesPart):
    """The part of `services.ports.outbox.Outbox` about rows without a batch."""

    def append_outbox(
        self,
        stream_id: int,
        source_id: int,
        rows: Sequence[OutboxRow],
        *,
        now: datetime,
        mapping: str = "",
        delivered: bool = True,
    ) -> int:
        """See the port."""
        if not rows:
            return 0
        # Before it has an id: a merge never passes over a submission that is not committed yet.
        self._connection.execute(_SUBMITTING, {"stream_id": stream_id})
        positions, keys, salts, bodies, contents, normalisations = zip(*rows, strict=True)
        said = Said(b"".join(keys), b"".join(contents), mapping, _notes(normalisations))
        added = self._submit(stream_id, source_id, positions, said, now=now)
        records = Records(range(len(rows)), salts, bodies)
        self._dialect.insert_records(self._connection, OUTBOX, added.first, records)
        if delivered:
            self._add_pending(stream_id, [added])
        else:
            self._count({source_id: Change(acknowledged=len(rows))})
        return added.first

    def pending(self, stream_id: int, *, records_max: int) -> list[PendingRow]:
        """See the port."""
        wanted: list[Run] = []
        source_ids: list[int] = []
        for held in self._first_pending(stream_id, records_max):
            run = Run(held.first_id, min(held.record_count, records_max - len(source_ids)))
            if not run.size:
                break
            wanted.append(run)
            source_ids += [held.source_id] * run.size
        payload = self._payload(OUTBOX, wanted)
        ids = list(runs.ids_of(wanted))
        return list(map(PendingRow._make, zip(ids, source_ids, map(payload.__getitem__, ids), strict=True)))

    def _first_pending(self, stream_id: int, limit: int) -> list[_Pending]:
        rows = self._dialect.rows(self._connection, _FIRST, {"stream_id": stream_id, "limit": limit})
        return list(map(_Pending._make, rows))

    def _first_pending_time(self, stream_id: int) -> datetime | None:
        first = self._first_pending(stream_id, 1)
        return from_micros(first[0].submitted_micros) if first else None

    def _submit(self, stream_id: int, source_id: int, positions: Sequence[int], said: Said, *, now: datetime) -> Run:
        """Insert a submission and return the ids of its records.

        Raises:
            ValueError: More records than a submission has ids for, or keys or digests of another length.
        """
        count = len(positions)
        if count > 1 << OFFSET_BITS:
            raise ValueError(f"a submission has at most {1 << OFFSET_BITS} records")
        if (len(said.record_keys), len(said.contents)) != (RECORD_KEY_BYTES * count, CONTENT_BYTES * count):
            raise ValueError(f"a business key has {RECORD_KEY_BYTES} bytes, a digest of content {CONTENT_BYTES}")
        row = {
            "stream_id": stream_id,
            "source_id": source_id,
            "record_count": count,
            "submitted_time": now,
            "positions": b"".join(map(_POSITION.pack, positions)),
            **said._asdict(),
        }
        return Run(runs.first_id(self._insert(SUBMISSION, row)), count)

    def _add_pending(self, stream_id: int, added: Iterable[Run]) -> None:
        rows = [{"stream_id": stream_id, "first_id": run.first, "record_count": run.size} for run in added]
        if rows:
            self._dialect.insert_rows(self._connection, PENDING, rows)

    def _take_pending(self, stream_id: int, wanted: Iterable[Run]) -> datetime:
        """Make records not pending any more and return when the oldest of them was submitted.

        Raises:
            ValueError: One of them is not pending.
        """
        taken = sorted(wanted)
        window = {"stream_id": stream_id, "from_id": runs.first_id_beside(taken[0].first), "upto_id": taken[-1].end}
        standing = list(map(_Pending._make, self._dialect.rows(self._connection, _BETWEEN, window)))
        held = [row.run for row in standing]
        remaining = runs.without(held, taken)
        if sum(run.size for run in held) - sum(run.size for run in remaining) != sum(run.size for run in taken):
            raise ValueError("only pending rows can be taken")
        self._replace_pending(stream_id, held, remaining)
        owners = {run.owner for run in taken}
        return from_micros(min(row.submitted_micros for row in standing if row.run.owner in owners))

    def _replace_pending(self, stream_id: int, held: Sequence[Run], remaining: Sequence[Run]) -> None:
        """Put what remains in the place of what is held.

        Raises:
            ValueError: A run is gone since it was read: whoever seals must hold the stream's row.
        """
        gone = set(held).difference(remaining)
        parameters = {"stream_id": stream_id, "runs": runs.to_parameter(gone)}
        if self._connection.execute(_deleted(self._dialect), parameters).rowcount != len(gone):
            raise ValueError("the rows were taken by another; lock the stream before sealing")
        self._add_pending(stream_id, set(remaining).difference(held))


@cache
def _deleted(dialect: Dialect) -> Any:  # noqa: ANN401 - SQLAlchemy's Delete is generic over nothing of use
    first_ids = select(dialect.runs.c.first)
    return delete(PENDING).where(PENDING.c.stream_id == bindparam("stream_id"), PENDING.c.first_id.in_(first_ids))


def position_at(positions: bytes, offset: int) -> int:
    """Return a record's place in its source from its submission's column."""
    (position,) = _POSITION.unpack_from(positions, offset * _POSITION.size)
    return int(position)
