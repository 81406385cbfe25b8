"""Streams, epochs and leases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.store.tables import CLOSED_EPOCH, STREAM
from services.store.transaction.part import Part

_COMPARED: Final = ("epoch", "watermark", "head", "sealed_epoch", "sealed_watermark", "sealed_head", "state", "fence")

_NAMED: Final = select(STREAM).where(STREAM.c.name == bindparam("name"), STREAM.c.direction == bindparam("direction"))
_NAMED_LOCKED: Final = _NAMED.with_for_update(key_share=True)
"""FOR NO KEY UPDATE: with a plain FOR UPDATE submissions would wait, whose foreign keys point to the stream."""

_SWAP: Final = update(STREAM).where(
    STREAM.c.id == bindparam("stream_id"), *(STREAM.c[name] == bindparam(f"expected_{name}") for name in _COMPARED)
)


class StreamsPart(Part):
    """`services.ports.streams.Streams`."""

    def streams(self, direction: Direction | None = None) -> Sequence[Stream]:
        """See the port."""
        statement = select(STREAM).order_by(STREAM.c.name, STREAM.c.direction)
        if direction is not None:
            statement = statement.where(STREAM.c.direction == direction.value)
        return [_to_stream(row) for row in self._connection.execute(statement)]

    def stream(self, name: StreamName, direction: Direction, *, lock: bool = False) -> Stream | None:
        """See the port."""
        identity = {"name": str(name), "direction": direction.value}
        row = self._connection.execute(_NAMED_LOCKED if lock else _NAMED, identity).one_or_none()
        return None if row is None else _to_stream(row)

    def add_stream(self, stream: Stream) -> Stream:
        """See the port."""
        row = {"name": str(stream.name), "direction": stream.direction.value, **_to_values(stream)}
        self._connection.execute(self._dialect.insert(STREAM).on_conflict_do_nothing(), row)
        standing = self.stream(stream.name, stream.direction)
        assert standing is not None  # noqa: S101 - it stands since the insert above
        return standing

    def update_stream(self, stream: Stream, *, expected: Stream) -> bool:
        """See the port."""
        before = _to_values(expected)
        compared = {f"expected_{name}": before[name] for name in _COMPARED}
        parameters = {"stream_id": expected.id, **compared, **_to_values(stream)}
        return self._connection.execute(_SWAP, parameters).rowcount == 1

    def close_epoch(self, stream_id: int, closed: Position) -> None:
        """See the port."""
        statement = self._dialect.insert(CLOSED_EPOCH).values(
            stream_id=stream_id, epoch=closed.epoch, watermark=closed.watermark, head=closed.head
        )
        self._connection.execute(statement.on_conflict_do_nothing())

    def closed_epoch(self, stream_id: int, epoch: int) -> Position | None:
        """See the port."""
        statement = select(CLOSED_EPOCH.c.epoch, CLOSED_EPOCH.c.watermark, CLOSED_EPOCH.c.head).where(
            CLOSED_EPOCH.c.stream_id == stream_id, CLOSED_EPOCH.c.epoch == epoch
        )
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else Position(*row)

    def take_lease(self, stream_id: int, holder: str, *, now: datetime, until: datetime) -> int | None:
        """See the port."""
        lease = select(STREAM.c.lease_holder, STREAM.c.lease_until, STREAM.c.fence).where(STREAM.c.id == stream_id)
        held_by, held_until, fence = self._connection.execute(lease.with_for_update(key_share=True)).one()
        if held_by not in ("", holder) and held_until > now:
            return None
        number = int(fence) + (0 if held_by == holder else 1)
        taken = {"lease_holder": holder, "lease_until": until, "fence": number}
        self._connection.execute(update(STREAM).where(STREAM.c.id == stream_id).values(**taken))
        return number

    def release_lease(self, stream_id: int, holder: str) -> None:
        """See the port."""
        own = (STREAM.c.id == stream_id, STREAM.c.lease_holder == holder)
        self._connection.execute(update(STREAM).where(*own).values(lease_holder="", lease_until=None))


def _to_values(stream: Stream) -> dict[str, object]:
    """Return all columns but the identity and the lease."""
    closed = stream.closed
    return {
        "epoch": stream.position.epoch,
        "watermark": stream.position.watermark,
        "head": stream.position.head,
        "sealed_epoch": stream.sealed.epoch,
        "sealed_watermark": stream.sealed.watermark,
        "sealed_head": stream.sealed.head,
        "state": stream.state.value,
        "state_reason": stream.state_reason,
        "closed_epoch": closed and closed.epoch,
        "closed_watermark": closed and closed.watermark,
        "closed_head": closed and closed.head,
        "hash_algorithm": stream.hash_algorithm,
        "fence": stream.fence,
    }


def _to_stream(row: Any) -> Stream:  # noqa: ANN401 - a row of STREAM
    closed = None
    if row.closed_epoch is not None:
        closed = Position(row.closed_epoch, row.closed_watermark, row.closed_head)
    return Stream(
        id=row.id,
        name=StreamName.parse(row.name),
        direction=Direction(row.direction),
        position=Position(row.epoch, row.watermark, row.head),
        sealed=Position(row.sealed_epoch, row.sealed_watermark, row.sealed_head),
        state=StreamState(row.state),
        state_reason=row.state_reason,
        closed=closed,
        hash_algorithm=row.hash_algorithm,
        fence=row.fence,
    )
