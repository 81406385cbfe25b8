"""Versions of standards: who understands whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.standard import StandardVersion, newest_before, newest_included, share_major

versions = st.builds(StandardVersion, st.integers(1, 9999), st.integers(0, 9999))


@given(versions)
def test_a_version_is_read_as_it_is_written(version: StandardVersion) -> None:
    """One text a version, one version a text."""
    assert StandardVersion.parse(str(version)) == version


@pytest.mark.parametrize("text", ["", "0", "01", "1.0", "1.01", "1.1.1", "1.", ".1", "v1", " 1", "１", "10000", "-1"])
def test_any_other_text_is_no_version(text: str) -> None:
    """There is no second way to write one: agreements and headers compare them as they stand."""
    with pytest.raises(ValueError, match="version"):
        StandardVersion.parse(text)


@given(versions, versions)
def test_one_of_two_compatible_versions_includes_the_other(one: StandardVersion, other: StandardVersion) -> None:
    """Within a major version the later one says all that the earlier one can; across them nobody does."""
    assert (one.includes(other) or other.includes(one)) == (one.major == other.major)
    assert one.includes(one)


@pytest.mark.parametrize(
    ("agreed", "known", "spoken"),
    [
        ("1", ["1"], "1"),
        ("1", ["1", "1.1"], "1"),
        ("1.1", ["1"], "1"),
        ("1.1", ["1", "1.1", "1.2", "2"], "1.1"),
        ("1.10", ["1", "1.2", "1.9"], "1.9"),
        ("1", ["2"], None),
        ("2", ["1", "1.1"], None),
        ("1", [], None),
    ],
)
def test_what_is_spoken_is_the_newest_that_both_allow(agreed: str, known: list[str], spoken: str | None) -> None:
    """Never beyond the agreement, never beyond what the sender knows."""
    assert newest_included(agreed, known) == spoken


@pytest.mark.parametrize(
    ("standard", "known", "before"),
    [
        ("1.1", ["1"], "1"),
        ("1.3", ["1", "1.1"], "1.1"),
        ("1", ["1", "1.1"], None),
        ("1.1", ["1", "1.1"], None),
        ("2", ["1", "1.1"], None),
        ("1", ["2"], None),
    ],
)
def test_an_addition_is_kept_by_whoever_knows_what_it_adds_to(
    standard: str, known: list[str], before: str | None
) -> None:
    """A known version is no addition, and neither is another major one."""
    assert newest_before(standard, known) == before


def test_versions_of_another_shape_are_nobodys() -> None:
    """A partner that names its versions in a way of its own is told apart, and not fallen over."""
    assert share_major(["1.1"], ["1", "x"])
    assert not share_major(["1"], ["x", "2", ""])
