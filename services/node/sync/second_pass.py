"""The second pass of a sync: what is sent, in the order of the rows, and what is withdrawn after them."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import Final, NamedTuple

from services.node.sync.first_pass import FirstPass
from services.node.sync.reading import in_runs
from services.node.sync.staging import Staged
from services.node.sync.standing import Changes, Standing
from services.node.sync.submission import Item, Reread, Sent, Told
from services.wire.bodies import BodyWriter
from yrdx.types.v1 import types_pb2

CORRECTION: Final = "更正：来源中该记录已变更 (correction: the source says otherwise now)"
WITHDRAWAL: Final = "撤销：完整文件中已无该记录 (withdrawn: absent from a complete file)"
_BODIES_AT_ONCE: Final = 500


class Mend(NamedTuple):
    """What a row of a mended rejects file names.

    Attributes:
        rejection_id: The rejection.
        sequence: Sequence of the rejected record; 0 where it never was one, or in an epoch that is over.
    """

    rejection_id: int
    sequence: int


@dataclass(frozen=True)
class SecondPass:
    """What is sent of a source.

    Attributes:
        found: The first pass.
        changes: What its records change.
        writer: Makes bodies.
        base: Position before the source's first row: 0 for a file, where a table's earlier reads ended.
        mends: By row, what it mends; rows that mend nothing are left out then. Empty for an ordinary input.
    """

    found: FirstPass
    changes: Changes
    writer: BodyWriter
    base: int = 0
    mends: Mapping[int, Mend] = field(default_factory=dict)

    @property
    def last_position(self) -> int:
        """Position of the source's last row."""
        return self.base + self.found.last_row

    def bodies(self) -> Iterator[tuple[Staged, bytes]]:
        """Yield every record that is not left out, with its body."""
        left_out, repeats = self.changes.unchanged, self.found.repeats
        for staged in self.found.staging.records():
            row = staged.row
            if row not in left_out and row not in repeats and self._is_meant(row):
                yield staged, self._body(staged)

    def items(self, after: int) -> Iterator[Item]:
        """Yield records to send, refused rows and rows that were refused before, by rising position after one."""
        if not (self.found.refused.count or self.found.reread):
            return _after(self._sent(), after)
        refused = (self._told(told) for told in self.found.refused.rows() if self._is_meant(told.position))
        reread = (Reread(self.base + row, key) for row, key in self.found.reread)
        # A refusal is over before the same row is told again.
        return _after(heapq.merge(reread, self._sent(), refused, key=lambda item: item.position), after)

    def withdrawals(self, standing: Standing, after: int) -> Iterator[Sent]:
        """Yield what withdraws absent subjects, a position each; one whose payload is deleted leaves its own empty."""
        position = max(after, self.last_position)
        for run in in_runs(iter(self.changes.absent), _BODIES_AT_ONCE):
            bodies = standing.bodies([record_id for _, record_id in run])
            for (key, _), body in zip(run, bodies, strict=True):
                position += 1
                message = types_pb2.RecordBody.FromString(body).message.value
                if message:
                    yield Sent(position, self.writer.retract(key, message, reason=WITHDRAWAL), b"")

    def cursor_at(self) -> Callable[[int], str]:
        """Return how far a table's reader has come when the source stands at a position."""
        rows = [row for row, _ in self.found.cursors]

        def cursor(position: int) -> str:
            place = bisect_right(rows, position - self.base)
            return self.found.cursors[place - 1][1] if place else ""

        return cursor

    def _is_meant(self, row: int) -> bool:
        return not self.mends or row in self.mends

    def _sent(self) -> Iterator[Sent]:
        for staged, body in self.bodies():
            mend = self.mends.get(staged.row)
            rejection_id = mend.rejection_id if mend else 0
            yield Sent(self.base + staged.row, body, staged.content, staged.normalisations, rejection_id)

    def _told(self, told: Told) -> Told:
        mend = self.mends.get(told.position)
        return told._replace(position=self.base + told.position, mends_rejection=mend.rejection_id if mend else 0)

    def _body(self, staged: Staged) -> bytes:
        mend = self.mends.get(staged.row)
        reason = CORRECTION if staged.row in self.changes.corrections else ""
        return self.writer.upsert(staged.key, staged.message, reason=reason, mends=mend.sequence if mend else 0)


def _after(items: Iterator[Item], position: int) -> Iterator[Item]:
    return dropwhile(lambda item: item.position <= position, items)
