"""`yrdx bench mapping`: every mapping, both directions, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from adapters.mapping import Mapping, find_mappings, load_mapping
from adapters.samples import DATASETS, sample_rows
from services.node.output import say
from services.node.system import spare_collector

_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class MappingBench:
    """What was measured of one mapping; the best round counts, since whatever else the machine does only slows down.

    Attributes:
        dialect: Dialect.
        dataset: Dataset.
        rows: Rows a round.
        records: Records a round; fewer than rows where several rows are one.
        to_standard_per_s: Rows per second from the dialect to the standard.
        from_standard_per_s: Rows per second from the standard to the dialect.
        floor_per_s: Rows per second of the floor: the same messages serialised and parsed by protobuf.
    """

    dialect: str
    dataset: str
    rows: int
    records: int
    to_standard_per_s: int
    from_standard_per_s: int
    floor_per_s: int


def bench_mapping(*, records: int, rounds: int) -> list[dict[str, Any]]:
    """Measure every mapping that has samples.

    Args:
        records: Invented people of each.
        rounds: Rounds.
    """
    measured = []
    for dialect, dataset in find_mappings():
        if dataset in DATASETS:
            found = _measure(load_mapping(dialect, dataset), records, rounds)
            say(f"{dialect}/{dataset}: {found.to_standard_per_s:,}/s → {found.from_standard_per_s:,}/s ←")
            measured.append(asdict(found))
    return measured


def _measure(mapping: Mapping, people: int, rounds: int) -> MappingBench:
    rows = sample_rows(mapping.dataset, mapping.dialect, seed=_SEED, people=people, bad_rows=0).rows
    groups = [[list(row.cells) for row in group.rows] for group in mapping.gather(map(_Cells, rows), lambda _: False)]
    messages = [mapping.to_standard_rows(group).message for group in groups]
    spare_collector()
    count = len(rows)
    if mapping.grouped:
        read = _best(lambda: _all(mapping.to_standard_rows, groups), rounds)
        written = _best(lambda: _all(mapping.from_standard_rows, messages), rounds)
    else:
        flat = [group[0] for group in groups]
        read = _best(lambda: _all(mapping.to_standard, flat), rounds)
        written = _best(lambda: _all(mapping.from_standard, messages), rounds)
    parse = mapping.message_type.FromString
    floor = _best(lambda: _all(lambda message: parse(message.SerializeToString()), messages), rounds)
    per_s = [round(count / elapsed_s) for elapsed_s in (read, written, floor)]
    return MappingBench(mapping.dialect, mapping.dataset, count, len(messages), *per_s)


class _Cells:
    """A row for `Mapping.gather`."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.cells = cells


def _all(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    for item in items:
        work(item)


def _best(work: Callable[[], None], rounds: int) -> float:
    """Return the shortest processor time of some rounds, s."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)
