"""Streams, rows and batches for tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

from services.domain.access import Access, Side
from services.domain.batch import Record, Signed, StoredBatch
from services.domain.inbox import Accepted
from services.domain.outbox import OutboxRow, PendingRow, Source
from services.domain.receipt import Rejection, Violation
from services.domain.stream import Direction, Position, Stream, StreamName
from services.ports.store import Store, Transaction

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC)
NAME = StreamName("320600", "310000", "social.contribution")
VIOLATION = Violation("total_fen", "amount.range", "the amount is negative")
ACCESS = Access(
    time=NOW,
    side=Side.ANSWERED,
    asked_city="320600",
    caller_city="310000",
    caller="spiffe://310000.yrdx/gateway/node",
    question="coverage",
    agreement_id="L-1",
    agreement_version=2,
    purpose="visit",
    legal_basis="an invented decree",
    request_id="01234567-89ab-4cde-8f01-23456789abcd",
    clerk_reference="clerk-7",
    subject=b"s" * 32,
    outcome="FOUND",
)


def do(store: Store, work: Callable[[Transaction], T]) -> T:
    """Carry out a work and wait for its commit."""
    return store.write(work).result(timeout=30)


def merge_pass(store: Store, stream_id: int, records_max: int = 1_000) -> int:
    """Merge some of what was submitted, and return how many records are left."""
    unmerged = do(store, lambda tx: tx.unmerged_words(stream_id, records_max=records_max))
    do(store, lambda tx: tx.merge_words(stream_id, sorted(unmerged.words), upto=unmerged.upto))
    return do(store, lambda tx: tx.mark_merged(stream_id, upto=unmerged.upto))


def a_stream(store: Store, direction: Direction = Direction.OUTBOUND, name: StreamName = NAME) -> Stream:
    """Add a stream."""
    return do(store, lambda tx: tx.add_stream(Stream(0, name, direction)))


def a_source(store: Store, stream: Stream, name: str = "sha256:00") -> Source:
    """Add a source."""
    return do(store, lambda tx: tx.add_source(Source(0, stream.id, name, f"{name}.csv")))


def a_row(number: int) -> OutboxRow:
    """Make a row whose parts all say its number."""
    return OutboxRow(number, a_key(number), b"salt%012d" % number, b"body %d" % number, a_content(number))


def a_content(number: int) -> bytes:
    """Make a digest of what a record says."""
    return b"%08d" % number


def a_key(number: int) -> bytes:
    """Make a business key."""
    return b"key %012d" % number


def record_of(number: int) -> Record:
    """Return the record of `a_row`."""
    row = a_row(number)
    return Record(row.salt, row.body)


def a_signature(word: str) -> Signed:
    """Make something signed."""
    return Signed(word.encode(), "320600-1", b"signature of " + word.encode())


def a_batch(stream: Stream, first: int, count: int, *, epoch: int = 1, receipt: Signed | None = None) -> StoredBatch:
    """Make a batch that is not stored yet."""
    leaves = b"".join(sha256(b"%d" % sequence).digest() for sequence in range(first, first + count))
    header = a_signature(f"header {epoch}/{first}")
    return StoredBatch(0, stream.id, epoch, first, count, sha256(header.content).digest(), header, leaves, receipt)


class Sender:
    """A sending node's steps, each one transaction."""

    def __init__(self, store: Store, name: StreamName = NAME) -> None:
        self.store = store
        self.stream = a_stream(store, name=name)
        self.source = a_source(store, self.stream)

    def submit(self, *numbers: int, source: Source | None = None) -> None:
        """Submit rows in one call."""
        source = source or self.source

        def work(tx: Transaction) -> None:
            standing = tx.source(source.stream_id, source.name)
            assert standing is not None
            tx.append_outbox(self.stream.id, standing.id, [a_row(number) for number in numbers], now=NOW)
            upto = standing.position + len(numbers)
            assert tx.advance_source(standing.id, after=standing.position, upto=upto, submitted=len(numbers))

        do(self.store, work)

    def pending(self, records_max: int = 1_000) -> list[PendingRow]:
        """Look at the first pending rows."""
        return self.store.read(lambda tx: tx.pending(self.stream.id, records_max=records_max))

    def seal(self, records_max: int = 1_000) -> StoredBatch:
        """Seal the next batch and advance the stream."""

        def work(tx: Transaction) -> StoredBatch:
            stream = standing_stream(tx, self.stream)
            rows = tx.pending(stream.id, records_max=records_max)
            epoch = stream.sealed.epoch
            batch = tx.seal(a_batch(stream, stream.sealed.watermark + 1, len(rows), epoch=epoch), rows)
            sealed = Position(epoch, batch.last_sequence, batch.header_hash)
            assert tx.update_stream(replace(stream, sealed=sealed), expected=stream)
            return batch

        return do(self.store, work)

    def settle(self, batch: StoredBatch, *rejected: int) -> None:
        """Store the receipt of a batch that refuses some sequences."""

        def work(tx: Transaction) -> None:
            settle(tx, batch, rejected)
            stream = standing_stream(tx, self.stream)
            reached = Position(batch.epoch, batch.last_sequence, batch.header_hash)
            assert tx.update_stream(replace(stream, position=reached), expected=stream)

        do(self.store, work)

    def next_epoch(self) -> None:
        """Let the present epoch end where it was acknowledged."""

        def work(tx: Transaction) -> None:
            stream = standing_stream(tx, self.stream)
            tx.close_epoch(stream.id, stream.position)
            begun = Position(stream.position.epoch + 1, 0, stream.position.head)
            changed = replace(stream, position=begun, sealed=begun, closed=stream.position)
            assert tx.update_stream(changed, expected=stream)

        do(self.store, work)


def submit_rows(sender: Sender, *rows: OutboxRow, delivered: bool = True) -> None:
    """Submit rows in one call."""

    def work(tx: Transaction) -> None:
        source = tx.source(sender.stream.id, sender.source.name)
        assert source is not None
        tx.append_outbox(sender.stream.id, source.id, rows, now=NOW, delivered=delivered)
        upto = source.position + len(rows)
        assert tx.advance_source(source.id, after=source.position, upto=upto, submitted=len(rows))

    do(sender.store, work)


class Receiver:
    """A receiving node's steps."""

    def __init__(self, store: Store, name: StreamName = NAME) -> None:
        self.store = store
        self.stream = a_stream(store, Direction.INBOUND, name)

    def apply(self, numbers: Sequence[int], *, rejected: Sequence[int] = (), epoch: int = 1) -> StoredBatch:
        """Apply a batch of records that say these numbers; ``rejected`` are places in it, from 0."""

        def work(tx: Transaction) -> StoredBatch:
            stream = standing_stream(tx, self.stream)
            position = stream.position if stream.position.epoch == epoch else Position(epoch)
            first = position.watermark + 1
            batch = a_batch(stream, first, len(numbers), epoch=epoch, receipt=a_signature(f"receipt {epoch}/{first}"))
            accepted = [(place, number) for place, number in enumerate(numbers) if place not in rejected]
            stored = tx.apply(batch, accepted_of(*accepted), received_time=NOW)
            reached = Position(epoch, stored.last_sequence, stored.header_hash)
            assert tx.update_stream(replace(stream, position=reached, sealed=reached), expected=stream)
            return stored

        return do(self.store, work)


def accepted_of(*placed: tuple[int, int]) -> Accepted:
    """Return accepted records that say numbers, from (offset, number) pairs."""
    offsets, numbers = zip(*placed, strict=True) if placed else ((), ())
    operations = [1 + number % 2 for number in numbers]
    return Accepted(offsets, operations, list(map(a_key, numbers)), list(map(record_of, numbers)))


def standing_stream(tx: Transaction, stream: Stream) -> Stream:
    """Return the stream as it stands, locked."""
    standing = tx.stream(stream.name, stream.direction, lock=True)
    assert standing is not None
    return standing


def settle(tx: Transaction, batch: StoredBatch, rejected: Sequence[int] = ()) -> None:
    """Store the receipt of a batch."""
    rejections = [Rejection(sequence, VIOLATION) for sequence in rejected]
    accepted = batch.record_count - len(rejections)
    receipt = a_signature(f"receipt {batch.epoch}/{batch.first_sequence}")
    tx.settle(batch, receipt, rejections, accepted=accepted, received_time=NOW)
