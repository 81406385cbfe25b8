"""Submission: staged rows to the node, in chunks, a bounded number under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from yrdx.node.v1 import node_pb2

if TYPE_CHECKING:
    from yrdx.exchange.v1 import exchange_pb2

CHUNK_RECORDS: Final = 1_000
CHUNK_BYTES: Final = 1 << 20
CHUNKS_UNANSWERED_MAX: Final = 8

_Chunk = node_pb2.SubmitRequest.Chunk


@dataclass(slots=True)
class Submission:
    """One open ``Submit`` stream.

    Attributes:
        source: Name of the source under which rows are submitted.
        position: Row up to which it was submitted when the stream opened.
        rejected: Called with each rejection of the node's gate (``sequence`` holds the row).
        submitted: Called with the rows that one answer says stand on disk.
    """

    stub: Any
    opening: node_pb2.SubmitRequest.Opening
    rejected: Callable[[exchange_pb2.Rejection], None]
    submitted: Callable[[int], None]
    source: str = ""
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
        self.source, self.position = opened.source, opened.position

    def send(self, rows: Iterable[tuple[int, bytes]], *, last_row: int) -> None:
        """Submit rows after the source's position and wait until all of them are on disk.

        Args:
            rows: (row, body), by rising row; all above ``position``.
            last_row: Last row of the file: the source stands there at the end, past rows that were left out.

        Raises:
            ExchangeError: The node refused a chunk; what was answered stands.
        """
        after = self.position
        for chunk in chain(_chunks(rows), [_Chunk(upto_position=last_row)]):
            if chunk.upto_position <= after:
                continue
            chunk.after_position = after
            after = chunk.upto_position
            self._requests.put(node_pb2.SubmitRequest(chunk=chunk))
            self._unanswered += 1
            if self._unanswered >= CHUNKS_UNANSWERED_MAX:
                self._answer()
        while self._unanswered:
            self._answer()

    def close(self) -> None:
        """End the stream; idempotent."""
        self._requests.put(None)

    def _answer(self) -> None:
        answer = next(self._answers).submitted
        self._unanswered -= 1
        for rejection in answer.rejections:
            self.rejected(rejection)
        self.submitted(answer.submitted)


def _chunks(rows: Iterable[tuple[int, bytes]]) -> Iterator[_Chunk]:
    chunk, size = _Chunk(), 0
    for row, body in rows:
        if chunk.records and (len(chunk.records) >= CHUNK_RECORDS or size + len(body) > CHUNK_BYTES):
            yield chunk
            chunk, size = _Chunk(), 0
        chunk.records.add(position=row, body=body)
        chunk.upto_position = row
        size += len(body)
    if chunk.records:
        yield chunk
