"""The drills. Each makes cities of its own in a temporary folder, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc

from certs.generation import Generation
from certs.identity import gateway_host
from certs.inventory import fingerprint_of
from certs.keystore import install_generation, load_generation, renewed_files
from certs.offline import load_authority
from services.domain.errors import Conflict
from services.node.cli import readiness, rollover
from services.node.cli.bundle import current_bundle
from services.node.cli.ring import Ring, open_ring
from services.node.cli.trust_access import Place, opened_home
from services.node.demo.cities import NANTONG, SHANGHAI, DemoCity, create_city
from services.node.demo.processes import NodeProcess
from services.node.drill.load import load_between
from services.node.home import Home
from services.node.output import say
from services.node.session import open_session
from services.node.settings_file import load_settings
from services.node.system import SystemClock
from yrdx.exchange.v1 import exchange_pb2_grpc
from yrdx.node.v1 import node_pb2

SUZHOU: Final = DemoCity("320500", "local", "苏州 Suzhou")
STREAMS: Final = 40
OTHERS: Final = 4
WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a drill found.

    Attributes:
        act: Which drill.
        calls: Calls that were answered meanwhile.
        errors: Words of those that were not.
        seconds: How long the act took.
        effect_ms: Time to effect of each step, or of each stream that was cut, rising.
        others_cut: Streams of the other partner that ended: none must.
        notes: What was done, step by step.
    """

    act: str
    calls: int
    errors: list[str]
    seconds: float
    effect_ms: list[float] = field(default_factory=list)
    others_cut: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and whatever had to end did."""
        return not self.errors and not self.others_cut

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs, with the median time to effect."""
        median = round(statistics.median(self.effect_ms), 1) if self.effect_ms else 0.0
        return {**asdict(self), "effect_median_ms": median, "passed": self.passed}


def drill_leaf(*, rotations: int) -> DrillReport:
    """Renew both cities' leaves again and again under load."""
    with _cities(NANTONG, SHANGHAI) as homes, load_between(homes[0], homes[1], (NANTONG.code, SHANGHAI.code)) as tally:
        begun, times = time.perf_counter(), list[float]()
        for _ in range(rotations):
            times += [_timed_ms(lambda home=home: _renew(home)) for home in homes]  # type: ignore[misc]
        seconds = time.perf_counter() - begun
    notes = [f"{rotations} renewals on each side"]
    return DrillReport("leaf", tally.calls, tally.errors, round(seconds, 2), sorted(times), notes=notes)


def drill_rollover() -> DrillReport:
    """Walk one city's authority through every state under load."""
    with _cities(NANTONG, SHANGHAI) as homes, load_between(homes[0], homes[1], (NANTONG.code, SHANGHAI.code)) as tally:
        begun, notes, times = time.perf_counter(), list[str](), list[float]()
        for name, step in _rollover_steps(homes[0]):
            times.append(_timed_ms(step))
            notes.append(f"{name}: {times[-1]:.0f} ms")
            say(notes[-1])
        seconds = time.perf_counter() - begun
    return DrillReport("rollover", tally.calls, tally.errors, round(seconds, 2), times, notes=notes)


def drill_revoke(*, streams: int = STREAMS) -> DrillReport:
    """Revoke a partner's gateway leaf while it holds streams open; another partner's must go on."""
    with _cities(SHANGHAI, NANTONG, SUZHOU) as homes:
        return asyncio.run(_revoke(homes, streams))


async def _revoke(homes: Sequence[Home], streams: int) -> DrillReport:
    shanghai, nantong, suzhou = homes
    theirs = _Streams(shanghai, _keys(nantong))
    others = _Streams(shanghai, _keys(suzhou))
    await theirs.open(streams)
    await others.open(OTHERS)
    begun = time.perf_counter()
    watch = asyncio.gather(*(theirs.ended_ms(call, begun) for call in theirs.calls))
    effect = await asyncio.to_thread(_revoke_leaf, shanghai, _keys(nantong))
    seconds = time.perf_counter() - begun
    async with asyncio.timeout(WITHIN_S):
        ended = sorted(await watch)
    await asyncio.sleep(0.5)
    cut = sum(call.done() for call in others.calls)
    await others.close()
    await theirs.close()
    notes = [
        f"{effect.calls_cut} calls cut, {effect.calls_kept} kept",
        f"at the node: median {effect.median_ms:.1f} ms, slowest {effect.slowest_ms:.1f} ms after the change of trust",
        "effect_ms: at the client, from asking for the revocation to each stream's status",
    ]
    return DrillReport("revoke", effect.calls_cut, [], round(seconds, 3), ended, others_cut=cut, notes=notes)


class _Streams:
    """Deliver streams of one gateway that say nothing."""

    def __init__(self, to: Home, keys: Generation) -> None:
        roots = load_generation(to.path, now=SystemClock().now()).own_roots_pem
        credentials = grpc.ssl_channel_credentials(roots, keys.gateway_key_pem, keys.gateway_chain_pem)
        options = [("grpc.ssl_target_name_override", gateway_host(load_settings(to).city))]
        self._channel = grpc.aio.secure_channel(load_settings(to).listen, credentials, options=options)
        self.calls: list[Any] = []

    async def open(self, count: int) -> None:
        stub = exchange_pb2_grpc.ExchangeServiceStub(self._channel)
        self.calls = [stub.Deliver() for _ in range(count)]
        await asyncio.gather(*(call.wait_for_connection() for call in self.calls))
        await asyncio.sleep(1.0)  # the server has admitted them all

    async def ended_ms(self, call: Any, begun: float) -> float:  # noqa: ANN401 - grpc's
        await call.code()
        return round((time.perf_counter() - begun) * 1e3, 1)

    async def close(self) -> None:
        await self._channel.close()


def _introduce(home: Home, partner: Home) -> None:
    settings = load_settings(partner)
    bundle = current_bundle(partner, settings.advertised, now=SystemClock().now())
    request = node_pb2.AddPartnerRequest(bundle=bundle.data, endpoint=settings.advertised)
    with open_session(home.path) as session:
        session.stub.AddPartner(request)


def _revoke_leaf(home: Home, keys: Generation) -> node_pb2.RevocationEffect:
    subject = f"{keys.city}:{fingerprint_of(keys.gateway.leaf)}"
    request = node_pb2.RevokeRequest(grain="leaf", subject=subject, reason="drill")
    with open_session(home.path) as session:
        effect: node_pb2.RevocationEffect = session.stub.Revoke(request).effect
    return effect


def _rollover_steps(home: Home) -> Iterator[tuple[str, Callable[[], object]]]:
    def ring() -> Ring:
        return open_ring(_place(home))

    yield "prepare", lambda: rollover.prepare(ring(), rollover.make_next(ring(), ring().next_folder))
    yield "distribute", lambda: _until(lambda: _distributed(ring()))
    yield "activate", lambda: rollover.activate(ring(), [], None)
    yield "distribute again", lambda: _until(lambda: _distributed(ring()))
    yield "retire", lambda: _until(lambda: rollover.retire(ring(), destroy=True))
    yield "distribute for the last time", lambda: _until(lambda: _distributed(ring()))


def _distributed(ring: Ring) -> None:
    answer = readiness.distribute(ring)
    rollover.mark_distributed(ring, answer, [])
    readiness.require_nobody_breaks(answer, [])


def _until(step: Callable[[], object]) -> None:
    """Do a step again while it says that somebody is not ready yet."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            step()
        except Conflict:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _renew(home: Home) -> None:
    place = _place(home)
    files = renewed_files(home.path, load_authority(home.path), now=place.now, random=os.urandom)
    install_generation(home.path, files, now=place.now)
    place.reload()


def _place(home: Home) -> Place:
    return opened_home(home.path)


def _keys(home: Home) -> Generation:
    return load_generation(home.path, now=SystemClock().now())


def _timed_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return round((time.perf_counter() - begun) * 1e3, 1)


@contextmanager
def _cities(*cities: DemoCity) -> Iterator[list[Home]]:
    """Make cities that all know the first one, and serve while the block runs."""
    with TemporaryDirectory(prefix="yrdx-drill-") as name, ExitStack() as stack:
        homes = [create_city(Path(name), city) for city in cities]
        for other in homes[1:]:
            _introduce(homes[0], other)
            _introduce(other, homes[0])
        for home in homes:
            stack.enter_context(NodeProcess(home))
        yield homes
