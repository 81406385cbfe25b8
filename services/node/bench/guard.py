"""`yrdx bench guard`: what the guard costs a call, against the same server with none.

Two numbers. *Inside*: the guard run a few thousand times in one call, which leaves out everything else. *Between*: the
time of unary calls over mutual TLS with the whole edge, less that with an edge whose guard admits everybody; both
servers take turns, since a machine is never quiet.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
from grpc.aio import ServicerContext

from certs.constraint import constrained_pem
from certs.generation import Generation
from certs.identity import gateway_host
from certs.keystore import create_keystore
from certs.verification import CallerVerifier
from services.node.signals.calls import Calls
from services.node.signals.logs import log_beside
from services.node.signals.metrics import Metrics
from services.node.system import SystemClock, SystemRandom
from services.rpc.callers import OWN, Caller, CallerEntry, CallerGuard
from services.rpc.credentials import ServerTrust
from services.rpc.edge import Edge
from services.rpc.live import LiveCalls
from yrdx.exchange.v1 import exchange_pb2

METHOD: Final = "/yrdx.bench.v1.Guard/Call"
_REPEATS: Final = 5_000
_CITY: Final = "320600"


@dataclass(frozen=True, slots=True)
class GuardBench:
    """What the benchmark measured.

    Attributes:
        inside_us: Guard and registry of one call, microseconds.
        auth_context_us: Of that, what gRPC takes to hand over who is calling.
        with_guard_us: A unary call with the guard, median of the rounds.
        without_guard_us: The same with none.
        between_us: Their difference, median over the rounds.
        rounds: Rounds of both in turn.
    """

    inside_us: float
    auth_context_us: float
    with_guard_us: float
    without_guard_us: float
    between_us: float
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_guard(*, calls: int, rounds: int) -> GuardBench:
    """Measure the guard in temporary servers on loopback.

    Args:
        calls: Calls a round.
        rounds: Rounds.
    """
    log_beside()  # both edges tell of every call, and stdout is the result's
    with TemporaryDirectory(prefix="yrdx-bench-") as name:
        generation = create_keystore(Path(name), _CITY, now=SystemClock().now(), random=os.urandom)
        return asyncio.run(_measure(generation, calls=calls, rounds=rounds))


class _Measuring(CallerGuard):
    """Admits as ever, and measures itself in the first call."""

    live: LiveCalls | None = None
    inside_us: float = 0.0
    auth_context_us: float = 0.0

    def admit(self, method: str, context: ServicerContext[Any, Any]) -> Caller:
        if self.live is not None and not self.inside_us:
            live, admit = self.live, super().admit
            self.inside_us = _each_us(lambda: live.leave(live.enter(method, context, admit(method, context))))
            self.auth_context_us = _each_us(context.auth_context)
        return super().admit(method, context)


class _Open(CallerGuard):
    """Admits everybody as the first caller that proved itself, without looking again."""

    _caller: Caller | None = None

    def admit(self, method: str, context: ServicerContext[Any, Any]) -> Caller:
        if self._caller is None:
            self._caller = super().admit(method, context)
        return self._caller


async def _measure(generation: Generation, *, calls: int, rounds: int) -> GuardBench:
    async with _serving(generation, _Measuring) as (guarded, guard), _serving(generation, _Open) as (plain, _):
        await _round(guarded, 10)
        with_guard, without_guard = [], []
        for _ in range(rounds):
            without_guard.append(await _round(plain, calls))
            with_guard.append(await _round(guarded, calls))
    assert isinstance(guard, _Measuring)  # noqa: S101 - what was asked for
    return GuardBench(
        inside_us=round(guard.inside_us, 2),
        auth_context_us=round(guard.auth_context_us, 2),
        with_guard_us=round(statistics.median(with_guard), 1),
        without_guard_us=round(statistics.median(without_guard), 1),
        between_us=round(statistics.median(a - b for a, b in zip(with_guard, without_guard, strict=True)), 1),
        rounds=rounds,
    )


@asynccontextmanager
async def _serving(
    generation: Generation, kind: type[CallerGuard]
) -> AsyncIterator[tuple[grpc.aio.Channel, CallerGuard]]:
    roots_pem = constrained_pem(generation.city, generation.own_roots)
    trust = CallerVerifier({generation.city: generation.own_roots})
    table = {METHOD: [CallerEntry(OWN, "gateway")]}
    guard = kind(table, own_city=generation.city, trust=lambda: trust, clock=SystemClock())
    live = LiveCalls(guard, frozenset)
    if isinstance(guard, _Measuring):
        guard.live = live
    server = grpc.aio.server(interceptors=[Edge(guard, live, Calls(SystemClock(), SystemRandom(), Metrics()))])
    server.add_generic_rpc_handlers([_handlers()])
    tls = ServerTrust(chain_pem=generation.gateway_chain_pem, key_pem=generation.gateway_key_pem, roots_pem=roots_pem)
    port = server.add_secure_port("127.0.0.1:0", tls.credentials)
    await server.start()
    credentials = grpc.ssl_channel_credentials(roots_pem, generation.gateway_key_pem, generation.gateway_chain_pem)
    options = [("grpc.ssl_target_name_override", gateway_host(generation.city))]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        yield channel, guard
    await server.stop(0)


def _handlers() -> grpc.GenericRpcHandler:
    async def call(request: exchange_pb2.DescribeRequest, context: object) -> exchange_pb2.DescribeRequest:
        return request

    handler: Any = grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=exchange_pb2.DescribeRequest.FromString,
        response_serializer=exchange_pb2.DescribeRequest.SerializeToString,
    )
    service, _, method = METHOD[1:].partition("/")
    return grpc.method_handlers_generic_handler(service, {method: handler})


async def _round(channel: grpc.aio.Channel, calls: int) -> float:
    """Return microseconds a call, one after the other."""
    call: Any = channel.unary_unary(METHOD)
    begun = time.perf_counter()
    for _ in range(calls):
        await call(b"")
    return (time.perf_counter() - begun) / calls * 1e6


def _each_us(work: Callable[[], object]) -> float:
    """Return microseconds of one, the best of three runs: the others met somebody else's work."""
    return min(_run_us(work) for _ in range(3))


def _run_us(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(_REPEATS):
        work()
    return (time.perf_counter() - begun) / _REPEATS * 1e6
