"""What was said about a subject: a range of what stands, and what has been submitted since it was merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import LargeBinary, Select, bindparam, func, literal, select

from services.domain.standing import CONTENT_BYTES, WITHDRAWN
from services.domain.stream import Direction
from services.domain.tags import RECORD_KEY_BYTES
from services.store import runs
from services.store.dialect import Dialect
from services.store.runs import Run
from services.store.tables import OUTBOX, STANDING, STREAM, SUBMISSION
from services.store.transaction.standing import StandingPart

_OUTBOUND: Final = STREAM.c.direction == Direction.OUTBOUND.value
_OF_DATASET: Final = (_OUTBOUND, STREAM.c.name.like(bindparam("names"), escape="\\"))
_IN_TAIL: Final = SUBMISSION.c.id > STREAM.c.merged_submission
# Plus nothing: or SQLite would go through all submissions and look up the stream of each.
_TAILS: Final = STREAM.join(SUBMISSION, SUBMISSION.c.stream_id == STREAM.c.id + 0)
_STANDS: Final = (
    select(
        STANDING.c.record_id,
        STANDING.c.record_key,
        STANDING.c.content,
        func.coalesce(OUTBOX.c.body, literal(b"", LargeBinary)).label("body"),
    )
    .select_from(STREAM.join(STANDING, STANDING.c.stream_id == STREAM.c.id))
    .outerjoin(OUTBOX, OUTBOX.c.id == STANDING.c.record_id)
    .where(*_OF_DATASET)
    .where(STANDING.c.record_key.between(bindparam("first", type_=LargeBinary), bindparam("last", type_=LargeBinary)))
    .order_by(STANDING.c.record_id.desc())
    .limit(bindparam("newest"))
)
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


class SubjectsPart(StandingPart):
    """`services.ports.access.SubjectsPort`."""

    def said_of(self, dataset: str, subject: bytes, *, newest: int) -> list[bytes]:
        """See the port."""
        names = f"%/{dataset.replace('_', chr(92) + '_')}/%"
        rest = RECORD_KEY_BYTES - len(subject)
        span = {"names": names, "first": subject + bytes(rest), "last": subject + b"\xff" * rest, "newest": newest}
        said: _Said = {}
        for record_id, key, content, body in self._dialect.rows(self._connection, _STANDS, span):
            said.setdefault(key, _Word(record_id, content, body))  # the newest comes first
        self._add_tail(said, names, subject)
        words = sorted((word for word in said.values() if word.content != WITHDRAWN), key=lambda word: word.record_id)
        return list(filter(None, self._bodies(words[-newest:])))

    def unmerged(self) -> dict[int, int]:
        """See the port."""
        return {stream_id: int(count) for stream_id, count in self._connection.execute(_UNMERGED)}

    def _bodies(self, words: Sequence[_Word]) -> Iterator[bytes]:
        """Yield the bodies of words in their order; empty ones where the payload is deleted."""
        missing = runs.runs_of(word.record_id for word in words if word.body is None)
        fetched = iter(self._records(OUTBOX, missing) if missing else ())
        return (next(fetched).body if word.body is None else word.body for word in words)

    def _add_tail(self, said: _Said, names: str, subject: bytes) -> None:
        parameters = {"names": names, "subject": subject}
        for stream_id, submission_id, keys, contents in self._dialect.rows(
            self._connection, _tail(self._dialect), parameters
        ):
            count = len(keys) // RECORD_KEY_BYTES
            offsets = [at for at in range(count) if keys.startswith(subject, at * RECORD_KEY_BYTES)]
            first_id = runs.first_id(submission_id)
            refused = self._refused(stream_id, Run(first_id, count)) if offsets else set()
            for at in offsets:
                key, record_id = keys[at * RECORD_KEY_BYTES : (at + 1) * RECORD_KEY_BYTES], first_id + at
                if record_id not in refused and (key not in said or record_id > said[key].record_id):
                    said[key] = _Word(record_id, contents[at * CONTENT_BYTES : (at + 1) * CONTENT_BYTES])


@cache
def _tail(dialect: Dialect) -> Select[Any]:
    """Submissions since the last merge that hold a subject, or bytes that look like it across two keys."""
    subject = bindparam("subject", type_=LargeBinary)
    return (
        select(SUBMISSION.c.stream_id, SUBMISSION.c.id, SUBMISSION.c.record_keys, SUBMISSION.c.contents)
        .select_from(_TAILS)
        .where(*_OF_DATASET, _IN_TAIL, dialect.holds(SUBMISSION.c.record_keys, subject))
        .order_by(SUBMISSION.c.id)
    )
