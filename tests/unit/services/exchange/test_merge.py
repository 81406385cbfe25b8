from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.domain.errors import Unavailable
from services.domain.standing import Unmerged
from services.exchange.merge import PASS_RECORDS, STEP_RECORDS, merge_pass

STREAM, UPTO, LEFT = 3, 17, 250


@dataclass
class WordsStore:
    """A store with words to merge; it is gone after so many works."""

    words: list[bytes]
    works: int = 1_000
    merged: list[list[bytes]] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)

    def write(self, work: Callable[[Any], Any]) -> Future[Any]:
        """Run a work and resolve."""
        done: Future[Any] = Future()
        self.works -= 1
        if self.works < 0:
            done.set_exception(Unavailable("the store is gone"))
        else:
            done.set_result(work(self))
        return done

    def unmerged_words(self, stream_id: int, *, records_max: int) -> Unmerged:
        """Return what waits."""
        assert (stream_id, records_max) == (STREAM, PASS_RECORDS)
        return Unmerged(UPTO, self.words)

    def merge_words(self, stream_id: int, words: list[bytes], *, upto: int) -> None:
        """Keep a step."""
        assert (stream_id, upto) == (STREAM, UPTO)
        self.merged.append(words)

    def mark_merged(self, stream_id: int, *, upto: int) -> int:
        """Keep the end."""
        self.marked.append(upto)
        return LEFT


def words(count: int) -> list[bytes]:
    """Make words, the last key first."""
    return [b"%032d" % number for number in range(count, 0, -1)]


@pytest.mark.parametrize(("count", "steps"), [(0, 0), (1, 1), (STEP_RECORDS, 1), (2 * STEP_RECORDS + 1, 3)])
async def test_a_pass_merges_every_word_in_the_order_of_keys(count: int, steps: int) -> None:
    """In steps of bounded size, each a transaction of its own; the submissions are marked at the end."""
    store = WordsStore(words(count))
    assert await merge_pass(store, STREAM) == LEFT  # type: ignore[arg-type]  # it asks no more of a store
    assert [word for step in store.merged for word in step] == sorted(store.words)
    assert (len(store.merged), store.marked) == (steps, [UPTO])
    assert max(map(len, store.merged), default=0) <= STEP_RECORDS


async def test_a_pass_that_is_cut_off_marks_nothing() -> None:
    """What it merged is merged once more by the next one."""
    store = WordsStore(words(2 * STEP_RECORDS), works=2)
    with pytest.raises(Unavailable):
        await merge_pass(store, STREAM)  # type: ignore[arg-type]
    assert (len(store.merged), store.marked) == (1, [])
