from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.node.sync.staging import Staging


def key(text: str) -> bytes:
    """Return a business key."""
    return sha256(text.encode()).digest()[:16]


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    """The spool gives what it was given, and leaves no file behind."""
    with Staging(tmp_path) as staging:
        for row in range(2, 50):
            staging.add(row, key(str(row)), b"body" * row)
        assert list(staging.rows()) == [(row, b"body" * row) for row in range(2, 50)]
    assert list(tmp_path.iterdir()) == []


def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    """The first stays, the others are duplicates."""
    with Staging(tmp_path) as staging:
        for row in (2, 5, 9):
            staging.add(row, key("same"), b"same")
        found = staging.repeats()
    assert found.duplicates == {5, 9}
    assert found.conflicts == {}


def test_the_same_key_with_other_content_names_both_rows(tmp_path: Path) -> None:
    """Each row of a conflict is named with another one."""
    with Staging(tmp_path) as staging:
        for row, body in ((2, b"one"), (3, b"alone"), (7, b"two"), (8, b"one")):
            staging.add(row, key("other" if row == 3 else "same"), body)
        found = staging.repeats()
    assert found.conflicts == {2: 7, 7: 2, 8: 7}
    assert found.duplicates == frozenset()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), max_size=40))
def test_every_row_is_single_duplicate_or_conflict(rows: list[tuple[str, str]]) -> None:
    """What is left after duplicates and conflicts has each key once, and no content is lost silently."""
    with Staging(Path("/tmp")) as staging:
        for number, (subject, body) in enumerate(rows):
            staging.add(number, key(subject), body.encode())
        found = staging.repeats()
    left = [row for number, row in enumerate(rows) if number not in found.duplicates and number not in found.conflicts]
    assert len({subject for subject, _ in left}) == len(left)
    for number, (subject, _) in enumerate(rows):
        contents = {body for other, body in rows if other == subject}
        assert (number in found.conflicts) == (len(contents) > 1)
