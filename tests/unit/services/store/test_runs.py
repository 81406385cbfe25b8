from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.store import runs
from services.store.runs import Run

OWNER = 1 << 20
ids = st.lists(st.integers(0, 3 * OWNER), unique=True)
near = st.sets(st.one_of(st.integers(0, 40), st.integers(OWNER - 20, OWNER + 20)))


@given(ids)
def test_runs_keep_ids_and_their_order(wanted: list[int]) -> None:
    """Grouping ids into runs and back changes nothing, also through a column."""
    grouped = runs.runs_of(wanted)
    assert list(runs.ids_of(runs.unpack(runs.pack(grouped)))) == wanted


@given(near)
def test_runs_are_as_few_as_owners_allow(wanted: set[int]) -> None:
    """Rising ids give one run for each gap and each owner."""
    rising = sorted(wanted)
    breaks = sum(1 for a, b in pairwise(rising) if b != a + 1 or b == OWNER)
    assert len(runs.runs_of(rising)) == (breaks + 1 if rising else 0)


@given(near, near)
def test_without_is_the_difference(held: set[int], taken: set[int]) -> None:
    """Taking runs out of runs leaves exactly the other ids, rising."""
    remaining = runs.without(runs.runs_of(sorted(held)), runs.runs_of(sorted(taken)))
    assert list(runs.ids_of(remaining)) == sorted(held - taken)


@given(st.integers(1, 1 << 40), st.integers(0, OWNER - 1))
def test_an_id_says_its_owner_and_offset(owner: int, offset: int) -> None:
    """Owner and offset of an id are those it was made of."""
    record_id = runs.first_id(owner) + offset
    assert (Run(record_id, 1).owner, runs.offset_of(record_id)) == (owner, offset)
    assert runs.first_id_beside(record_id) == runs.first_id(owner)


def test_the_parameter_is_first_and_last() -> None:
    """Databases get closed ranges as JSON."""
    assert runs.to_parameter([Run(5, 3), Run(9, 1)]) == "[[5, 7], [9, 9]]"
