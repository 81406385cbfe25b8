"""Keys and digests put together, and cut again."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.standing import pieces


@given(st.integers(1, 32).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=1)))
def test_what_is_put_together_is_cut_again(parts: list[bytes]) -> None:
    """In order, none left out."""
    assert pieces(b"".join(parts), len(parts[0])) == tuple(parts)


def test_a_piece_that_is_not_whole_is_an_error() -> None:
    """Nothing is cut off silently."""
    with pytest.raises(struct.error):
        pieces(b"x" * 17, 16)
