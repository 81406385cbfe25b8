"""Runs of rows become records or are refused: here at first, and beside in worker processes once there are many."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar

from adapters.mapping import Mapping
from adapters.tables import BadRow, Row
from services.node.sync.mapping_run import Answer, Question, Rejection, RunMapper, joined
from services.node.sync.reading import AnyRow, RowsOfRecord, RunOfRows
from services.node.sync.staging import Staged
from services.node.sync.submission import Told
from services.node.workers import WorkerPool

S = TypeVar("S")
T = TypeVar("T")

_HERE_RUNS: Final = 20
"""Runs that are mapped here: fewer are done before a worker has loaded what it needs."""
_WORKERS_MAX: Final = 3
_AHEAD: Final = 2
"""Runs that wait for each worker."""


class Refused(NamedTuple):
    """Rows that become no record.

    Attributes:
        told: The wrong row, and why.
        rows: Every row that would have been the record.
    """

    told: Told
    rows: Sequence[AnyRow]


class Mapped(NamedTuple):
    """What became of a run.

    Attributes:
        records: By rising row.
        refused: By rising row.
        rows: Rows of the run.
        last_row: Number of the last one.
    """

    records: list[Staged]
    refused: list[Refused]
    rows: int
    last_row: int


def map_runs(runs: Iterator[RunOfRows], mapper: RunMapper, mapping: Mapping) -> Iterator[tuple[RunOfRows, Mapped]]:
    """Map runs in their order.

    Args:
        runs: Read from a source; some are read ahead of the one that is yielded.
        mapper: Maps here.
        mapping: The city's dialect.

    Raises:
        Unavailable: Worker processes end at once.
    """
    for run in islice(runs, _HERE_RUNS):
        yield run, map_run(run, mapper, mapper.answer)
    more = next(runs, None)
    if more is None:
        return
    workers = min(_WORKERS_MAX, os.cpu_count() or 1)
    arguments = (mapping.dialect, mapping.dataset)
    with (
        WorkerPool("services.node.sync.mapping_run", arguments, workers=workers) as pool,
        ThreadPoolExecutor(workers) as threads,
    ):

        def beside(run: RunOfRows) -> tuple[RunOfRows, Mapped]:
            return run, map_run(run, mapper, lambda question: Answer(*pool.ask(tuple(question))))

        yield from in_order(threads, beside, chain((more,), runs), ahead=_AHEAD * workers)


def in_order(threads: ThreadPoolExecutor, work: Callable[[S], T], items: Iterable[S], *, ahead: int) -> Iterator[T]:
    """Yield what work makes of items, in their order, with a bounded number under way."""
    waiting: deque[Future[T]] = deque()
    for item in items:
        waiting.append(threads.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def map_run(run: RunOfRows, mapper: RunMapper, ask: Callable[[Question], Answer]) -> Mapped:
    """Map one run.

    Args:
        run: Its rows.
        mapper: Knows whose rows are that cannot be mapped.
        ask: Answers for those that can.
    """
    records = [_record(one) for one in run.records]
    good = [one for one in records if one.problem is None and all(type(row) is Row for row in one.rows)]
    rows = [row for one in good for row in one.rows if isinstance(row, Row)]
    sizes = [] if len(rows) == len(good) == len(run.records) else [len(one.rows) for one in good]
    answer = ask(Question([joined(row) for row in rows], sizes))
    staged, refused = _staged(good, answer), [_not_mapped(good[n], why) for n, why in answer.refused.items()]
    if len(good) < len(records):
        known = {id(one) for one in good}
        refused += [_unreadable(one, mapper) for one in records if id(one) not in known]
        refused.sort(key=lambda one: one.told.position)
    return Mapped(staged, refused, sum(len(one.rows) for one in records), records[-1].rows[-1].number)


def _record(one: AnyRow | RowsOfRecord) -> RowsOfRecord:
    return one if isinstance(one, RowsOfRecord) else RowsOfRecord([one], None)


def _staged(good: Sequence[RowsOfRecord], answer: Answer) -> list[Staged]:
    mapped = iter(zip(answer.keys, answer.contents, answer.messages, strict=True))
    staged = []
    for number, one in enumerate(good):
        if number not in answer.refused:
            key, content, message = next(mapped)
            notes = _notes(one, answer.normalisations.get(number, ()))
            staged.append(Staged(one.rows[0].number, len(one.rows), key, content, message, notes))
    return staged


def _notes(one: RowsOfRecord, mapped: tuple[str, ...]) -> tuple[str, ...]:
    read = [note for row in one.rows if isinstance(row, Row) for note in row.normalisations]
    return tuple(dict.fromkeys((*read, *mapped))) if read else mapped


def _not_mapped(one: RowsOfRecord, why: Rejection) -> Refused:
    row, column, field_path, rule_id, reason, key = why
    return Refused(Told(one.rows[row].number, column, field_path, rule_id, reason, key), one.rows)


def _unreadable(one: RowsOfRecord, mapper: RunMapper) -> Refused:
    """A row that is none, or rows that must not be put together."""
    key = mapper.subject([row.cells for row in one.rows])
    wrong = next((row for row in one.rows if isinstance(row, BadRow)), None)
    if wrong is not None:
        return Refused(Told(wrong.number, wrong.column, "", wrong.rule_id, wrong.reason, key), one.rows)
    error = one.problem
    if error is None:
        raise AssertionError("a record without a bad row and without a problem is mapped")
    told = Told(one.rows[error.row].number, error.column, error.field, error.rule_id, error.reason, key)
    return Refused(told, one.rows)
