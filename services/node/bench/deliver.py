"""`yrdx bench deliver`: pre-submitted contributions from node to node, as a ratio of the floor."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from services.domain.limits import BATCH_RECORDS_FLOOR
from services.domain.stream import Direction
from services.node.bench import floor
from services.node.bench.pair import bench_folder, create_pair, module, running, scratch_store, serving
from services.node.bench.records import bench_bodies
from services.node.demo.cities import DATASET, SHANGHAI, free_port
from services.node.home import Home
from services.node.output import say
from services.node.session import NodeSession, open_session
from services.node.sync.submission import Sent, Submission
from services.wire.bodies import content_of
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2


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
    with bench_folder() as folder:
        pair = create_pair(folder)
        say(f"准备 {records} 条记录 · preparing records")
        bodies = bench_bodies(folder, records)
        with serving(pair) as nodes:
            floors, ours = [], []
            for number in range(rounds):
                floors.append(floor_per_s(folder, pair.sender, bodies))
                ours.append(delivered_per_s(pair.sender, bodies, f"bench:{number}"))
                say(f"第 {number + 1} 轮 · round: floor {floors[-1]:,.0f}/s, yrdx {ours[-1]:,.0f}/s")
            peaks = nodes.sender.peak_rss_mib, nodes.receiver.peak_rss_mib
    return DeliverBench(
        records=records,
        body_bytes=round(statistics.fmean(map(len, bodies)), 1),
        rounds=rounds,
        floor_per_s=tuple(map(round, floors)),
        ours_per_s=tuple(map(round, ours)),
        ratio=median_ratio(ours, floors),
        sender_peak_mib=round(peaks[0], 1),
        receiver_peak_mib=round(peaks[1], 1),
    )


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of ours divided by theirs of the same round."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def delivered_per_s(home: Home, bodies: Sequence[bytes], source: str) -> float:
    """Submit while the partner is paused, then measure from resuming it to the receipt of the last batch.

    Args:
        home: The sender's; both nodes serve.
        bodies: Records.
        source: Name that no source has yet.

    Returns:
        Records per second.
    """
    with open_session(home.path) as session:
        session.stub.PausePartner(node_pb2.PausePartnerRequest(city=SHANGHAI.code, reason="bench"))
        name = _submit(session, bodies, source)
        request = node_pb2.WatchSourceRequest(to_city=SHANGHAI.code, dataset=DATASET, source=name)
        begun_ns = time.time_ns()
        session.stub.ResumePartner(node_pb2.ResumePartnerRequest(city=SHANGHAI.code))
        for answer in session.stub.WatchSource(request):
            if not answer.pending:
                break
        return len(bodies) / (_last_receipt_ns(session) - begun_ns) * 1e9


def floor_per_s(folder: Path, home: Home, bodies: Sequence[bytes]) -> float:
    """Measure the floor with the same records.

    Args:
        folder: For its store, which is removed in the end.
        home: Home whose certificate both of its sides have.
        bodies: Records.

    Returns:
        Records per second.
    """
    requests = list(_requests(bodies))
    address = f"127.0.0.1:{free_port()}"
    with scratch_store(folder) as store, running(module(floor.__name__, home.path, address, store), address):
        return len(bodies) / asyncio.run(floor.send(home.path, address, requests))


def _submit(session: NodeSession, bodies: Sequence[bytes], source: str) -> str:
    opening = node_pb2.SubmitRequest.Opening(to_city=SHANGHAI.code, dataset=DATASET, source=source)
    submission = Submission(session.stub, opening)
    submission.open()
    try:
        sent = (Sent(position, body, content_of(body)) for position, body in enumerate(bodies, 1))
        for rejection in submission.send(sent, upto=len(bodies)):
            raise AssertionError(f"the bench's own record was refused: {rejection.rule_id}")
    finally:
        submission.close()
    return submission.source


def _last_receipt_ns(session: NodeSession) -> int:
    """Return when the receiver applied the last batch: to the microsecond, where a watch looks five times a second."""
    streams = session.stub.GetStatus(node_pb2.GetStatusRequest()).streams
    [stream] = [one for one in streams if one.direction == Direction.OUTBOUND]
    after = max(0, stream.watermark - BATCH_RECORDS_FLOOR)  # no batch holds more
    request = node_pb2.ListReceiptsRequest(stream=stream.stream, after_sequence=after)
    receipts = session.stub.ListReceipts(request).receipts
    return max(int(one.received_time.ToNanoseconds()) for one in receipts if one.direction == Direction.OUTBOUND)


def _requests(bodies: Sequence[bytes]) -> Iterator[bytes]:
    rest = iter(bodies)
    while run := list(islice(rest, BATCH_RECORDS_FLOOR)):
        batch = exchange_pb2.Batch(header=exchange_pb2.Signed(content=os.urandom(200)))
        batch.records.extend(exchange_pb2.Record(salt=os.urandom(16), body=body) for body in run)
        yield exchange_pb2.DeliverRequest(batch=batch).SerializeToString()
