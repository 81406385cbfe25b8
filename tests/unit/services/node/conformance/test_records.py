from __future__ import annotations

import pytest

from services.domain.limits import BATCH_RECORDS_FLOOR
from services.domain.receipt import Violation
from services.node.conformance.records import Records, datasets
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate
from yrdx.types.v1 import types_pb2


@pytest.mark.parametrize("dataset", datasets())
def test_invented_records_are_good_and_never_real(dataset: str) -> None:
    """Every one passes the gate, is of another subject, and says that it is invented."""
    records = Records(dataset, seed=3)
    bodies = records.bodies(50)
    gate = ContractGate(load_datasets(), record_bytes_max=65_536)

    verdicts = gate.check(dataset, records.dataset.standard, bodies)

    assert not [one for one in verdicts if isinstance(one, Violation)]
    said = [types_pb2.RecordBody.FromString(body) for body in bodies]
    assert not any(one.real_data for one in said)
    assert len({one.key for one in said}) == len(said)


def test_no_record_is_returned_twice() -> None:
    """However many are asked for: there are enough for the largest batch, and for those around it."""
    records = Records("social.contribution", seed=4)
    assert set(records.bodies(10)).isdisjoint(records.bodies(BATCH_RECORDS_FLOOR))
