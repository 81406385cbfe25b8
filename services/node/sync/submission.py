"""Submission: a source's rows to the node, in chunks, a bounded number under way.

A chunk holds records to send and rows that were refused, and says where the source stands after it: all of that is on
disk together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from yrdx.node.v1 import node_pb2

if TYPE_CHECKING:
    from yrdx.exchange.v1 import exchange_pb2

CHUNK_RECORDS: Final = 1_000
CHUNK_BYTES: Final = 1 << 20
CHUNKS_UNANSWERED_MAX: Final = 8

_Chunk = node_pb2.SubmitRequest.Chunk
_Record = node_pb2.SubmitRequest.Record
_Refused = node_pb2.SubmitRequest.RefusedRow


class Sent(NamedTuple):
    """A record to send.

    Attributes:
        position: Place in the source.
        body: Serialised ``RecordBody``.
        content: Digest of what it says, 8 bytes.
        normalisations: Names of what reading changed.
        mends_rejection: Id of the rejection that it mends; 0 for none.
    """

    position: int
    body: bytes
    content: bytes
    normalisations: tuple[str, ...] = ()
    mends_rejection: int = 0


class Told(NamedTuple):
    """A row that was refused before it became a record.

    Attributes:
        position: Place in the source.
        column: The source's column.
        field_path: The standard's field.
        rule_id: Stable name of the rule.
        reason: The rule in words.
        key: Business key where it is known.
        mends_rejection: Id of the rejection that it was meant to mend; 0 for none.
    """

    position: int
    column: str
    field_path: str
    rule_id: str
    reason: str
    key: bytes = b""
    mends_rejection: int = 0


class Reread(NamedTuple):
    """A row that an earlier read refused, read again: whatever it is now, that refusal is over.

    Attributes:
        position: Place in the source.
        key: What stood for its business key.
    """

    position: int
    key: bytes


Item: TypeAlias = Sent | Told | Reread
"""What a chunk holds."""


@dataclass(slots=True)
class Submission:
    """One open ``Submit`` stream.

    Attributes:
        stub: NodeService.
        opening: Names the source.
        mapping: Version of the mapping that makes the records.
        cursor_at: Says where the source's reader goes on after a position; empty where that means nothing.
        source: Name of the source under which rows are submitted.
        opened_at: Place up to which it was submitted when the stream opened.
        position: Place up to which it is submitted now.
    """

    stub: Any
    opening: node_pb2.SubmitRequest.Opening
    mapping: str = ""
    cursor_at: Callable[[int], str] = lambda _: ""
    source: str = ""
    opened_at: int = 0
    position: int = 0
    _requests: SimpleQueue[node_pb2.SubmitRequest | None] = field(default_factory=SimpleQueue)
    _answers: Iterator[node_pb2.SubmitResponse] = field(default_factory=lambda: iter(()))
    _unanswered: int = 0

    def open(self) -> None:
        """Open the stream and learn where the source stands.

        Raises:
            ExchangeError: The node refuses, or is not there.
        """
        self._requests.put(node_pb2.SubmitRequest(opening=self.opening))
        self._answers = self.stub.Submit(iter(self._requests.get, None))
        opened = next(self._answers).opened
        self.source, self.opened_at, self.position = opened.source, opened.position, opened.position
        if cursor := self.cursor_at(self.position):
            # What must be known to go on stands before the first row does.
            here = _Chunk(after_position=self.position, upto_position=self.position, cursor=cursor)
            self._requests.put(node_pb2.SubmitRequest(chunk=here))
            next(self._answers)

    def send(self, items: Iterable[Item], *, upto: int) -> Iterator[exchange_pb2.Rejection]:
        """Submit rows after the source's position; at the end all of them are on disk.

        Args:
            items: By rising position, all above ``position``.
            upto: Where the source stands at the end, past rows that were left out.

        Yields:
            Rejections of the node's own gate; ``sequence`` holds the position.

        Raises:
            ExchangeError: The node refused a chunk; what was answered stands.
        """
        for chunk in _chunks(items, upto):
            if chunk.upto_position <= self.position:
                continue
            chunk.after_position, self.position = self.position, chunk.upto_position
            chunk.mapping, chunk.cursor = self.mapping, self.cursor_at(chunk.upto_position)
            self._requests.put(node_pb2.SubmitRequest(chunk=chunk))
            self._unanswered += 1
            if self._unanswered >= CHUNKS_UNANSWERED_MAX:
                yield from self._answer()
        while self._unanswered:
            yield from self._answer()

    def close(self) -> None:
        """End the stream; idempotent."""
        self._requests.put(None)

    def _answer(self) -> Iterable[exchange_pb2.Rejection]:
        answer = next(self._answers).submitted
        self._unanswered -= 1
        return answer.rejections


def _chunks(items: Iterable[Item], upto: int) -> Iterator[_Chunk]:
    records: list[Sent] = []
    refused: list[Told] = []
    reread: list[Reread] = []
    size = 0
    for item in items:
        more = len(item.body) if isinstance(item, Sent) else 0
        if len(records) + len(refused) + len(reread) >= CHUNK_RECORDS or (records and size + more > CHUNK_BYTES):
            yield _chunk(records, refused, reread, item.position - 1)
            records, refused, reread, size = [], [], [], 0
        size += more
        if isinstance(item, Sent):
            records.append(item)
        elif isinstance(item, Told):
            refused.append(item)
        else:
            reread.append(item)
    yield _chunk(records, refused, reread, upto)


def _chunk(records: Sequence[Sent], refused: Sequence[Told], reread: Sequence[Reread], upto: int) -> _Chunk:
    return _Chunk(
        upto_position=upto,
        records=[
            _Record(position=position, body=body, content=content, normalisations=notes, mends_rejection=mends)
            for position, body, content, notes, mends in records
        ],
        refused=[_Refused(**told._asdict()) for told in refused],
        reread=[one.key for one in reread],
    )
