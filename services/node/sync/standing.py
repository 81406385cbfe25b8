"""Standing: what a sync changes at the partner, as far as this node knows.

A full file of which little changed sends little; and a subject that stands but is absent from a complete file can be
withdrawn. Both are asked bucket by bucket, so that memory does not grow with what stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from struct import Struct
from typing import Any, Final

from services.domain.standing import CONTENT_BYTES, UNKNOWN_CONTENT, WITHDRAWN, pieces
from services.node.sync.row_bits import RowBits
from services.node.sync.staging import Entry, Repeats, Staging
from yrdx.node.v1 import node_pb2

KEY_BYTES: Final = 16
_ASKED_KEYS: Final = 20_000
"""As many as a question may hold: each one reads what is not merged."""
_UNMERGED_MAX: Final = 200_000
"""Records that may wait when keys are asked for: reading their 5 MB takes 20 ms a question, and merging them into ten
million subjects would write a page for nearly every one (8 KiB)."""
_LISTED_SHARE: Final = 20
"""Where a source holds more than one in so many of what was ever sent, the whole list is faster than questions."""

_SUBJECT: Final = Struct(">16sQ")

_Known = dict[bytes, tuple[bytes, int]]
"""By business key: content, and the record's id (0 where it was not asked for)."""


class Subjects:
    """Subjects with their last records, packed: millions may be absent from a file that is not what it should be."""

    def __init__(self) -> None:
        self._packed = bytearray()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed) // _SUBJECT.size

    def add(self, key: bytes, record_id: int) -> None:
        """Add a subject."""
        self._packed += _SUBJECT.pack(key, record_id)

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield (business key, record id)."""
        return _SUBJECT.iter_unpack(self._packed)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the records of a source change.

    Attributes:
        unchanged: Rows of records that say what stands.
        corrections: Rows of records whose subject stands with other content.
        restored: Rows of records whose subject was withdrawn.
        absent: With a snapshot: subjects that stand and are not in the source.
        standing: With a snapshot: how many subjects stand.
    """

    unchanged: RowBits = field(default_factory=RowBits)
    corrections: RowBits = field(default_factory=RowBits)
    restored: RowBits = field(default_factory=RowBits)
    absent: Subjects = field(default_factory=Subjects)
    standing: int = 0


class Standing:
    """Questions about one stream.

    Args:
        stub: NodeService.
        to_city: City that receives.
        dataset: Dataset.
    """

    def __init__(self, stub: Any, to_city: str, dataset: str) -> None:  # noqa: ANN401 - every rpc by name
        self._stub = stub
        self._stream = {"to_city": to_city, "dataset": dataset}

    def changes(
        self, staging: Staging, repeats: Repeats, *, submitted: int, snapshot: bool, progress: Callable[[int], None]
    ) -> Changes:
        """Compare the records of a source with what stands.

        Args:
            staging: The records.
            repeats: Those of them that are left out.
            submitted: Records ever sent on the stream: by it the faster way to ask is chosen.
            snapshot: The source is complete: find the absent subjects too.
            progress: Called with the records that are left to merge, after each step.
        """
        if snapshot or staging.count * _LISTED_SHARE > submitted:
            self._merge(0, progress)
            listed = zip(staging.buckets(), chain(self._listed(), repeat(_Known())), strict=False)
            return _compare(repeats, listed, snapshot=snapshot)
        self._merge(_UNMERGED_MAX, progress)
        asked = ((entries, self._find(entries)) for entries in _joined(staging.buckets()))
        return _compare(repeats, asked, snapshot=False)

    def _merge(self, unmerged_max: int, progress: Callable[[int], None]) -> None:
        """Bring what was submitted since the last sync into what stands, until no more waits than may."""
        request, left = node_pb2.MergeStandingRequest(**self._stream, unmerged_max=unmerged_max), unmerged_max + 1
        while left > unmerged_max:
            left = self._stub.MergeStanding(request).left
            progress(left)

    def bodies(self, record_ids: list[int]) -> list[bytes]:
        """Return records of the outbox, at most 1,000; empty ones where the payload is deleted."""
        request = node_pb2.GetOutboxRecordsRequest(**self._stream, record_ids=record_ids)
        return list(self._stub.GetOutboxRecords(request).bodies)

    def _find(self, entries: Sequence[Entry]) -> _Known:
        known: _Known = {}
        keys = sorted({entry.key for entry in entries})
        for start in range(0, len(keys), _ASKED_KEYS):
            asked = b"".join(keys[start : start + _ASKED_KEYS])
            found = self._stub.FindStanding(node_pb2.FindStandingRequest(**self._stream, keys=asked))
            contents = pieces(found.contents, CONTENT_BYTES)
            known.update(zip(pieces(found.keys, KEY_BYTES), ((content, 0) for content in contents), strict=True))
        return known

    def _listed(self) -> Iterator[_Known]:
        """Yield everything that stands, bucket by bucket as `Staging.buckets` has them."""
        known: _Known = {}
        bucket = 0
        for page in self._stub.ListStanding(node_pb2.ListStandingRequest(**self._stream)):
            contents = pieces(page.contents, CONTENT_BYTES)
            for key, content, record_id in zip(pieces(page.keys, KEY_BYTES), contents, page.record_ids, strict=True):
                while Staging.bucket_of(key) > bucket:
                    yield known
                    known, bucket = {}, bucket + 1
                known[key] = (content, record_id)
        yield known


def _compare(repeats: Repeats, compared: Iterable[tuple[Sequence[Entry], _Known]], *, snapshot: bool) -> Changes:
    """Compare entries of a source with what is known to stand in the same range of keys."""
    unchanged, corrections, restored, absent, standing = RowBits(), RowBits(), RowBits(), Subjects(), 0
    for entries, known in compared:
        for key, content, row in entries:
            stands, _ = known.get(key, (UNKNOWN_CONTENT, 0))
            # What a restored node got back is submitted as it was at first: then it is recognised, not sent twice.
            if row and stands != UNKNOWN_CONTENT and row not in repeats:
                kind = unchanged if stands == content else restored if stands == WITHDRAWN else corrections
                kind.add(row)
        if snapshot:
            there = {entry.key for entry in entries}
            for key, (content, record_id) in known.items():
                if content != WITHDRAWN:
                    standing += 1
                    if key not in there:
                        absent.add(key, record_id)
    return Changes(unchanged, corrections, restored, absent, standing)


def _joined(buckets: Iterable[list[Entry]]) -> Iterator[list[Entry]]:
    """Yield buckets, small ones together: as many keys as one question holds."""
    joined: list[Entry] = []
    for entries in buckets:
        if joined and len(joined) + len(entries) > _ASKED_KEYS:
            yield joined
            joined = []
        joined += entries
    yield joined
