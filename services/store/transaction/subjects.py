"""What was said about a subject: a range of what stands, and what has been submitted since it was merged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import LargeBinary, Select, and_, bindparam, func, literal, select, true

from services.domain.standing import CONTENT_BYTES, WITHDRAWN
from services.domain.stream import Direction
from services.domain.tags import RECORD_KEY_BYTES, SUBJECT_BYTES
from services.store import runs
from services.store.dialect import Dialect
from services.store.tables import OUTBOX, STANDING, STREAM, SUBMISSION
from services.store.transaction.part import NO_RECORD
from services.store.transaction.standing import StandingPart

_OUTBOUND: Final = STREAM.c.direction == Direction.OUTBOUND.value
_OF_DATASET: Final = (_OUTBOUND, STREAM.c.name.like(bindparam("names"), escape="\\"))
_IN_TAIL: Final = SUBMISSION.c.id > STREAM.c.merged_submission
# Plus nothing: or SQLite would go through all submissions and look up the stream of each.
_TAILS: Final = STREAM.join(SUBMISSION, SUBMISSION.c.stream_id == STREAM.c.id + 0)
_UNMERGED: Final = (
    select(SUBMISSION.c.stream_id, func.sum(SUBMISSION.c.record_count))
    .select_from(_TAILS)
    .where(_OUTBOUND, _IN_TAIL)
    .group_by(SUBMISSION.c.stream_id)
)


class _Word(NamedTuple):
    """The last word on a key; its body, where it came along."""

    record_id: int
    content: bytes
    body: bytes | None = None


_Said = dict[bytes, _Word]
"""The words on a subject, by key."""
_ENDS: Final = tuple(end * (RECORD_KEY_BYTES - SUBJECT_BYTES) for end in (b"\x00", b"\xff"))
"""What the first and the last key of a subject end with."""


class SubjectsPart(StandingPart):
    """`services.ports.access.SubjectsPort`."""

    def said_of(self, dataset: str, subjects: Sequence[bytes], *, newest: int) -> list[list[bytes]]:
        """See the port."""
        said: dict[bytes, _Said] = {subject: {} for subject in subjects}
        wanted = {
            "names": f"%/{dataset.replace('_', chr(92) + '_')}/%",
            "spans": b"".join(subject + ends for subject in said for ends in _ENDS),
            "newest": newest,
        }
        for record_id, key, content, body in self._dialect.rows(self._connection, _stands(self._dialect), wanted):
            said[key[:SUBJECT_BYTES]].setdefault(key, _Word(record_id, content, body))  # the newest comes first
        self._add_tail(said, wanted)
        return self._bodies([_standing(said[subject])[-newest:] for subject in subjects])

    def unmerged(self) -> dict[int, int]:
        """See the port."""
        return {stream_id: int(count) for stream_id, count in self._connection.execute(_UNMERGED)}

    def _bodies(self, said: Sequence[Sequence[_Word]]) -> list[list[bytes]]:
        """Return the bodies of each subject's words in their order, but for payloads that are deleted."""
        missing = {word.record_id for words in said for word in words if word.body is None}
        payload = self._payload(OUTBOX, runs.runs_of(sorted(missing))) if missing else {}
        return [
            [
                body
                for word in words
                if (body := payload.get(word.record_id, NO_RECORD).body if word.body is None else word.body)
            ]
            for words in said
        ]

    def _add_tail(self, said: dict[bytes, _Said], wanted: dict[str, Any]) -> None:
        tail = self._dialect.rows(self._connection, _tail(self._dialect), wanted)
        for stream_id, submission_id, keys, contents in tail:
            offsets = [at for at in range(len(keys) // RECORD_KEY_BYTES) if _subject_at(keys, at) in said]
            first_id = runs.first_id(submission_id)
            end = first_id + len(keys) // RECORD_KEY_BYTES
            refused = self._refused(stream_id, first_id, end) if offsets else set()
            for at in offsets:
                key, record_id = keys[at * RECORD_KEY_BYTES : (at + 1) * RECORD_KEY_BYTES], first_id + at
                words = said[key[:SUBJECT_BYTES]]
                if record_id not in refused and (key not in words or record_id > words[key].record_id):
                    words[key] = _Word(record_id, contents[at * CONTENT_BYTES : (at + 1) * CONTENT_BYTES])


def _standing(said: _Said) -> list[_Word]:
    """Return the words that stand, the oldest first."""
    return sorted(word for word in said.values() if word.content != WITHDRAWN)


def _subject_at(keys: bytes, at: int) -> bytes:
    return keys[at * RECORD_KEY_BYTES : at * RECORD_KEY_BYTES + SUBJECT_BYTES]


@cache
def _stands(dialect: Dialect) -> Select[Any]:
    """What stands of every subject; of one with more than is wanted, the newest."""
    spans = dialect.spans
    within = and_(STANDING.c.stream_id == STREAM.c.id, STANDING.c.record_key.between(spans.c.first, spans.c.last))
    rank = func.row_number().over(partition_by=spans.c.first, order_by=STANDING.c.record_id.desc()).label("rank")
    ranked = (
        select(STANDING.c.record_id, STANDING.c.record_key, STANDING.c.content, rank)
        .select_from(spans.join(STREAM, true()).join(STANDING, within))
        .where(*_OF_DATASET)
        .subquery()
    )
    body = func.coalesce(OUTBOX.c.body, literal(b"", LargeBinary)).label("body")
    return (
        select(ranked.c.record_id, ranked.c.record_key, ranked.c.content, body)
        .select_from(ranked.outerjoin(OUTBOX, OUTBOX.c.id == ranked.c.record_id))
        .where(ranked.c.rank <= bindparam("newest"))
        .order_by(ranked.c.record_id.desc())
    )


@cache
def _tail(dialect: Dialect) -> Select[Any]:
    """Submissions since the last merge that hold a subject, or bytes that look like it across two keys."""
    subject = func.substr(dialect.spans.c.first, 1, SUBJECT_BYTES)
    holds = select(literal(1)).select_from(dialect.spans).where(dialect.holds(SUBMISSION.c.record_keys, subject))
    return (
        select(SUBMISSION.c.stream_id, SUBMISSION.c.id, SUBMISSION.c.record_keys, SUBMISSION.c.contents)
        .select_from(_TAILS)
        .where(*_OF_DATASET, _IN_TAIL, holds.exists())
        .order_by(SUBMISSION.c.id)
    )
