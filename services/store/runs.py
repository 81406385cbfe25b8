"""Runs of record ids: how a batch says which records it holds, and what of a submission is still pending.

Ids of one submission are contiguous, so a batch of a thousand records is one or two runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import Final, NamedTuple

from services.store.tables import OFFSET_BITS

_RUN: Final = Struct(">QI")
_OWNER: Final = (1 << OFFSET_BITS) - 1


class Run(NamedTuple):
    """Contiguous rising ids."""

    first: int
    size: int

    @property
    def end(self) -> int:
        """The id after the last one."""
        return self.first + self.size

    @property
    def owner(self) -> int:
        """The submission or batch whose records these are."""
        return self.first >> OFFSET_BITS


def first_id(owner: int) -> int:
    """Return the id of the first record of a submission or batch."""
    return owner << OFFSET_BITS


def first_id_beside(record_id: int) -> int:
    """Return the id of the first record that has the same owner."""
    return record_id & ~_OWNER


def offset_of(record_id: int) -> int:
    """Return a record's offset in its submission or batch."""
    return record_id & _OWNER


def runs_of(ids: Iterable[int]) -> list[Run]:
    """Group ids, in the order given, into runs that never cross an owner."""
    runs: list[Run] = []
    first = end = -1
    for record_id in ids:
        if record_id != end or not record_id & _OWNER:
            if end > first:
                runs.append(Run(first, end - first))
            first = record_id
        end = record_id + 1
    if end > first:
        runs.append(Run(first, end - first))
    return runs


def ids_of(runs: Iterable[Run]) -> Iterator[int]:
    """Return the ids of runs, in order."""
    return chain.from_iterable(range(run.first, run.end) for run in runs)


def without(held: Iterable[Run], taken: Sequence[Run]) -> list[Run]:
    """Return what remains of some runs when others are taken out; both must be rising."""
    remaining: list[Run] = []
    place = 0
    for run in held:
        start = run.first
        while place < len(taken) and taken[place].end <= start:
            place += 1
        for cut in taken[place:]:
            if cut.first >= run.end:
                break
            if cut.first > start:
                remaining.append(Run(start, cut.first - start))
            start = cut.end
        if start < run.end:
            remaining.append(Run(start, run.end - start))
    return remaining


def pack(runs: Iterable[Run]) -> bytes:
    """Serialise runs for a column: u64be first id, u32be count, each."""
    return b"".join([_RUN.pack(*run) for run in runs])


def unpack(content: bytes) -> list[Run]:
    """Read runs from a column."""
    return [Run(*fields) for fields in _RUN.iter_unpack(content)]


def to_parameter(runs: Iterable[Run]) -> str:
    """Write runs as JSON ``[[first, last], …]``: one parameter for any number of them."""
    return json.dumps([[run.first, run.end - 1] for run in runs])
