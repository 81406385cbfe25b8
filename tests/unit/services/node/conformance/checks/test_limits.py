from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR
from services.node.conformance.checks import limits
from tests.unit.services.node.conformance.cities import make_cities


@pytest.mark.parametrize("seed", range(2))
def test_the_floor_is_met_to_the_byte(tmp_path: Path, seed: int) -> None:
    """1,000 records and 1 MiB of salts and bodies, neither more nor less, whoever is in them."""
    records = limits._stuffed(make_cities(tmp_path, seed=seed).partner)

    assert len(records) == BATCH_RECORDS_FLOOR
    assert sum(len(one.salt) + len(one.body) for one in records) == BATCH_BYTES_FLOOR
    assert max(len(one.body) for one in records) <= 65_536


@pytest.mark.parametrize("size", [16_380, 16_400, 16_500, 65_652])
def test_a_stuffed_record_has_the_size_that_is_asked_for(tmp_path: Path, size: int) -> None:
    """Also where its length takes one byte more to write."""
    record = limits._stuffed_record(make_cities(tmp_path).partner, size)
    assert abs(len(record.salt) + len(record.body) - size) <= 1
