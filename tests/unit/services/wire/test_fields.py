"""Fields that declarations name."""

from __future__ import annotations

import pytest

from services.wire.fields import field_reader


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_reader_returns_a_tuple_of_any_length(count: int) -> None:
    """One field reads like many."""
    names = ["real", "imag", "conjugate"][:count]

    assert len(field_reader(names)(1j)) == count
