"""What stands of every subject: submissions merged by key, in sorted runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from struct import unpack
from typing import Any, Final

from sqlalchemy import LargeBinary, Select, bindparam, delete, func, select, true, update

from services.domain.batch import Record
from services.domain.standing import CONTENT_BYTES, Standings
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

_Said = dict[bytes, tuple[bytes, int]]
"""By business key what was said last: content and record."""
_NO_KEY: Final = bytes(RECORD_KEY_BYTES)
_RUN_SUBMISSIONS: Final = 256
_WRITTEN_AT_ONCE: Final = 10_000
_PAGE_ROWS: Final = 10_000

_MERGED: Final = select(STREAM.c.merged_submission).where(STREAM.c.id == bindparam("stream_id"))
_UNMERGED: Final = (SUBMISSION.c.stream_id == bindparam("stream_id"), SUBMISSION.c.id > bindparam("merged"))
_NEXT: Final = (
    select(SUBMISSION.c.id, SUBMISSION.c.record_count, SUBMISSION.c.record_keys, SUBMISSION.c.contents)
    .where(*_UNMERGED)
    .order_by(SUBMISSION.c.id)
    .limit(_RUN_SUBMISSIONS)
)
_LEFT: Final = select(func.coalesce(func.sum(SUBMISSION.c.record_count), 0)).where(*_UNMERGED)
_PAGE: Final = (
    select(STANDING.c.record_key, STANDING.c.content, STANDING.c.record_id)
    .where(STANDING.c.stream_id == bindparam("stream_id"), STANDING.c.record_key > bindparam("after"))
    .order_by(STANDING.c.record_key)
    .limit(_PAGE_ROWS)
)
_REFUSED: Final = select(REJECTION.c.record_id).where(
    REJECTION.c.record_id.between(bindparam("first"), bindparam("last"))
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

    def merge_standing(self, stream_id: int, *, records_max: int) -> int:
        """See the port."""
        # FOR UPDATE: submissions with an id are committed before, and others get theirs afterwards (`PendingPart`).
        merged = self._connection.execute(_MERGED.with_for_update(), {"stream_id": stream_id}).scalar_one()
        said, before = _Said(), _Said()
        records = 0
        for submission in self._dialect.rows(self._connection, _NEXT, {"stream_id": stream_id, "merged": merged}):
            if records and records + submission[1] > records_max:
                break
            merged, records = submission[0], records + submission[1]
            for key, word in self._words(stream_id, *submission):
                if key in said:
                    before[key] = said[key]
                said[key] = word
        for words in (before, said):
            self._put(stream_id, words)
        self._connection.execute(update(STREAM).where(STREAM.c.id == stream_id).values(merged_submission=merged))
        return int(self._connection.execute(_LEFT, {"stream_id": stream_id, "merged": merged}).scalar_one())

    def find_standing(self, stream_id: int, keys: bytes) -> Standings:
        """See the port."""
        if not keys:
            return Standings(b"", b"", ())
        merged = self._standings(_found(self._dialect), {"stream_id": stream_id, "keys": keys})
        since = self._said_since(stream_id, frozenset(_split(keys, RECORD_KEY_BYTES)))
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

    def _said_since(self, stream_id: int, wanted: frozenset[bytes]) -> _Said:
        """Return the last word on each of some keys among the submissions that are not merged yet."""
        merged = self._connection.execute(_MERGED, {"stream_id": stream_id}).scalar_one()
        said = _Said()
        while run := self._dialect.rows(self._connection, _NEXT, {"stream_id": stream_id, "merged": merged}):
            merged = run[-1][0]
            for submission in run:
                if not wanted.isdisjoint(_split(submission[2], RECORD_KEY_BYTES)):
                    said.update((key, word) for key, word in self._words(stream_id, *submission) if key in wanted)
        return said

    def _words(
        self, stream_id: int, submission_id: int, count: int, keys: bytes, contents: bytes
    ) -> Iterator[tuple[bytes, tuple[bytes, int]]]:
        """Yield what a submission says, in its order: key, content and record of each that may stand."""
        held = Run(runs.first_id(submission_id), count)
        refused = self._refused(stream_id, held)
        said = zip(_split(keys, RECORD_KEY_BYTES), _split(contents, CONTENT_BYTES), runs.ids_of([held]), strict=True)
        for key, content, record_id in said:
            if record_id not in refused and key != _NO_KEY:
                yield key, (content, record_id)

    def _refused(self, stream_id: int, held: Run) -> set[int]:
        """Return the records of a run that never stood: refused by the receiver, or declared undeliverable."""
        bounds = {"first": held.first, "last": held.end - 1}
        refused = set(self._connection.execute(_REFUSED, bounds).scalars())
        for packed in self._connection.execute(_VOID, {"stream_id": stream_id}).scalars():
            refused.update(runs.ids_of(run for run in runs.unpack(packed) if run.owner == held.owner))
        return refused

    def _put(self, stream_id: int, said: _Said) -> None:
        keys = sorted(said)
        for start in range(0, len(keys), _WRITTEN_AT_ONCE):
            some = keys[start : start + _WRITTEN_AT_ONCE]
            parameters = {
                "of_stream": stream_id,
                "said": b"".join([key + said[key][0] for key in some]),
                "record_ids": json.dumps([said[key][1] for key in some]),
            }
            self._connection.execute(_put(self._dialect), parameters)

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


def _overlaid(merged: Standings, since: _Said) -> Standings:
    """Return what stands with what was said since: its records are later ones, whatever is merged meanwhile."""
    words = zip(_split(merged.contents, CONTENT_BYTES), merged.record_ids, strict=True)
    said = dict(zip(_split(merged.keys, RECORD_KEY_BYTES), words, strict=True)) | since
    contents, record_ids = zip(*said.values(), strict=True)
    return Standings(b"".join(said), b"".join(contents), record_ids)


def _split(content: bytes, size: int) -> tuple[bytes, ...]:
    return unpack(f"{size}s" * (len(content) // size), content)


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


@cache
def _put(dialect: Dialect) -> Any:  # noqa: ANN401 - an upsert of either dialect
    said = dialect.standing
    names = ("record_key", "content", "record_id")
    entries = select(bindparam("of_stream", type_=STANDING.c.stream_id.type), *(said.c[name] for name in names))
    # SQLite wants a WHERE between a SELECT and ON CONFLICT; sorted, so that each page is touched once.
    insert = dialect.insert(STANDING).from_select(
        ["stream_id", *names], entries.where(true()).order_by(said.c.record_key)
    )
    return insert.on_conflict_do_update(
        index_elements=["stream_id", "record_key"],
        set_={
            "previous_content": STANDING.c.content,
            "previous_id": STANDING.c.record_id,
            "content": insert.excluded.content,
            "record_id": insert.excluded.record_id,
        },
    )
