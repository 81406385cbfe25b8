from __future__ import annotations

from pathlib import Path

import pytest

from services.node.conformance.kept import Kept
from services.node.exits import Mistake
from yrdx.exchange.v1 import exchange_pb2


def batch(content: bytes) -> exchange_pb2.Batch:
    """Any batch."""
    return exchange_pb2.Batch(header=exchange_pb2.Signed(content=content))


def test_the_oldest_batch_is_kept_for_ever(tmp_path: Path) -> None:
    """A later one does not take its place: the oldest receipt is the one worth asking for."""
    kept = Kept(tmp_path / "kept")
    assert kept.load() is None

    kept.save(batch(b"first"), exchange_pb2.Signed(content=b"receipt"))
    kept.save(batch(b"second"), exchange_pb2.Signed(content=b"other"))

    found = kept.load()
    assert found is not None
    assert (found.header.content, found.original_receipt.content) == (b"first", b"receipt")


def test_another_file_in_its_place_is_a_mistake(tmp_path: Path) -> None:
    """It is named, and not overwritten."""
    (tmp_path / "kept").write_bytes(b"\xff\xff")
    with pytest.raises(Mistake, match="kept"):
        Kept(tmp_path / "kept").load()
