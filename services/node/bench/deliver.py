"""`yrdx bench deliver`: pre-submitted contributions from node to node, as a ratio of the floor."""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.samples import write_samples
from adapters.tables import Row, open_csv
from services.domain.limits import BATCH_RECORDS_FLOOR
from services.node.bench import floor
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI, create_city, free_port, introduce
from services.node.demo.processes import NodeProcess
from services.node.home import Home
from services.node.output import say
from services.node.session import NodeSession, open_session
from services.node.sync.inputs import layout_of
from services.node.sync.submission import Sent, Submission
from services.wire.bodies import BodyWriter, content_of
from services.wire.datasets import load_datasets
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2

_CONNECT_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class DeliverBench:
    """What the benchmark measured.

    Attributes:
        records: Records a round.
        body_bytes: Mean size of a record's body.
        rounds: Rounds, floor and ours in turn.
        floor_per_s: Records per second of the floor, each round.
        ours_per_s: Records per second of ours, each round.
        ratio: Median of ours divided by the floor of the same round.
        sender_peak_mib: Peak resident memory of the sending node.
        receiver_peak_mib: Peak resident memory of the receiving node.
    """

    records: int
    body_bytes: float
    rounds: int
    floor_per_s: tuple[int, ...]
    ours_per_s: tuple[int, ...]
    ratio: float
    sender_peak_mib: float
    receiver_peak_mib: float

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_deliver(*, records: int, rounds: int) -> DeliverBench:
    """Measure delivery against the floor, both in turn, in temporary homes on loopback.

    Args:
        records: Records a round.
        rounds: Rounds.
    """
    with TemporaryDirectory(prefix="yrdx-bench-") as name:
        folder = Path(name)
        homes = [create_city(folder, city) for city in (NANTONG, SHANGHAI)]
        introduce(homes[0], homes[1])
        introduce(homes[1], homes[0])
        say(f"准备 {records} 条记录 · preparing records")
        bodies = _bodies(folder, records)
        with NodeProcess(homes[0]) as sender, NodeProcess(homes[1]) as receiver:
            floors, ours = [], []
            for number in range(rounds):
                floors.append(records / _run_floor(folder, homes[0].path, bodies, number))
                ours.append(records / _run_ours(homes[0], bodies, number))
                say(f"第 {number + 1} 轮 · round: floor {floors[-1]:,.0f}/s, yrdx {ours[-1]:,.0f}/s")
            peaks = sender.peak_rss_mib, receiver.peak_rss_mib
    return DeliverBench(
        records=records,
        body_bytes=round(statistics.fmean(map(len, bodies)), 1),
        rounds=rounds,
        floor_per_s=tuple(map(round, floors)),
        ours_per_s=tuple(map(round, ours)),
        ratio=round(statistics.median(o / f for o, f in zip(ours, floors, strict=True)), 3),
        sender_peak_mib=round(peaks[0], 1),
        receiver_peak_mib=round(peaks[1], 1),
    )


def _bodies(folder: Path, records: int) -> list[bytes]:
    samples = write_samples(folder, seed=7, people=records, bad_rows=0)
    mapping = load_mapping(NANTONG.dialect, DATASET)
    dataset = load_datasets().find(DATASET, mapping.standard.version)
    writer = BodyWriter(dataset.type_url, real_data=False)
    with open_csv(samples.files[0].path, layout_of(mapping)) as rows:
        messages = (mapping.to_standard(row.cells).message for row in rows if isinstance(row, Row))
        return [writer.upsert(dataset.key(message), message.SerializeToString()) for message in messages]


def _run_ours(home: Home, bodies: Sequence[bytes], number: int) -> float:
    """Submit while the partner is paused, then measure from resuming it to the last receipt stored."""
    with open_session(home.path) as session:
        session.stub.PausePartner(node_pb2.PausePartnerRequest(city=SHANGHAI.code, reason="bench"))
        source = _submit(session, bodies, number)
        request = node_pb2.WatchSourceRequest(to_city=SHANGHAI.code, dataset=DATASET, source=source)
        begun = time.perf_counter()
        session.stub.ResumePartner(node_pb2.ResumePartnerRequest(city=SHANGHAI.code))
        for answer in session.stub.WatchSource(request):
            if not answer.pending:
                break
        return time.perf_counter() - begun


def _submit(session: NodeSession, bodies: Sequence[bytes], number: int) -> str:
    opening = node_pb2.SubmitRequest.Opening(to_city=SHANGHAI.code, dataset=DATASET, source=f"bench:{number}")
    submission = Submission(session.stub, opening)
    submission.open()
    try:
        sent = (Sent(position, body, content_of(body)) for position, body in enumerate(bodies, 1))
        for rejection in submission.send(sent, upto=len(bodies)):
            raise AssertionError(f"the bench's own record was refused: {rejection.rule_id}")
    finally:
        submission.close()
    return submission.source


def _run_floor(folder: Path, home: Path, bodies: Sequence[bytes], number: int) -> float:
    requests = list(_requests(bodies))
    address = f"127.0.0.1:{free_port()}"
    with _floor_server(home, address, folder / f"floor-{number}.sqlite"):
        return asyncio.run(floor.send(home, address, requests))


def _requests(bodies: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(bodies)
    while run := list(islice(rest, BATCH_RECORDS_FLOOR)):
        batch = exchange_pb2.Batch(header=exchange_pb2.Signed(content=os.urandom(200)))
        batch.records.extend(exchange_pb2.Record(salt=os.urandom(16), body=body) for body in run)
        yield exchange_pb2.DeliverRequest(batch=batch).SerializeToString()


@contextmanager
def _floor_server(home: Path, address: str, store: Path) -> Iterator[None]:
    command = [sys.executable, "-m", floor.__name__, str(home), address, str(store)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_for(address)
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _CONNECT_WITHIN_S
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
