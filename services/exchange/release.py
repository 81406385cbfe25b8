"""Release: records that arrived under a newer version of their standard, once this node knows it.

They were accepted as they came, and nobody reads them, or anything after them on their stream, before they are
validated. What breaks a rule then was receipted long ago: it becomes a rejection of this city, its payload is deleted,
and an operator settles it with the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.domain.agreement import Agreement
from services.domain.batch import BatchHeader, Record, StoredBatch
from services.domain.course import Move
from services.domain.errors import Rejected
from services.domain.receipt import Violation
from services.domain.stream import Direction, Stream
from services.exchange.cases import Place, moves_of, take_steps
from services.exchange.deliver import written
from services.exchange.parts import Parts
from services.exchange.refuse import refuse_received
from services.exchange.verify import UNDECODABLE
from services.ports.gate import Passed
from services.ports.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """A batch that waits and can be validated now.

    Attributes:
        stream: Its stream.
        stored: The batch.
        header: Its header.
        fields: Fields that its agreement lets through.
        records: Its records by offset; rejected and deleted ones are empty.
    """

    stream: Stream
    stored: StoredBatch
    header: BatchHeader
    fields: Sequence[str]
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """What validating a held batch said.

    Attributes:
        refused: What is wrong, by offset.
        moves: What the records that passed say of cases, by sequence.
    """

    refused: Mapping[int, Violation]
    moves: Mapping[int, Move]


@dataclass(slots=True)
class Released:
    """What was released.

    Attributes:
        batches: Batches that were read.
        records: Records that passed.
        rejected: Records that this city refused now.
    """

    batches: int = 0
    records: int = 0
    rejected: int = 0


async def release_held(parts: Parts, store: Store) -> Released:
    """Validate and release whatever waits for a version that is known now, batch by batch.

    Raises:
        Unavailable: The store; what was released stays so, and a later call goes on.
    """
    released = Released()
    while held := await asyncio.to_thread(store.read, partial(next_held, parts=parts)):
        judged = await asyncio.to_thread(judge_held, parts, held)
        if await written(store.write(partial(release_batch, parts=parts, held=held, judged=judged))):
            released.batches += 1
            released.rejected += len(judged.refused)
            released.records += sum(bool(record.body) for record in held.records) - len(judged.refused)
    return released


def next_held(tx: Transaction, parts: Parts) -> HeldBatch | None:
    """Return the first held batch of a stream that can be validated now; None where there is none."""
    for stream in tx.streams(Direction.INBOUND):
        stored = tx.first_held(stream.id)
        if stored is None:
            continue
        header = parts.contents.header_from_bytes(stored.signed_header.content)
        if header.standard in parts.gate.standards(stream.name.dataset):
            return HeldBatch(stream, stored, header, _fields(tx.agreements(), header), tx.inbox_records(stored))
    return None


def judge_held(parts: Parts, held: HeldBatch) -> JudgedBatch:
    """Validate the records of a held batch. Needs no transaction."""
    refused: dict[int, Violation] = {}
    offsets: list[int] = []
    bodies: list[bytes] = []
    for offset, record in enumerate(held.records):
        if record.body:
            try:
                bodies.append(parts.codec.decode(record.body))
                offsets.append(offset)
            except Rejected:
                refused[offset] = UNDECODABLE
    dataset, standard = held.stream.name.dataset, held.header.standard
    verdicts = parts.inbox_gate.check(dataset, standard, bodies, fields=held.fields)
    refused |= {at: verdict for at, verdict in zip(offsets, verdicts, strict=True) if isinstance(verdict, Violation)}
    passed = (
        (held.header.first_sequence + offset, body)
        for offset, verdict, body in zip(offsets, verdicts, bodies, strict=True)
        if isinstance(verdict, Passed)
    )
    return JudgedBatch(refused, moves_of(parts, dataset, standard, passed))


def release_batch(tx: Transaction, parts: Parts, held: HeldBatch, judged: JudgedBatch) -> bool:
    """Let readers go on after a batch, but for the records that were refused; the others' cases take their steps.

    Returns:
        False when another process released it first; nothing was changed.
    """
    stream = tx.stream(held.stream.name, Direction.INBOUND, lock=True)
    if stream is None or tx.first_held(stream.id) != held.stored:
        return False
    refuse_received(tx, parts, stream, held.header, judged.refused)
    places = ((move, Place(None, held.header.epoch, sequence)) for sequence, move in judged.moves.items())
    take_steps(tx, parts, stream, list(places))
    tx.release(held.stored, refused=sorted(judged.refused))
    return True


def held_problem(tx: Transaction, parts: Parts, stream: Stream) -> str:
    """Say which version an inbound stream's records wait for, and which are known here; "" where none waits."""
    held = tx.first_held(stream.id)
    if held is None:
        return ""
    standard = parts.contents.header_from_bytes(held.signed_header.content).standard
    known = ", ".join(parts.gate.standards(stream.name.dataset))
    return f"records are held for standard {standard}, this node has {known}: upgrade it, then they are released"


def _fields(agreements: Sequence[Agreement], header: BatchHeader) -> Sequence[str]:
    """Return the fields of the agreement that a batch was sealed under, in force or not: it was when it came."""
    named = (header.agreement_id, header.agreement_version)
    return next((one.fields for one in agreements if (one.id, one.version) == named), ("*",))
