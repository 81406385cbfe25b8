from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from services.domain.standing import Unmerged
from services.node.merging import FILLING_RECORDS, FILLING_UNMERGED_MAX, UNMERGED_MAX, merge_grown


@dataclass
class GrownStore:
    """A store whose streams have records that were not merged."""

    waiting: dict[int, int]

    def read(self, work: Callable[[Any], Any]) -> Any:
        """Run a work."""
        return work(self)

    def write(self, work: Callable[[Any], Any]) -> Future[Any]:
        """Run a work and resolve."""
        done: Future[Any] = Future()
        done.set_result(work(self))
        return done

    def unmerged(self) -> dict[int, int]:
        """Return what waits."""
        return {stream: count for stream, count in self.waiting.items() if count}

    def unmerged_words(self, stream_id: int, *, records_max: int) -> Unmerged:
        """Say how much a pass takes; what is in it does not matter here."""
        return Unmerged(min(records_max, self.waiting[stream_id]), ())

    def mark_merged(self, stream_id: int, *, upto: int) -> int:
        """End a pass."""
        self.waiting[stream_id] -= upto
        return self.waiting[stream_id]


FULL, FILLING, EVEN_SO = UNMERGED_MAX, FILLING_RECORDS, FILLING_UNMERGED_MAX


@pytest.mark.parametrize(
    ("waited", "waits", "left"),
    [
        (0, 0, 0),
        (FULL, FULL, FULL),
        (FULL, FULL + 1, 0),
        (FULL, FULL + FILLING - 1, 0),
        (FULL, FULL + FILLING, FULL + FILLING),
        (FULL, EVEN_SO, EVEN_SO),
        (FULL, EVEN_SO + 1, 1),
        (FULL, EVEN_SO + FULL, FULL),
    ],
)
async def test_a_stream_that_has_grown_is_merged_once_it_rests(waited: int, waits: int, left: int) -> None:
    """By passes, until no more waits than may; one that has not grown, or that a sync is filling, is left alone."""
    store = GrownStore({1: waits, 2: 50})
    seen = await merge_grown(store, {1: waited})  # type: ignore[arg-type]  # it asks no more of a store
    assert store.waiting == {1: left, 2: 50}
    assert seen.get(1, 0) == waits
