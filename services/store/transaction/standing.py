"""What stands of every subject: what is merged by key, and what was said since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from struct import Struct, pack
from typing import Any, Final

from sqlalchemy import LargeBinary, Select, bindparam, delete, select, update

from services.domain.batch import Record
from services.domain.standing import CONTENT_BYTES, Standings, pieces
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.dialect import Dialect
from services.store.runs import Run
from services.store.tables import (
    ABANDONED,
    BATCH,
    OFFSET_BITS,
    OUTBOX,
    REJECTION,
    STANDING,
    STREAM,
    SUBMISSION,
)
from services.store.transaction.part import Part

Said = dict[bytes, tuple[bytes, int]]
"""By business key what was said last: content and record."""
NO_KEY: Final = bytes(RECORD_KEY_BYTES)
WORD: Final = Struct(f">{RECORD_KEY_BYTES}sQ{CONTENT_BYTES}s")
_RUN_SUBMISSIONS: Final = 256
_PAGE_ROWS: Final = 10_000

MERGED: Final = select(STREAM.c.merged_submission).where(STREAM.c.id == bindparam("stream_id"))
UNMERGED: Final = (SUBMISSION.c.stream_id == bindparam("stream_id"), SUBMISSION.c.id > bindparam("merged"))
NEXT_UNMERGED: Final = (
    select(SUBMISSION.c.id, SUBMISSION.c.record_count, SUBMISSION.c.record_keys, SUBMISSION.c.contents)
    .where(*UNMERGED)
    .order_by(SUBMISSION.c.id)
    .limit(_RUN_SUBMISSIONS)
)
_PAGE: Final = (
    select(STANDING.c.record_key, STANDING.c.content, STANDING.c.record_id)
    .where(STANDING.c.stream_id == bindparam("stream_id"), STANDING.c.record_key > bindparam("after"))
    .order_by(STANDING.c.record_key)
    .limit(_PAGE_ROWS)
)
_REFUSED: Final = select(REJECTION.c.record_id).where(
    REJECTION.c.record_id >= bindparam("first"), REJECTION.c.record_id < bindparam("end")
)
_VOID: Final = (
    select(BATCH.c.record_runs)
    .join(ABANDONED, ABANDONED.c.batch_id == BATCH.c.id)
    .where(BATCH.c.stream_id == bindparam("stream_id"), ABANDONED.c.outcome == "VOID")
)

_THIS: Final = (
    STANDING.c.stream_id == bindparam("of_stream"),
    STANDING.c.record_key == bindparam("of_key", type_=LargeBinary),
)
_FALL_BACK: Final = (
    update(STANDING)
    .where(*_THIS, STANDING.c.record_id == bindparam("refused_id"), STANDING.c.previous_id.is_not(None))
    .values(
        content=STANDING.c.previous_content,
        record_id=STANDING.c.previous_id,
        previous_content=None,
        previous_id=None,
    )
)
_FORGET: Final = delete(STANDING).where(*_THIS, STANDING.c.record_id == bindparam("refused_id"))
_FORGET_PREVIOUS: Final = (
    update(STANDING)
    .where(*_THIS, STANDING.c.previous_id == bindparam("refused_id"))
    .values(previous_content=None, previous_id=None)
)


class StandingPart(Part):
    """The part of `services.ports.outbox.Outbox` about what stands."""

    def find_standing(self, stream_id: int, keys: bytes) -> Standings:
        """See the port."""
        if not keys:
            return Standings(b"", b"", ())
        merged = self._standings(_found(self._dialect), {"stream_id": stream_id, "keys": keys})
        since = self._said_since(stream_id, frozenset(pieces(keys, RECORD_KEY_BYTES)) - {NO_KEY})
        return _overlaid(merged, since) if since else merged

    def standing_pages(self, stream_id: int) -> Iterator[Standings]:
        """See the port."""
        after = b""
        while (page := self._standings(_PAGE, {"stream_id": stream_id, "after": after})).keys:
            yield page
            after = page.keys[-RECORD_KEY_BYTES:]

    def _standings(self, statement: Select[Any], parameters: dict[str, Any]) -> Standings:
        found: Any = self._dialect.columns(self._connection, statement, parameters)
        return Standings(*found)

    def outbox_records(self, stream_id: int, record_ids: Sequence[int]) -> list[Record]:
        """See the port.

        Raises:
            ValueError: A record is another stream's.
        """
        held = runs.runs_of(record_ids)
        owners = {run.owner for run in held}
        own = select(SUBMISSION.c.id).where(SUBMISSION.c.stream_id == stream_id, SUBMISSION.c.id.in_(sorted(owners)))
        if len(self._connection.execute(own).all()) != len(owners):
            raise ValueError("a record of the outbox is looked up in its own stream")
        return self._records(OUTBOX, held)

    def _said_since(self, stream_id: int, wanted: frozenset[bytes]) -> Said:
        """Return the last word on each of some keys among the submissions that are not merged yet."""
        merged = self._connection.execute(MERGED, {"stream_id": stream_id}).scalar_one()
        said = Said()
        while run := self._dialect.rows(self._connection, NEXT_UNMERGED, {"stream_id": stream_id, "merged": merged}):
            merged = run[-1][0]
            for submission in run:
                if not wanted.isdisjoint(pieces(submission[2], RECORD_KEY_BYTES)):
                    said |= self._said_in(stream_id, submission, wanted)
        return said

    def _said_in(self, stream_id: int, submission: Sequence[Any], wanted: frozenset[bytes]) -> Said:
        first = runs.first_id(submission[0])
        refused = self._refused(stream_id, first, first + submission[1])
        words = map(WORD.unpack, words_of(*submission))
        return {key: (content, record) for key, record, content in words if key in wanted and record not in refused}

    def _refused(self, stream_id: int, first: int, end: int) -> set[int]:
        """Return the records from one id to before another that never stood: refused, or declared undeliverable."""
        refused = set(self._connection.execute(_REFUSED, {"first": first, "end": end}).scalars())
        for packed in self._connection.execute(_VOID, {"stream_id": stream_id}).scalars():
            refused.update(runs.ids_of(run for run in runs.unpack(packed) if first <= run.first < end))
        return refused

    def _refuse_standing(self, stream_id: int, refused: Iterable[tuple[int, bytes]]) -> None:
        """Take back records that were refused after they were merged; what stood before them stands again.

        Args:
            stream_id: Outbound stream.
            refused: (record id, business key) of each.
        """
        rows = [{"of_stream": stream_id, "of_key": key, "refused_id": record_id} for record_id, key in refused]
        if rows:
            for statement in (_FORGET_PREVIOUS, _FALL_BACK, _FORGET):
                self._connection.execute(statement, rows)

    def _keys_of(self, record_ids: Iterable[int]) -> list[tuple[int, bytes]]:
        """Return (record id, business key) of records of the outbox."""
        wanted = list(record_ids)
        owners = sorted({record_id >> OFFSET_BITS for record_id in wanted})
        parameters = {"runs": runs.to_parameter(Run(owner, 1) for owner in owners)}
        keys = dict(self._dialect.rows(self._connection, _keys_of(self._dialect), parameters))
        return [(i, _key_at(keys[i >> OFFSET_BITS], runs.offset_of(i))) for i in wanted]


def words_of(submission_id: int, count: int, keys: bytes, contents: bytes) -> Iterator[bytes]:
    """Return what a submission says, as `Unmerged` has it."""
    first = runs.first_id(submission_id)
    ids = pack(f">{count}Q", *range(first, first + count))
    return map(
        b"".join, zip(pieces(keys, RECORD_KEY_BYTES), pieces(ids, 8), pieces(contents, CONTENT_BYTES), strict=True)
    )


def _overlaid(merged: Standings, since: Said) -> Standings:
    """Return what stands with what was said since: its records are later ones, whatever is merged meanwhile."""
    words = zip(pieces(merged.contents, CONTENT_BYTES), merged.record_ids, strict=True)
    said = dict(zip(pieces(merged.keys, RECORD_KEY_BYTES), words, strict=True)) | since
    contents, record_ids = zip(*said.values(), strict=True)
    return Standings(b"".join(said), b"".join(contents), record_ids)


def _key_at(keys: bytes, offset: int) -> bytes:
    return keys[offset * RECORD_KEY_BYTES : (offset + 1) * RECORD_KEY_BYTES]


@cache
def _found(dialect: Dialect) -> Select[Any]:
    # IN, not a join: SQLite would scan the subjects and look for each among the keys.
    return select(STANDING.c.record_key, STANDING.c.content, STANDING.c.record_id).where(
        STANDING.c.stream_id == bindparam("stream_id"), STANDING.c.record_key.in_(select(dialect.keys.c.record_key))
    )


@cache
def _keys_of(dialect: Dialect) -> Select[Any]:
    submissions = dialect.runs.join(SUBMISSION, SUBMISSION.c.id == dialect.runs.c.first)
    return select(SUBMISSION.c.id, SUBMISSION.c.record_keys).select_from(submissions)
