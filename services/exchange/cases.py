"""Cases: records of a dataset with a course move a case, at both cities, in the transaction that keeps the record.

What this city submits and what a partner sends meet in one case, so a step is judged by what both have said. The
receiver's verdict holds: a record that is refused there takes its step back here (`answer_steps`). For a dataset
without a course every function here does nothing and asks the store nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.domain.batch import StoredBatch
from services.domain.case import Case, StepRecord, case_digest, case_state
from services.domain.course import Course, Move
from services.domain.receipt import Rejection, Violation
from services.domain.stream import Stream, StreamName
from services.exchange.parts import Parts
from services.ports.store import Transaction


class Place(NamedTuple):
    """Where the record of a move stands, as in `services.domain.case.StepRecord`."""

    record_id: int | None = None
    epoch: int = 0
    sequence: int = 0


def moves_of(parts: Parts, dataset: str, standard: str, bodies: Iterable[tuple[int, bytes]]) -> dict[int, Move]:
    """Return what records say of cases, by whatever names them. Needs no transaction.

    Args:
        parts: Ports.
        dataset: Dataset of the stream.
        standard: Version of its standard.
        bodies: (name, body through no codec) of records that passed the gate; read only where there is a course.
    """
    if parts.courses.course(dataset) is None:
        return {}
    named = dict(bodies)
    return dict(zip(named, parts.courses.moves(dataset, standard, list(named.values())), strict=True))


def impossible_steps(
    tx: Transaction, parts: Parts, name: StreamName, moves: Mapping[int, Move]
) -> dict[int, Violation]:
    """Return which records of a stream say what their case cannot do.

    Args:
        tx: Transaction; the cases stay locked in it.
        parts: Ports.
        name: Their stream, of either direction.
        moves: In the order of the records, by whatever names them.

    Returns:
        Violations by the names; those that follow a refused record are judged without it.
    """
    course = _course(parts, name)
    if course is None or not moves:
        return {}
    cases = _held(tx, parts, name, moves.values())
    standing = {number: case.standing() for number, case in cases.items()}
    refused: dict[int, Violation] = {}
    for place, move in _in_course(moves):
        violation = course.refusal(standing[move.number], move, name.from_city)
        if violation is None:
            standing[move.number] = course.after(standing[move.number], move, name.from_city)
        else:
            refused[place] = violation
    return refused


def _in_course(moves: Mapping[int, Move]) -> Sequence[tuple[int, Move]]:
    """Return what one run says in the order in which a case takes its steps: a table is read in the order of its keys.

    Where something is taken back, the order of the records counts.
    """
    if any(move.retracts for move in moves.values()):
        return list(moves.items())
    return sorted(moves.items(), key=lambda item: item[1].step)


def take_steps(tx: Transaction, parts: Parts, stream: Stream, placed: Sequence[tuple[Move, Place]]) -> None:
    """Keep what accepted records say of their cases, once each."""
    course = _course(parts, stream.name)
    if course is None or not placed:
        return
    cases = _held(tx, parts, stream.name, (move for move, _ in placed))
    added: dict[str, list[StepRecord]] = defaultdict(list)
    for move, place in placed:
        record = StepRecord(move.step, move.day, move.retracts, stream.name.from_city, stream.id, *place)
        added[move.number].append(record)
    for number, records in added.items():
        case = cases[number]
        tx.add_step_records(case.id, records)
        _put(tx, course, replace(case, number=number, records=(*case.records, *records)))


def answer_steps(
    tx: Transaction, parts: Parts, name: StreamName, batch: StoredBatch, rejections: Sequence[Rejection]
) -> None:
    """Let the receiver's answer to a batch of ours count: its steps have their sequences, refused ones are taken back.

    Called before the answer itself is stored: whoever submits locks cases before sources, too.
    """
    course = _course(parts, name)
    if course is not None:
        for case in tx.answer_step_records(batch, {one.sequence for one in rejections}):
            _put(tx, course, case)


def void_steps(tx: Transaction, parts: Parts, stream: Stream, epoch: int) -> None:
    """Take back the steps of an epoch's unacknowledged batches, which are declared undeliverable."""
    course = _course(parts, stream.name)
    after = 0
    while course is not None:
        page = tx.unacknowledged(stream.id, epoch, after_sequence=after, limit=64)
        if not page:
            return
        for batch in page:
            for case in tx.answer_step_records(batch, range(batch.first_sequence, batch.last_sequence + 1)):
                _put(tx, course, case)
            after = batch.first_sequence


def drop_steps(tx: Transaction, parts: Parts, stream: Stream, record_ids: Collection[int]) -> None:
    """Forget records that were submitted again after a restore: the ones that were sent before it tell the same."""
    course = _course(parts, stream.name)
    if course is not None and record_ids:
        for case in tx.drop_step_records(stream.id, record_ids):
            _put(tx, course, case)


def _course(parts: Parts, name: StreamName) -> Course | None:
    """What cases may do that a stream's records tell; a city's own register is told to nobody and tells none."""
    return None if name.is_register else parts.courses.course(name.dataset)


def _held(tx: Transaction, parts: Parts, name: StreamName, moves: Iterable[Move]) -> dict[str, Case]:
    """Return cases by their numbers, locked."""
    partner = name.to_city if name.from_city == parts.city else name.from_city
    digests = {move.number: case_digest(move.number, parts.digests["SHA256"]) for move in moves}
    held = tx.hold_cases(name.dataset, partner, digests.values())
    return {number: held[digest] for number, digest in digests.items()}


def _put(tx: Transaction, course: Course, case: Case) -> None:
    """Keep what follows from a case's records; without any, nothing of it is kept."""
    standing = case.standing()
    started = course.clock_start(standing)
    number = case.number if case.records else ""
    clock_day = started[1] if started else None
    tx.put_case(replace(case, number=number, state=case_state(course, standing), clock_day=clock_day))
