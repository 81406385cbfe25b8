"""What a later version of a standard added is found at any depth, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from services.domain.receipt import Violation
from services.domain.standard import StandardVersion
from services.ports.gate import Passed
from services.wire.additions import search_additions
from services.wire.datasets import Datasets, compile_dataset
from services.wire.gate import ContractGate
from tests.unit.services.wire.protos import compile_messages
from yrdx.types.v1.types_pb2 import OPERATION_UPSERT, RecordBody

VISIT = """
enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_OLD = 1;
  KIND_NEW = 2 [(yrdx.types.v1.added_in) = "1.2"];
}
message Item {
  string id = 1;
  optional int64 tip_fen = 2 [(yrdx.types.v1.since) = "1.1"];
  Visit visit = 3;
}
message Visit {
  option (yrdx.types.v1.dataset) = { name: "care.visit" standard: "1.2" key: ["id"] };
  string id = 1;
  Kind kind = 2;
  repeated Item items = 3;
  Item main = 4;
  string remark = 5 [(yrdx.types.v1.since) = "1.1"];
  repeated Kind kinds = 6;
}
"""
FIRST, SECOND = StandardVersion(1), StandardVersion(1, 1)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A standard with two additions."""
    return compile_messages(tmp_path_factory.mktemp("visit"), VISIT)["Visit"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": "a", "kind": 1, "kinds": [1], "items": [{"id": "b"}], "main": {"id": "c"}}, None),
        ({"id": "a", "remark": "x"}, "remark"),
        ({"id": "a", "kind": 2}, "kind"),
        ({"id": "a", "kinds": [1, 2]}, "kinds"),
        ({"id": "a", "main": {"tip_fen": 0}}, "main.tip_fen"),
        ({"id": "a", "items": [{"id": "b"}, {"tip_fen": 5}]}, "items[1].tip_fen"),
    ],
)
def test_what_is_later_is_found_with_its_path(visit: Any, fields: dict[str, Any], path: str | None) -> None:
    """A field or a code, of the record or of an item; what was there from the first is not meant."""
    search = search_additions(visit, FIRST)

    assert search is not None
    assert search(GetMessageClass(visit)(**fields)) == path


def test_each_version_knows_what_came_until_then(visit: Any) -> None:
    """1.1 has the remark and not the code of 1.2; 1.2 has nothing later."""
    search = search_additions(visit, SECOND)

    assert search is not None
    assert search(GetMessageClass(visit)(remark="x")) is None
    assert search(GetMessageClass(visit)(kind=2)) == "kind"
    assert search_additions(visit, StandardVersion(1, 2)) is None


def test_a_mark_that_is_no_version_stops_the_node(tmp_path: Path) -> None:
    """A misspelt mark would let a field through for ever."""
    wrong = compile_messages(tmp_path, VISIT.replace('since) = "1.1"', 'since) = "v2"'))["Visit"]

    with pytest.raises(ValueError, match="version"):
        compile_dataset(wrong)


@pytest.mark.parametrize("together", [1, 3])
def test_the_gate_lets_through_what_the_agreed_version_can_say(visit: Any, together: int) -> None:
    """Under 1 the remark is refused and named, under 1.1 it passes; judged alone or among others."""
    datasets = [compile_dataset(visit, version) for version in StandardVersion(1, 2).upto_here()]
    gate = ContractGate(Datasets(datasets), record_bytes_max=1000)
    bodies = [body(datasets[0], id=f"{number}", remark="x") for number in range(together)]

    assert gate.standards("care.visit") == ["1", "1.1", "1.2"]
    for verdict in gate.check("care.visit", "1", bodies):
        assert isinstance(verdict, Violation)
        assert (verdict.field_path, verdict.rule_id) == ("remark", "record.newer_field")
    assert all(isinstance(verdict, Passed) for verdict in gate.check("care.visit", "1.1", bodies))


def body(dataset: Any, **fields: Any) -> bytes:
    """Serialise a record of a dataset."""
    message = dataset.message_class(**fields)
    record = RecordBody(operation=OPERATION_UPSERT, key=dataset.key(message))
    record.message.type_url, record.message.value = dataset.type_url, message.SerializeToString()
    return record.SerializeToString()
