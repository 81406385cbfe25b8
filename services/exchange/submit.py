"""Submit: a source's rows into the outbox, exactly once.

The source's cursor moves by compare-and-swap in the transaction that appends the rows, so a lost answer, a
re-run or a second process can only be told where to go on; nothing is doubled and nothing is skipped.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from services.domain.agreement import Terms
from services.domain.course import Move
from services.domain.errors import CursorMoved, DatasetUnknown, Malformed, TooLarge
from services.domain.outbox import SENT_AGAIN, OutboxRow, Source
from services.domain.receipt import Violation
from services.domain.rejection import LocalRejection, Mending
from services.domain.standing import CONTENT_BYTES, WITHDRAWN
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.agreements import agreement_in_force
from services.exchange.cases import Place, impossible_steps, moves_of, take_steps
from services.exchange.parts import Parts
from services.exchange.standards import spoken_standard
from services.ports.gate import Passed
from services.ports.store import Transaction

RETRACT: Final = 2
"""``yrdx.types.v1.Operation``, as in `services.ports.gate.Passed`."""
_NOT_OPEN: Final = Violation(
    "", "rejection.closed", "该拒绝记录已处理，未再发送 (the refused row was mended already: not sent again)"
)


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source ready to take chunks.

    Attributes:
        stream: Its outbound stream, or the city's own register.
        source: Where it stands.
        terms: What its records are held to.
    """

    stream: Stream
    source: Source
    terms: Terms


class SubmittedRow(NamedTuple):
    """One row of a chunk.

    Attributes:
        position: Place in the source.
        body: Serialised ``RecordBody``, not yet through the payload codec.
        content: 8-byte digest of what it says; empty: taken from the body.
        normalisations: Names of what reading the row changed.
        mends_rejection: Id of the rejection whose row it takes the place of; 0 for none.
    """

    position: int
    body: bytes
    content: bytes = b""
    normalisations: tuple[str, ...] = ()
    mends_rejection: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of a source's rows.

    Attributes:
        after_position: Where the source must stand.
        upto_position: Where it stands afterwards, also past rows that were left out.
        rows: By rising position.
        rejected: Rows among them that never became a record.
        cursor: What the source's reader must know when it goes on after this chunk; empty leaves what stands.
        mapping: Version of the mapping that made the records; empty when their sender mapped them.
        reread: Keys of refusals of earlier reads whose rows were read again, whatever they are now.
    """

    after_position: int
    upto_position: int
    rows: Sequence[SubmittedRow]
    rejected: Sequence[LocalRejection] = ()
    cursor: str = ""
    mapping: str = ""
    reread: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class CheckedChunk:
    """A chunk whose records passed the gate, and those that did not.

    Attributes:
        chunk: As it was presented.
        rows: Those that passed.
        moves: By position, what they say of cases.
        mended: Which of them take the place of a refused row.
        rejected: Those that did not pass, after those that never were records.
    """

    chunk: Chunk
    rows: Sequence[OutboxRow]
    moves: Mapping[int, Move]
    mended: Sequence[Mending]
    rejected: Sequence[LocalRejection]


class Submitted(NamedTuple):
    """What became of a chunk: records that stand in the outbox now, and rows that were refused here."""

    records: int
    rejected: Sequence[LocalRejection]


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
        AgreementMissing: No agreement in force lets the stream exist. The city's own register needs none.
        StandardIncompatible: The agreement names no version that is known here.
        DatasetUnknown: The register's dataset is not known here.
    """
    terms = _terms(tx, parts, stream_name)
    stream = tx.add_stream(Stream(0, stream_name, Direction.OUTBOUND))
    runs = tx.sources(stream.id, name)
    if runs and not again:
        return OpenedSource(stream, runs[-1], terms)
    tx.close_former_runs(stream.id, name, now=parts.clock.now())
    run_name = f"{name}#{len(runs) + 1}" if runs else name
    return OpenedSource(stream, tx.add_source(Source(0, stream.id, run_name, label)), terms)


def _terms(tx: Transaction, parts: Parts, stream_name: StreamName) -> Terms:
    if not stream_name.is_register:
        agreement = agreement_in_force(tx, stream_name, parts.clock.now())
        return Terms(agreement.dataset, spoken_standard(parts.gate, agreement), agreement.fields)
    standards = parts.gate.standards(stream_name.dataset)
    if not standards:
        raise DatasetUnknown(f"the dataset {stream_name.dataset} is not known here")
    return Terms(stream_name.dataset, standards[-1], ("*",))


def check_chunk(parts: Parts, terms: Terms, chunk: Chunk) -> CheckedChunk:
    """Pass a chunk's records through the gate and salt those that pass. Needs no transaction.

    Raises:
        TooLarge: More records than a submission may hold.
        Malformed: Positions do not rise or lie outside the chunk, or a digest has another length.
    """
    _require_order(chunk, parts.limits.submit_records_max)
    bodies = [row.body for row in chunk.rows]
    verdicts = parts.gate.check(terms.dataset, terms.standard, bodies, fields=terms.fields)
    salts = parts.random.salts(len(bodies))
    rows: list[OutboxRow] = []
    mended: list[Mending] = []
    rejected = list(chunk.rejected)
    for row, salt, verdict in zip(chunk.rows, salts, verdicts, strict=True):
        if isinstance(verdict, Violation):
            rejected.append(LocalRejection(row.position, "", verdict, mends_rejection=row.mends_rejection))
            continue
        content = WITHDRAWN if verdict.operation == RETRACT else row.content or _digest(row.body)
        body = parts.codec.encode(row.body)
        rows.append(OutboxRow(row.position, verdict.key, salt, body, content, row.normalisations))
        if row.mends_rejection:
            mended.append(Mending(row.mends_rejection, row.position))
    passed = (
        (row.position, row.body)
        for row, verdict in zip(chunk.rows, verdicts, strict=True)
        if isinstance(verdict, Passed)
    )
    moves = moves_of(parts, terms.dataset, terms.standard, passed)
    return CheckedChunk(chunk, rows, moves, mended, rejected)


def submit_chunk(tx: Transaction, parts: Parts, opened: OpenedSource, checked: CheckedChunk) -> Submitted:
    """Append a checked chunk and move the source's cursor, both or neither.

    Rows that were refused here are kept beside those that stand; whatever was refused of a subject before is closed
    by a row that takes its place.

    Raises:
        CursorMoved: The source stands elsewhere: this chunk, or another, was submitted before.
    """
    stream, source, chunk, now = opened.stream, opened.source, checked.chunk, parts.clock.now()
    rows, rejected = _without_closed(tx, stream, checked)
    rows, rejected = _without_impossible(tx, parts, stream, checked.moves, rows, rejected)
    moved = tx.advance_source(
        source.id, after=chunk.after_position, upto=chunk.upto_position, submitted=len(rows), cursor=chunk.cursor
    )
    if not moved:
        present = tx.source(stream.id, source.name)
        raise CursorMoved(present.position if present else 0)
    # Closed first: a row that is refused once more has a rejection of its own.
    mended = [*checked.mended, *(Mending(one.mends_rejection, one.position) for one in rejected if one.mends_rejection)]
    tx.close_rejections(stream.id, source.id, mended, [(row.key, row.position) for row in rows], now=now)
    _close_reread(tx, opened, chunk, rejected, now)
    tx.add_local_rejections(stream.id, source.id, rejected, now=now)
    if rows:
        delivered = not stream.name.is_register
        first_id = tx.append_outbox(stream.id, source.id, rows, now=now, mapping=chunk.mapping, delivered=delivered)
        if checked.moves:
            placed = [(checked.moves[row.position], Place(first_id + offset)) for offset, row in enumerate(rows)]
            take_steps(tx, parts, stream, placed)
    return Submitted(len(rows), rejected)


def _close_reread(
    tx: Transaction, opened: OpenedSource, chunk: Chunk, rejected: Sequence[LocalRejection], now: datetime
) -> None:
    """A table's reads overlap: a row that is refused in each of them has one rejection, the last one."""
    goes_on = chunk.cursor not in ("", SENT_AGAIN)
    refused_again = [one.key for one in rejected if one.key] if goes_on else []
    keys = [*refused_again, *chunk.reread]
    if keys:
        tx.close_reread(opened.stream.id, opened.source.id, keys, upto_position=opened.source.position, now=now)


def _without_closed(
    tx: Transaction, stream: Stream, checked: CheckedChunk
) -> tuple[Sequence[OutboxRow], Sequence[LocalRejection]]:
    """Refuse rows that mend what is not open any more: somebody mended it already."""
    if not checked.mended:
        return checked.rows, checked.rejected
    still_open = tx.open_rejections(stream.id, [one.rejection_id for one in checked.mended])
    late = {one.position for one in checked.mended if one.rejection_id not in still_open}
    rows = [row for row in checked.rows if row.position not in late]
    return rows, [*checked.rejected, *(LocalRejection(position, "", _NOT_OPEN) for position in sorted(late))]


def _without_impossible(
    tx: Transaction,
    parts: Parts,
    stream: Stream,
    moves: Mapping[int, Move],
    rows: Sequence[OutboxRow],
    rejected: Sequence[LocalRejection],
) -> tuple[Sequence[OutboxRow], Sequence[LocalRejection]]:
    """Refuse rows that say what their case cannot do, as far as it is known here; the partner has the last word."""
    if not moves:
        return rows, rejected
    refused = impossible_steps(tx, parts, stream.name, {row.position: moves[row.position] for row in rows})
    kept = [row for row in rows if row.position not in refused]
    told = [LocalRejection(row.position, "", refused[row.position], row.key) for row in rows if row.position in refused]
    return kept, [*rejected, *told]


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CONTENT_BYTES).digest()


def _require_order(chunk: Chunk, records_max: int) -> None:
    if max(len(chunk.rows), len(chunk.rejected), len(chunk.reread)) > records_max:
        raise TooLarge(f"a chunk holds at most {records_max} records, and as many refused and reread rows")
    for positions in ([row.position for row in chunk.rows], [row.position for row in chunk.rejected]):
        bounds = [chunk.after_position, *positions]
        if any(b <= a for a, b in itertools.pairwise(bounds)) or chunk.upto_position < bounds[-1]:
            raise Malformed("positions of a chunk rise, above after_position and up to upto_position")
    if any(len(row.content) not in (0, CONTENT_BYTES) for row in chunk.rows):
        raise Malformed(f"a digest of content has {CONTENT_BYTES} bytes")
