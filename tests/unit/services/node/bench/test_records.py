from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.node.bench.records import BenchRecord, repeated
from yrdx.social.v1.contribution_pb2 import Contribution

GIVEN = [BenchRecord(b"key %012d" % number, Contribution(), b"body %d" % number) for number in range(5)]


@given(first=st.integers(0, 50), count=st.integers(0, 50))
def test_a_run_of_repeated_records_is_a_part_of_one_endless_row(first: int, count: int) -> None:
    """Whatever the steps it is taken in: a fill in steps is the fill at once."""
    assert list(repeated(GIVEN, first, count)) == list(repeated(GIVEN, 0, first + count))[first:]


def test_keys_are_each_a_subject_of_its_own() -> None:
    """The given records come first, under their own keys."""
    row = list(repeated(GIVEN, 0, 1_000))
    assert row[:5] == GIVEN
    assert len({record.key for record in row}) == 1_000
    assert {len(record.key) for record in row} == {16}
