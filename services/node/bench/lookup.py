"""`yrdx bench lookup`: questions of many clerks at once to a partner's node, as a ratio of a bare call's rate."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc

from certs.identity import gateway_host
from certs.keystore import load_generation
from services.domain.agreement import Agreement
from services.node.asking import question_of
from services.node.bench import echo
from services.node.bench.deliver import median_ratio
from services.node.bench.filling import fill
from services.node.bench.pair import Pair, bench_folder, create_pair, module, running, scratch_store, serving
from services.node.bench.records import BenchRecord, bench_records
from services.node.demo.cities import NANTONG, SHANGHAI, demo_agreement, free_port
from services.node.home import Home
from services.node.output import say
from services.node.session import open_session
from services.node.settings_file import load_settings
from services.node.system import SystemClock
from services.wire.agreements import agreement_to_pb
from yrdx.node.v1 import node_pb2
from yrdx.social.v1.service_pb2 import GetContributionTotalsRequest, GetContributionTotalsResponse
from yrdx.types.v1.lookup_pb2 import LOOKUP_OUTCOME_FOUND, LookupContext, Person

_QUESTION: Final = question_of("contributions")
_WARM_UP: Final = 64
_PEOPLE: Final = 1_000
"""People who are asked about; the others are there to be searched among."""


class Asked(NamedTuple):
    """What one round measured.

    Attributes:
        per_s: Calls per second.
        latencies_ms: Of each call.
    """

    per_s: float
    latencies_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class LookupBench:
    """What the benchmark measured.

    Attributes:
        records: Records that the asked city holds.
        callers: Questions that are open at a time, from one process over one connection.
        questions: Questions a round.
        rounds: Rounds, floor and ours in turn.
        floor_per_s: Calls per second of the floor, each round.
        ours_per_s: Questions per second of ours, each round.
        ratio: Median of ours divided by the floor of the same round.
        median_ms: Time to an answer of ours, median of all rounds.
        p99_ms: Of a hundred questions the slowest but one waits so long.
    """

    records: int
    callers: int
    questions: int
    rounds: int
    floor_per_s: tuple[int, ...]
    ours_per_s: tuple[int, ...]
    ratio: float
    median_ms: float
    p99_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_lookup(*, records: int, callers: int, questions: int, rounds: int) -> LookupBench:
    """Measure look-ups against the floor, both in turn, in temporary homes on loopback.

    Args:
        records: Records that the asked city holds.
        callers: Questions that are open at a time.
        questions: Questions a round.
        rounds: Rounds.
    """
    with bench_folder() as folder:
        pair = create_pair(folder)
        agree(pair)
        say(f"准备 {records} 条记录 · preparing records")
        known = bench_records(folder, min(records, _PEOPLE))
        fill(pair, known, records)
        floors, ours = [], []
        with serving(pair):
            for number in range(rounds):
                floors.append(echo_per_s(folder, pair, known, callers=callers, questions=questions))
                ours.append(asked(pair, known, callers=callers, questions=questions))
                say(f"第 {number + 1} 轮 · round: floor {floors[-1]:,.0f}/s, yrdx {ours[-1].per_s:,.0f}/s")
    latencies_ms = sorted(latency for one in ours for latency in one.latencies_ms)
    return LookupBench(
        records=records,
        callers=callers,
        questions=questions,
        rounds=rounds,
        floor_per_s=tuple(map(round, floors)),
        ours_per_s=tuple(round(one.per_s) for one in ours),
        ratio=median_ratio([one.per_s for one in ours], floors),
        median_ms=round(statistics.median(latencies_ms), 2),
        p99_ms=round(latencies_ms[int(len(latencies_ms) * 0.99)], 2),
    )


def agree(pair: Pair) -> None:
    """Let the receiver ask the sender, as both cities would agree: by an agreement of the mode "lookup"."""
    for home in pair:
        with open_session(home.path) as session:
            agreement = agreement_to_pb(_agreement())
            session.stub.ImportAgreement(node_pb2.ImportAgreementRequest(agreement=agreement))


def asked(pair: Pair, records: Sequence[BenchRecord], *, callers: int, questions: int) -> Asked:
    """Ask the sender's node as the receiver's gateway, about people of some records in turn.

    Args:
        pair: Two cities that agreed; both nodes serve.
        records: Records that the sender holds.
        callers: Questions that are open at a time.
        questions: How many.

    Raises:
        RuntimeError: A question was not answered with FOUND.
    """
    channel = _Channel(load_settings(pair.sender).listen, pair.receiver, pair.sender)
    measured, answers = asyncio.run(channel.measure(_QUESTION.method, _requests(records, questions), callers))
    outcomes = {GetContributionTotalsResponse.FromString(answer).outcome for answer in answers}
    if outcomes != {LOOKUP_OUTCOME_FOUND}:
        raise RuntimeError(f"the bench asked about people on record and was answered {sorted(outcomes)}")
    return measured


def echo_per_s(folder: Path, pair: Pair, records: Sequence[BenchRecord], *, callers: int, questions: int) -> float:
    """Measure the floor with the same requests.

    Args:
        folder: For its store, which is removed in the end.
        pair: Of whose sender server and callers have the certificate.
        records: As in `asked`.
        callers: Calls that are open at a time.
        questions: How many.

    Returns:
        Calls per second.
    """
    address, requests = f"127.0.0.1:{free_port()}", _requests(records, questions)
    with scratch_store(folder) as store, running(module(echo.__name__, pair.sender.path, address, store), address):
        measured, _ = asyncio.run(_Channel(address, pair.sender, pair.sender).measure(echo.METHOD, requests, callers))
    return measured.per_s


def _agreement() -> Agreement:
    agreement = demo_agreement(NANTONG.code, SHANGHAI.code)
    return replace(agreement, id="BENCH-LOOKUP", mode="lookup", records_per_minute=60_000_000)


def _requests(records: Sequence[BenchRecord], count: int) -> list[bytes]:
    agreement = _agreement()
    context = LookupContext(
        city=NANTONG.code,
        agreement_id=agreement.id,
        purpose=agreement.purposes[0],
        legal_basis=agreement.legal_basis,
        clerk_reference="bench",
    )
    requests = []
    for number in range(count):
        message: Any = records[number % len(records)].message
        context.request_id = str(uuid.UUID(int=number))
        request = GetContributionTotalsRequest(
            context=context,
            person=Person(person_number=message.person_number, person_name=message.person_name),
            scheme=message.scheme,
            from_month=message.period_month,
            to_month=message.period_month,
        )
        requests.append(request.SerializeToString())
    return requests


class _Channel(NamedTuple):
    """How callers reach a server.

    Attributes:
        address: Its "host:port".
        caller: Home whose certificate calls.
        server: Home whose certificate answers.
    """

    address: str
    caller: Home
    server: Home

    async def measure(self, method: str, requests: Sequence[bytes], callers: int) -> tuple[Asked, list[bytes]]:
        """Send all requests, a number of them at a time, and return what was measured and the answers."""
        now = SystemClock().now()
        caller, server = (load_generation(home.path, now=now) for home in (self.caller, self.server))
        credentials = grpc.ssl_channel_credentials(
            server.own_roots_pem, caller.gateway_key_pem, caller.gateway_chain_pem
        )
        options = [("grpc.ssl_target_name_override", gateway_host(server.city))]
        async with grpc.aio.secure_channel(self.address, credentials, options=options) as channel:
            await asyncio.wait_for(channel.channel_ready(), 20)
            call: Any = channel.unary_unary(method)
            await asyncio.gather(*map(call, requests[:_WARM_UP]))
            return await _ask_all(call, requests, callers)


async def _ask_all(call: Any, requests: Sequence[bytes], callers: int) -> tuple[Asked, list[bytes]]:  # noqa: ANN401
    waiting, answers, latencies_ms = iter(requests), list[bytes](), list[float]()

    async def clerk() -> None:
        for request in waiting:
            asked_s = time.perf_counter()
            answers.append(await call(request))
            latencies_ms.append((time.perf_counter() - asked_s) * 1e3)

    begun = time.perf_counter()
    await asyncio.gather(*(clerk() for _ in range(callers)))
    return Asked(len(requests) / (time.perf_counter() - begun), latencies_ms), answers
