"""Retell: cases of records that stood before this node followed cases.

After an upgrade, or once a standard declares a course, the records of a dataset tell cases that nobody kept. They are
told once, when the node starts: otherwise the next step of a case that runs would be refused as its first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from services.domain.course import Move
from services.domain.stream import Direction, Stream
from services.exchange.cases import Place, moves_of, take_steps
from services.exchange.parts import Parts
from services.ports.gate import Passed
from services.ports.store import Transaction

_AT_ONCE: Final = 1_000
_ALL: Final = 1 << 20
_Told = tuple[Place, bytes]


def retell_cases(tx: Transaction, parts: Parts) -> int:
    """Tell the cases of every stream of which no record tells one yet; a second call finds nothing to do.

    Nothing is judged: what both cities hold was accepted.

    Returns:
        How many records were told.
    """
    datasets = set(parts.courses.datasets)
    return sum(
        _retell(tx, parts, stream)
        for stream in tx.streams()
        if stream.name.dataset in datasets and not (stream.name.is_register or tx.has_step_records(stream.id))
    )


def _retell(tx: Transaction, parts: Parts, stream: Stream) -> int:
    told = _received(tx, stream) if stream.direction is Direction.INBOUND else _sent(tx, stream)
    count = 0
    while some := list(islice(told, _AT_ONCE)):
        placed = list(_moves(parts, stream.name.dataset, some))
        take_steps(tx, parts, stream, placed)
        count += len(placed)
    return count


def _received(tx: Transaction, stream: Stream) -> Iterator[_Told]:
    last = tx.last_record_id(stream.id)
    for one in tx.iterate_records(stream.id, upto_id=last, latest_only=False):
        yield Place(None, one.epoch, one.sequence), one.body


def _sent(tx: Transaction, stream: Stream) -> Iterator[_Told]:
    """What was accepted, what is under way, and what is not sealed yet."""
    for epoch, sequence, record in tx.outbox_bodies(stream.id):
        yield Place(None, epoch, sequence), record.body
    for batch in tx.unacknowledged(stream.id, stream.position.epoch, after_sequence=0, limit=_ALL):
        for record_id, record in zip(tx.sealed_record_ids(batch), tx.sealed_records(batch), strict=True):
            yield Place(record_id), record.body
    for row in tx.pending(stream.id, records_max=_ALL):
        yield Place(row.id), row.record.body


def _moves(parts: Parts, dataset: str, told: Iterable[_Told]) -> Iterator[tuple[Move, Place]]:
    """Read records whose payload is still there, by the newest standard: it reads those of older ones as well."""
    kept = [(place, parts.codec.decode(body)) for place, body in told if body]
    standard = parts.gate.standards(dataset)[-1]
    verdicts = parts.gate.check(dataset, standard, [body for _, body in kept])
    passed = {number: kept[number][1] for number, verdict in enumerate(verdicts) if isinstance(verdict, Passed)}
    for number, move in moves_of(parts, dataset, standard, passed.items()).items():
        yield move, kept[number][0]
