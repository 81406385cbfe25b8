"""Submissions merged into what stands, in the order of their keys, in steps that may be repeated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import bindparam, func, select, true, update

from services.domain.standing import Unmerged
from services.store import runs
from services.store.dialect import Dialect
from services.store.tables import STANDING, STREAM, SUBMISSION
from services.store.transaction.standing import (
    MERGED,
    NEXT_UNMERGED,
    NO_KEY,
    UNMERGED,
    WORD,
    Said,
    StandingPart,
    words_of,
)

_WRITTEN_AT_ONCE: Final = 10_000
_LEFT: Final = select(func.coalesce(func.sum(SUBMISSION.c.record_count), 0)).where(*UNMERGED)


class MergingPart(StandingPart):
    """The part of `services.ports.outbox.Outbox` that merges what was submitted."""

    def unmerged_words(self, stream_id: int, *, records_max: int) -> Unmerged:
        """See the port."""
        upto = self._hold_merged(stream_id)
        words: list[bytes] = []
        for submission in self._dialect.rows(self._connection, NEXT_UNMERGED, {"stream_id": stream_id, "merged": upto}):
            if words and len(words) + submission[1] > records_max:
                break
            upto = submission[0]
            words += words_of(*submission)
        return Unmerged(upto, words)

    def merge_words(self, stream_id: int, words: Sequence[bytes], *, upto: int) -> None:
        """See the port."""
        first = runs.first_id(self._hold_merged(stream_id) + 1)
        refused = self._refused(stream_id, first, runs.first_id(upto + 1))
        said, before = Said(), Said()
        for key, record_id, content in map(WORD.unpack, words):
            if record_id < first or record_id in refused or key == NO_KEY:
                continue
            if key in said:
                before[key] = said[key]
            said[key] = (content, record_id)
        for last in (before, said):
            self._put(stream_id, last)

    def mark_merged(self, stream_id: int, *, upto: int) -> int:
        """See the port."""
        merged = max(upto, self._hold_merged(stream_id))
        self._connection.execute(update(STREAM).where(STREAM.c.id == stream_id).values(merged_submission=merged))
        return int(self._connection.execute(_LEFT, {"stream_id": stream_id, "merged": merged}).scalar_one())

    def _hold_merged(self, stream_id: int) -> int:
        """Return the last submission that is merged, for as long as the transaction lasts.

        Submissions with an id are committed by now, others get theirs afterwards (`PendingPart`), and refusals wait.
        """
        return int(self._connection.execute(MERGED.with_for_update(), {"stream_id": stream_id}).scalar_one())

    def _put(self, stream_id: int, said: Said) -> None:
        keys = sorted(said)
        for start in range(0, len(keys), _WRITTEN_AT_ONCE):
            some = keys[start : start + _WRITTEN_AT_ONCE]
            parameters = {
                "of_stream": stream_id,
                "said": b"".join([key + said[key][0] for key in some]),
                "record_ids": json.dumps([said[key][1] for key in some]),
            }
            self._connection.execute(_put(self._dialect), parameters)


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
        where=STANDING.c.record_id < insert.excluded.record_id,  # merged once more: nothing changes
    )
