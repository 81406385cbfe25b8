"""A sink at work: from where the target stands to the end of the inbox, again and again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.tables import SinkMoved, SinkUnavailable
from services.domain.errors import Unavailable
from services.node.lock import HomeBusy
from services.node.retries import retrying
from services.node.session import NodeSession, open_session
from services.node.sinks.changes import ChangeReader
from services.node.sinks.targets import Target
from yrdx.node.v1 import node_pb2

LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class SinkReport:
    """What was written.

    Attributes:
        records: Records taken, by stream.
        refused: Records that the target refused, by stream.
        positions: Where the target stands, by stream.
    """

    records: dict[str, int]
    refused: dict[str, int]
    positions: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        streams = sorted(self.positions)
        return {
            "streams": [
                {
                    "stream": stream,
                    "records": self.records.get(stream, 0),
                    "refused": self.refused.get(stream, 0),
                    "position": self.positions[stream],
                }
                for stream in streams
            ]
        }


class _Page(NamedTuple):
    """A run of records that the target took; until its cursor stands there, it may forget them.

    Attributes:
        stream: Stream.
        position: Position of the last one.
        records: How many.
        refused: How many of them the target refused.
    """

    stream: str
    position: int
    records: int
    refused: int


@dataclass(slots=True)
class SinkRun:
    """One sink.

    Attributes:
        home: The node's home.
        dataset: Dataset.
        from_city: Only from this city; empty: from all.
        reader: Turns records into changes.
        target: Where they go.
        sleep: Waits, s.
    """

    home: Path
    dataset: str
    from_city: str
    reader: ChangeReader
    target: Target
    sleep: Callable[[float], None] = time.sleep
    _records: Counter[str] = field(default_factory=Counter)
    _refused: Counter[str] = field(default_factory=Counter)
    _positions: dict[str, int] = field(default_factory=dict)
    _taken: list[_Page] = field(default_factory=list)

    def rounds(self, *, once: bool) -> Iterator[SinkReport]:
        """Write what there is and yield the sum after every round in which there was something.

        Args:
            once: One round, and what otherwise is retried is raised.

        Raises:
            SinkRefused: The target cannot be used as it is.
            ExchangeError: The node refuses.
        """
        again = retrying(Unavailable, HomeBusy, SinkUnavailable, SinkMoved, once=once)
        while True:
            written = again(self._round)
            if written or once:
                yield SinkReport(dict(self._records), dict(self._refused), dict(self._positions))
            if once:
                return
            self.sleep(LOOK_S)

    def _round(self) -> int:
        """Go on where the target stands: what an interrupted round left is written again, or was not written."""
        self._positions = self.target.cursors()
        counted = self._count()  # of a round that was interrupted: what it had written
        with open_session(self.home) as session:
            for page in self._pages(session):
                self._take(page)
        self.target.finish()
        return counted + self._count()

    def _count(self) -> int:
        """Count the records that stand in the target; the others are read again."""
        written = [page for page in self._taken if page.position <= self._positions.get(page.stream, 0)]
        self._taken.clear()
        for page in written:
            self._records[page.stream] += page.records
            self._refused[page.stream] += page.refused
        return sum(page.records for page in written)

    def _pages(self, session: NodeSession) -> Iterator[node_pb2.WatchInboxResponse]:
        request = node_pb2.WatchInboxRequest(dataset=self.dataset, from_city=self.from_city)
        for stream, position in self._positions.items():
            request.after.add(stream=stream, position=position)
        pages: Iterator[node_pb2.WatchInboxResponse] = session.stub.WatchInbox(request)
        return pages

    def _take(self, page: node_pb2.WatchInboxResponse) -> None:
        stream = page.stream
        changes = [self.reader.read(entry) for entry in page.entries]
        refused = self.target.apply(stream, changes, after=self._positions.get(stream, 0))
        self._positions[stream] = changes[-1].position
        self._taken.append(_Page(stream, changes[-1].position, len(changes), refused))
