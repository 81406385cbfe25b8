"""Submit: a source's rows into the outbox, exactly once.

The source's cursor moves by compare-and-swap in the transaction that appends the rows, so a lost answer, a
re-run or a second process can only be told where to go on; nothing is doubled and nothing is skipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.agreement import Agreement
from services.domain.errors import CursorMoved, Malformed, TooLarge
from services.domain.outbox import OutboxRow, Source
from services.domain.receipt import Rejection, Violation
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.agreements import agreement_in_force
from services.exchange.parts import Parts
from services.ports.store import Transaction


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source ready to take chunks."""

    stream: Stream
    source: Source
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of a source's rows.

    Attributes:
        after_position: Where the source must stand.
        upto_position: Where it stands afterwards, also past rows that were left out.
        positions: Place of each record in the source, rising.
        bodies: Serialised ``RecordBody`` of each record, not yet through the payload codec.
    """

    after_position: int
    upto_position: int
    positions: Sequence[int]
    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class CheckedChunk:
    """A chunk whose records passed the gate, and those that did not (``sequence`` holds the position)."""

    after_position: int
    upto_position: int
    rows: Sequence[OutboxRow]
    rejections: Sequence[Rejection]


def open_source(
    tx: Transaction, parts: Parts, stream_name: StreamName, name: str, *, label: str, again: bool
) -> OpenedSource:
    """Find or create a source of a stream.

    Args:
        tx: Transaction.
        parts: Ports.
        stream_name: Outbound stream.
        name: The source's stable name, a file's "sha256:<hex>".
        label: What people call it.
        again: Start a new run of a source that stands already, "<name>#2", instead of going on with its last run.

    Raises:
        AgreementMissing: No agreement in force lets the stream exist.
    """
    agreement = agreement_in_force(tx, stream_name, parts.clock.now())
    stream = tx.add_stream(Stream(0, stream_name, Direction.OUTBOUND))
    runs = tx.sources(stream.id, name)
    if runs and not again:
        return OpenedSource(stream, runs[-1], agreement)
    run_name = f"{name}#{len(runs) + 1}" if runs else name
    return OpenedSource(stream, tx.add_source(Source(0, stream.id, run_name, label)), agreement)


def check_chunk(parts: Parts, agreement: Agreement, chunk: Chunk) -> CheckedChunk:
    """Pass a chunk's records through the gate and salt those that pass. Needs no transaction.

    Raises:
        TooLarge: More records than a submission may hold.
        Malformed: Positions do not rise or lie outside the chunk.
    """
    _require_order(chunk, parts.limits.submit_records_max)
    verdicts = parts.gate.check(agreement.dataset, agreement.standard, chunk.bodies, fields=agreement.fields)
    salts = parts.random.salts(len(chunk.bodies))
    rows: list[OutboxRow] = []
    rejections: list[Rejection] = []
    for position, body, salt, verdict in zip(chunk.positions, chunk.bodies, salts, verdicts, strict=True):
        if isinstance(verdict, Violation):
            rejections.append(Rejection(position, verdict))
        else:
            rows.append(OutboxRow(position, verdict.key, salt, parts.codec.encode(body)))
    return CheckedChunk(chunk.after_position, chunk.upto_position, rows, rejections)


def submit_chunk(tx: Transaction, parts: Parts, opened: OpenedSource, chunk: CheckedChunk) -> None:
    """Append a checked chunk and move the source's cursor, both or neither.

    Raises:
        CursorMoved: The source stands elsewhere: this chunk, or another, was submitted before.
    """
    stream, source = opened.stream, opened.source
    moved = tx.advance_source(
        source.id, after=chunk.after_position, upto=chunk.upto_position, submitted=len(chunk.rows)
    )
    if not moved:
        present = tx.source(stream.id, source.name)
        raise CursorMoved(present.position if present else 0)
    if chunk.rows:
        tx.append_outbox(stream.id, source.id, chunk.rows, now=parts.clock.now())


def _require_order(chunk: Chunk, records_max: int) -> None:
    if len(chunk.bodies) > records_max:
        raise TooLarge(f"a chunk holds at most {records_max} records")
    bounds = [chunk.after_position, *chunk.positions]
    if any(b <= a for a, b in itertools.pairwise(bounds)) or chunk.upto_position < bounds[-1]:
        raise Malformed("positions of a chunk rise, above after_position and up to upto_position")
