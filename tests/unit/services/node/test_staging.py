"""Staging: a source's records between the two passes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from services.node.sync.staging import BUCKETS, Repeats, Staged, Staging


def key(text: str) -> bytes:
    """Return a business key."""
    return sha256(text.encode()).digest()[:16]


def staged(row: int, subject: str, says: str, *, rows: int = 1, notes: tuple[str, ...] = ()) -> Staged:
    """Return a record."""
    return Staged(row, rows, key(subject), sha256(says.encode()).digest()[:8], says.encode(), notes)


def repeats_of(folder: Path, records: Iterable[Staged]) -> Repeats:
    """Stage records and find the repeated ones."""
    with Staging(folder) as staging:
        staging.add(list(records))
        return staging.repeats()


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """The spool gives what it was given, and leaves no file behind."""
    given_ = [
        staged(row, str(row), "x" * row, rows=row % 3 + 1, notes=("trimmed",) * (row % 2)) for row in range(2, 50)
    ]
    with Staging(tmp_path) as staging:
        staging.add(given_[:20])
        staging.add(given_[20:])
        assert list(staging.records()) == given_
        assert staging.count == len(given_)
    assert list(tmp_path.iterdir()) == []


def test_buckets_rise_with_their_keys(tmp_path: Path) -> None:
    """Every key stands in the bucket of its number, so that buckets can be compared with a sorted list."""
    with Staging(tmp_path) as staging:
        staging.add([staged(row, str(row), "x") for row in range(1, 500)])
        buckets = list(staging.buckets())
    assert len(buckets) == BUCKETS
    assert all(Staging.bucket_of(entry.key) == number for number, bucket in enumerate(buckets) for entry in bucket)
    assert sorted(entry.row for bucket in buckets for entry in bucket) == list(range(1, 500))


def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    """The first stays, the others are duplicates."""
    found = repeats_of(tmp_path, (staged(row, "same", "same") for row in (2, 5, 9)))
    assert [row for row in range(10) if row in found.duplicates] == [5, 9]
    assert found.duplicates.count == 2
    assert found.conflicts == {}


def test_the_same_key_with_other_content_names_both_rows(tmp_path: Path) -> None:
    """Each row of a conflict is named with another one."""
    rows = ((2, "one"), (3, "alone"), (7, "two"), (8, "one"))
    found = repeats_of(tmp_path, (staged(row, "other" if row == 3 else "same", says) for row, says in rows))
    assert found.conflicts == {2: 7, 7: 2, 8: 7}
    assert found.duplicates.count == 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), max_size=40))
def test_every_row_is_single_duplicate_or_conflict(rows: list[tuple[str, str]]) -> None:
    """What is left after duplicates and conflicts has each key once, and no content is lost silently."""
    with TemporaryDirectory() as folder:
        found = repeats_of(Path(folder), (staged(row, *record) for row, record in enumerate(rows, 1)))
    left = [row for row in enumerate(rows, 1) if row[0] not in found.duplicates and row[0] not in found.conflicts]
    assert len({subject for _, (subject, _) in left}) == len(left)
    for number, (subject, _) in enumerate(rows, 1):
        contents = {says for other, says in rows if other == subject}
        assert (number in found.conflicts) == (len(contents) > 1)
