"""Every dataset that has mappings travels between the cities, without a line of code that knows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from adapters.frames.card_rows import LOCAL
from adapters.frames.jtt978 import RIDE_BYTES, SINGLE
from adapters.mapping import find_mappings, load_mapping
from adapters.samples import write_register, write_sample
from services.node.demo.cities import DemoCity, demo_agreement
from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, introduce, make_node
from tests.unit.adapters.frames.test_card_rows import CELLS, LEFT, ride

POSITION, TAP = "transport.position", "transport.tap"
DATASETS = [dataset for dialect, dataset in find_mappings() if dialect == NANTONG.dialect]
BOTH_WAYS = [(NANTONG, SHANGHAI), (SHANGHAI, NANTONG)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Node]]:
    """Both cities, with an agreement on every dataset in each direction."""
    folder = tmp_path_factory.mktemp("cities")
    nantong, shanghai = make_node(folder, NANTONG), make_node(folder, SHANGHAI)
    agreements = [demo_agreement(a.code, b.code, dataset) for a, b in BOTH_WAYS for dataset in DATASETS]
    introduce(nantong, shanghai, agreements)
    introduce(shanghai, nantong, agreements)
    with ExitStack() as stack:
        for node in (nantong, shanghai):
            stack.callback(node.stop)
            node.start()
        yield {NANTONG.code: nantong, SHANGHAI.code: shanghai}


def golden_records(city: DemoCity, dataset: str) -> list[Any]:
    """What a city's golden rows become."""
    samples = resources.files("adapters") / city.dialect / "samples" / f"{dataset.replace('.', '_')}.jsonl"
    lines = map(json.loads, samples.read_text(encoding="utf-8").splitlines())
    message_type = load_mapping(city.dialect, dataset).message_type
    return [ParseDict(line["standard"], message_type()) for line in lines]


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("sender", "receiver"), BOTH_WAYS, ids=lambda city: city.code)
def test_golden_rows_arrive(
    nodes: dict[str, Node], tmp_path: Path, sender: DemoCity, receiver: DemoCity, dataset: str
) -> None:
    """All that the receiver's tables can say is there, each record as it was said, and nothing else."""
    file = tmp_path / "golden.csv"
    name = f"{dataset.replace('.', '_')}.csv"
    file.write_bytes((resources.files("adapters") / sender.dialect / "samples" / name).read_bytes())
    to = ("--home", nodes[sender.code].path, "--to", receiver.code, "--dataset", dataset, "--json")
    yrdx("sync", "run", file, *to, code=(0, 3))
    nodes[sender.code].until_settled(f"{sender.code}/{receiver.code}/{dataset}/0")

    out = tmp_path / "inbox.jsonl"
    yrdx("inbox", "export", "--home", nodes[receiver.code].path, "--dataset", dataset, "--history", "-o", out)
    there = load_mapping(receiver.dialect, dataset)
    records = golden_records(sender, dataset)
    expected = [record for record in records if there.unexpressible(record) is None]
    arrived = [_message(there.message_type, line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(expected) >= 3
    assert sorted(map(str, arrived)) == sorted(map(str, expected))


def test_frames_are_a_source(nodes: dict[str, Node], tmp_path: Path) -> None:
    """A file of terminals' frames is a source like any other; a broken one is rejected, and named by its number."""
    write_register(tmp_path / "vehicles.csv", people=20)
    file = write_sample(tmp_path / "gps.jtt808", POSITION, NANTONG.dialect, seed=9, people=20, bad_rows=0)
    file.path.write_bytes(file.path.read_bytes() + b"\x7e\x02\x00\x7e")
    sent = ("sync", "run", file.path, "--home", nodes[NANTONG.code].path, "--to", SHANGHAI.code, "--dataset", POSITION)
    assert "--datum" in yrdx(*sent, code=2).err
    ran = yrdx(*sent, "--datum", "WGS84", "--vehicles", tmp_path / "vehicles.csv", "--json", code=3).json
    assert (ran["submitted"], ran["acknowledged"], ran["rejected_local"]) == (20, 20, 1)

    listed = yrdx("rejections", "ls", "--home", nodes[NANTONG.code].path, "--open", "--json").json
    (broken,) = [one for one in listed if one["rule"] == "frame.length"]
    assert broken["row"] == 21
    assert "第 21 帧" in broken["reason"]


def test_card_records_are_a_source(nodes: dict[str, Node], tmp_path: Path) -> None:
    """A card's records are taps once it was said whose they are; a broken one is rejected, and named by its number."""
    file, said = tmp_path / "rides.jtt978", tmp_path / "card.csv"
    single = ride(SINGLE, 200, sequence=129)
    records = (LEFT.encode(), LEFT.transaction.encode() + single.trip.encode(), single.encode())
    file.write_text("\n".join(one.hex() for one in records), encoding="ascii")
    header, row = LOCAL.card_columns, (*CELLS[NANTONG.dialect], "0")
    said.write_text("\n".join(map(",".join, (header, row))), encoding="gb18030")
    sent = ("sync", "run", file, "--home", nodes[NANTONG.code].path, "--to", SHANGHAI.code, "--dataset", TAP)
    assert "--card" in yrdx(*sent, code=2).err
    ran = yrdx(*sent, "--card", said, "--json", code=3).json
    assert (ran["submitted"], ran["acknowledged"], ran["rejected_local"]) == (2, 2, 1)

    listed = yrdx("rejections", "ls", "--home", nodes[NANTONG.code].path, "--open", "--json").json
    (broken,) = [one for one in listed if one["rule"] == "frame.pair"]
    assert broken["row"] == 2
    assert f"第 2 条记录（第 {2 * RIDE_BYTES + 1} 字节起）" in broken["reason"]


def _message(message_type: type[Message], line: str) -> Message:
    """The record of an exported line, without what the export says about it."""
    record = json.loads(line)
    del record["@record"]
    return ParseDict(record, message_type())
