"""Invented contributions: as files of both cities, as standard messages, and as the records that a sender signs."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from adapters.mapping import RowRejected, load_mapping
from adapters.samples import SampleFile, write_samples
from adapters.samples.contributions import NANTONG, contributions
from adapters.tables import BadRow, open_csv
from services.node.session import NodeSession
from services.node.sync.inputs import layout_of
from services.wire.datasets import Dataset, load_datasets
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2

DATASET: Final = "social.contribution"


@cache
def dataset() -> Dataset:
    """Return the standard of contributions."""
    return load_datasets().find(DATASET, "1")


def write_files(folder: Path, *, seed: int, people: int, bad_rows: int = 0) -> tuple[SampleFile, SampleFile]:
    """Write Nantong's and Shanghai's file into a new folder.

    Args:
        folder: Made here.
        seed: Other seeds invent other people, so that files do not meet each other's keys.
        people: Rows of each.
        bad_rows: Planted rows of each; also one exact duplicate, if any.
    """
    folder.mkdir(parents=True)
    nantong, shanghai = write_samples(folder, seed=seed, people=people, bad_rows=bad_rows).files
    return nantong, shanghai


def standard_records(file: SampleFile) -> Counter[str]:
    """Return what must arrive of a file: every row that nothing was planted in, as canonical JSON of the standard."""
    spoilt = {row.row for row in file.planted}
    mapping = load_mapping(file.dialect, DATASET)
    arriving: Counter[str] = Counter()
    with open_csv(file.path, layout_of(mapping)) as rows:
        for row in rows:
            if isinstance(row, BadRow) or row.number in spoilt:
                continue
            try:
                arriving[canonical(_as_dict(mapping.to_standard(row.cells).message))] += 1
            except RowRejected as error:
                raise AssertionError(f"{file.path.name} row {row.number} is not planted: {error.rule_id}") from None
    return arriving


def exported_records(path: Path, stream: str) -> Counter[str]:
    """Return the records of one stream in a ``.jsonl`` export, in the same form."""
    found: Counter[str] = Counter()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record.pop("@record")["stream"] == stream:
                found[canonical(record)] += 1
    return found


def arrivals(receiver: NodeSession, from_city: str, *, after: int = 0) -> Counter[str]:
    """Return the records of a city that ever arrived at another, without the first so many, in the same form."""
    request = node_pb2.ExportInboxRequest(dataset=DATASET, from_city=from_city, history=True)
    entries = (entry for page in receiver.stub.ExportInbox(request) for entry in page.entries)
    found: Counter[str] = Counter()
    for entry in islice(entries, after, None):
        content = types_pb2.RecordBody.FromString(entry.body).message.value
        found[canonical(_as_dict(dataset().message_class.FromString(content)))] += 1
    return found


def canonical(record: dict[str, Any]) -> str:
    """Return a record as JSON that equals another's where the records are equal."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True)


def messages(count: int, *, seed: int = 1) -> list[Any]:
    """Invent contributions as standard messages that every gate takes."""
    random, mapping = Random(seed), load_mapping(NANTONG.dialect, DATASET)
    made = contributions(NANTONG, random, count, 1)
    return [mapping.to_standard(NANTONG.row(one, random, NANTONG.missing)).message for one in made]


def record_body(message: Any, **changes: Any) -> types_pb2.RecordBody:
    """Return an UPSERT of a message; ``changes`` replace fields of the envelope."""
    body = types_pb2.RecordBody(operation=types_pb2.OPERATION_UPSERT, key=dataset().key(message))
    body.message.type_url = dataset().type_url
    body.message.value = message.SerializeToString()
    for name, value in changes.items():
        setattr(body, name, value)
    return body


def bodies(count: int, *, seed: int = 1) -> list[bytes]:
    """Invent that many serialised record bodies."""
    return [record_body(message).SerializeToString() for message in messages(count, seed=seed)]


def _as_dict(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)
