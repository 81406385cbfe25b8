"""The records that benches send: contributions of invented people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import Message

from adapters.mapping import load_mapping
from adapters.samples import write_samples
from adapters.tables import Row, open_csv
from services.node.demo.cities import DATASET, NANTONG
from services.node.sync.inputs import layout_of
from services.wire.bodies import BodyWriter
from services.wire.datasets import load_datasets

_SEED: Final = 7
OTHERS_SEED: Final = 8
"""Of people who are none of those of `bench_records`'s own seed."""


class BenchRecord(NamedTuple):
    """One record.

    Attributes:
        key: Business key.
        message: What it says.
        body: Serialised ``RecordBody``.
    """

    key: bytes
    message: Message
    body: bytes


def bench_records(folder: Path, count: int, *, seed: int = _SEED) -> list[BenchRecord]:
    """Return records of as many people, one each; the same count and seed, the same records.

    Args:
        folder: For the file that they are read from.
        count: How many. Another count says other things about the same people.
        seed: Of the people.
    """
    samples = write_samples(folder, seed=seed, people=count, bad_rows=0)
    mapping = load_mapping(NANTONG.dialect, DATASET)
    dataset = load_datasets().find(DATASET, mapping.standard.version)
    writer = BodyWriter(dataset.type_url, real_data=False)
    with open_csv(samples.files[0].path, layout_of(mapping)) as rows:
        messages = [mapping.to_standard(row.cells).message for row in rows if isinstance(row, Row)]
    keyed = ((dataset.key(message), message) for message in messages)
    return [BenchRecord(key, message, writer.upsert(key, message.SerializeToString())) for key, message in keyed]


def bench_bodies(folder: Path, count: int) -> list[bytes]:
    """Return the bodies of `bench_records` alone: the messages of a large bench need not stay in memory."""
    return [record.body for record in bench_records(folder, count)]


def repeated(records: Sequence[BenchRecord], first: int, count: int) -> Iterator[BenchRecord]:
    """Yield a run of an endless row of records: the given ones, then the same under keys of other people.

    Args:
        records: Given ones.
        first: Place of the run's first, from 0.
        count: How many.
    """
    for place in range(first, first + count):
        record = records[place % len(records)]
        if place >= len(records):
            record = record._replace(key=hashlib.blake2b(b"%d" % place, digest_size=len(record.key)).digest())
        yield record
