"""Filling: stores of two cities with many records, as they would stand after years of exchange, within minutes.

Everything is done by the use cases themselves and is real: submissions, sealed and signed batches, receipts, what
stands. Two things are left out, which leave nothing in a store: the gate, since the same records would pass it again
and again, and the network between both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar

from services.domain.batch import Batch, Signed
from services.domain.errors import Unavailable
from services.domain.merkle import record_leaves
from services.domain.outbox import OutboxRow
from services.domain.stream import Direction, Stream, StreamName
from services.domain.tags import BATCH
from services.exchange.apply import apply_batch
from services.exchange.seal import seal_pending
from services.exchange.settle import settle_receipts, verify_receipt
from services.exchange.submit import CheckedChunk, Chunk, OpenedSource, open_source, submit_chunk
from services.exchange.verify import VerifiedBatch
from services.node.bench.pair import Pair
from services.node.bench.records import BenchRecord, repeated
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI
from services.node.home import Home
from services.node.lock import NodeLock
from services.node.merging import merge_all
from services.node.node import Node, open_node
from services.node.output import say
from services.node.settings_file import load_settings
from services.ports.gate import Passed
from services.ports.store import Store, Transaction
from services.wire.bodies import content_of

T = TypeVar("T")

_STREAM: Final = StreamName(NANTONG.code, SHANGHAI.code, DATASET)
_SOURCE: Final = "bench:filling"
_UPSERT: Final = 1
"""``yrdx.types.v1.Operation``, as in `services.ports.gate.Passed`."""
_LEASE: Final = timedelta(hours=6)
_CHUNK_RECORDS: Final = 2_000
_STEP_RECORDS: Final = 20_000
_TOLD_RECORDS: Final = 1_000_000


class _Sender(NamedTuple):
    """The sending side while it is filled.

    Attributes:
        node: Its node.
        opened: The source that the records come from.
        fence: Fencing number of its lease.
    """

    node: Node
    opened: OpenedSource
    fence: int


def fill(pair: Pair, records: Sequence[BenchRecord], count: int) -> None:
    """Send records from store to store, and merge them into what stands.

    Args:
        pair: Two cities; no node serves, and nothing was sent yet.
        records: The first ones; then the same under keys of other people.
        count: How many.
    """
    with _opened(pair.sender) as sending, _opened(pair.receiver) as receiving:
        sender = _sender(sending)
        _do(receiving.store, lambda tx: tx.add_stream(Stream(0, _STREAM, Direction.INBOUND)))
        for first in range(0, count, _STEP_RECORDS):
            step = list(repeated(records, first, min(_STEP_RECORDS, count - first)))
            _submit(sender, step, first)
            _deliver(sender, receiving, step)
            if first and not first % _TOLD_RECORDS:
                say(f"已填充 {first:,} 条 · filled")
        asyncio.run(merge_all(sending.store))
        _do(sending.store, lambda tx: tx.release_lease(sender.opened.stream.id, _SOURCE))


def come_to_rest(home: Home) -> float:
    """Merge what waits in a city's store, as its node does when nothing comes any more.

    Args:
        home: No node serves it.

    Returns:
        Seconds that merging took.
    """
    with _opened(home) as node:
        begun = time.perf_counter()
        asyncio.run(merge_all(node.store))
        return time.perf_counter() - begun


@contextmanager
def _opened(home: Home) -> Iterator[Node]:
    with NodeLock(home), open_node(home, load_settings(home)) as node:
        yield node


def _sender(node: Node) -> _Sender:
    parts = node.parts
    opened = _do(node.store, lambda tx: open_source(tx, parts, _STREAM, _SOURCE, label=_SOURCE, again=False))
    now = parts.clock.now()
    fence = _do(node.store, lambda tx: tx.take_lease(opened.stream.id, _SOURCE, now=now, until=now + _LEASE))
    if fence is None:
        raise Unavailable(f"another process sends {_STREAM}: stop its node")
    return _Sender(node, opened, fence)


def _submit(sender: _Sender, step: Sequence[BenchRecord], first: int) -> None:
    parts, opened = sender.node.parts, sender.opened
    for start in range(0, len(step), _CHUNK_RECORDS):
        some = step[start : start + _CHUNK_RECORDS]
        after = first + start
        salts = parts.random.salts(len(some))
        rows = [
            OutboxRow(position, record.key, salt, parts.codec.encode(record.body), content_of(record.body))
            for position, (record, salt) in enumerate(zip(some, salts, strict=True), after + 1)
        ]
        checked = CheckedChunk(Chunk(after, after + len(some), ()), rows, {}, (), ())
        _do(sender.node.store, partial(submit_chunk, parts=parts, opened=opened, checked=checked))


def _deliver(sender: _Sender, receiver: Node, step: Sequence[BenchRecord]) -> None:
    """Seal, apply and settle what was submitted."""
    parts, store, rest = sender.node.parts, sender.node.store, list(step)
    seal = partial(seal_pending, parts=parts, name=_STREAM, fence=sender.fence, batches_max=len(step))
    while batches := _do(store, seal):
        verified = []
        for batch in batches:
            passed = [Passed(_UPSERT, record.key, 0) for record in rest[: len(batch.records)]]
            verified.append(_verified(receiver, batch, passed))
            del rest[: len(batch.records)]
        receipts = [verify_receipt(parts, _STREAM, signed) for signed in _applied(receiver, verified)]
        _do(store, partial(settle_receipts, parts=parts, name=_STREAM, fence=sender.fence, receipts=receipts))


def _verified(receiver: Node, batch: Batch, passed: Sequence[Passed]) -> VerifiedBatch:
    digest = receiver.parts.digests[batch.header.hash_algorithm]
    leaves = b"".join(record_leaves(batch.header.first_sequence, batch.records, digest))
    return VerifiedBatch(batch, digest(BATCH + batch.signed_header.content), leaves, passed, False, {})


def _applied(receiver: Node, verified: Sequence[VerifiedBatch]) -> Sequence[Signed]:
    """Apply batches in one transaction and return their receipts."""

    def work(tx: Transaction) -> list[Signed]:
        applied = [apply_batch(tx, receiver.parts, one) for one in verified]
        return [one.receipt for one in applied if one.receipt is not None]

    return _do(receiver.store, work)


def _do(store: Store, work: Callable[[Transaction], T]) -> T:
    return store.write(work).result()
