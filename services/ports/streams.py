"""Streams, epochs and leases as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain.stream import Direction, Position, Stream, StreamName


class Streams(Protocol):
    """The streams of a node."""

    def streams(self, direction: Direction | None = None) -> Sequence[Stream]:
        """Return all streams, or those of one direction, by name."""
        ...

    def stream(self, name: StreamName, direction: Direction, *, lock: bool = False) -> Stream | None:
        """Return one stream.

        Args:
            name: Name.
            direction: Which end this node is; both ends can live in one store in tests.
            lock: Hold the row until the transaction ends (PostgreSQL: FOR UPDATE; SQLite has one writer anyway).
        """
        ...

    def add_stream(self, stream: Stream) -> Stream:
        """Insert a stream and return it with its id; when it exists already, return what stands."""
        ...

    def update_stream(self, stream: Stream, *, expected: Stream) -> bool:
        """Replace a stream by compare-and-swap.

        The swap compares position, sealed position, state and fence of ``expected`` with what stands
        (all of one row), so two writers can never both advance a watermark.

        Returns:
            False when something else stands; nothing was changed.
        """
        ...

    def close_epoch(self, stream_id: int, closed: Position) -> None:
        """Record where an epoch ended."""
        ...

    def closed_epoch(self, stream_id: int, epoch: int) -> Position | None:
        """Return where a closed epoch ended, or None when it is not closed or unknown."""
        ...

    def take_lease(self, stream_id: int, holder: str, *, now: datetime, until: datetime) -> int | None:
        """Take or renew the right to seal a stream's batches.

        A new holder gets a higher fencing number, which becomes the stream's ``fence``; the same holder renews and
        keeps its number.

        Returns:
            The fencing number, or None while another holder's lease lasts.
        """
        ...

    def release_lease(self, stream_id: int, holder: str) -> None:
        """Give the lease back; harmless when it is another's by now."""
        ...
