from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from services.domain.batch import Batch, Signed
from services.domain.errors import (
    AgreementMissing,
    ExchangeError,
    HeadMismatch,
    QuotaExceeded,
    Recovering,
    SequenceGap,
    Unavailable,
)
from services.domain.limits import Limits
from services.domain.stream import Direction, StreamState
from services.node.couriers import Couriers
from services.node.settings import DeliverySettings
from services.node.signals.batches import Batches
from services.node.signals.metrics import Metrics
from services.ports.channel import Description, PartnerChannel
from tests.simulation.cities import DATASET, SHANGHAI, STREAM
from tests.simulation.world import World

QUICK = DeliverySettings(backoff_max_s=0.01, probe_s=0.01, lease_s=2)


class LoopbackChannel:
    """The receiver of a simulated world as a partner's channel; fails as told before it answers."""

    def __init__(self, world: World, failures: list[ExchangeError]) -> None:
        self.world = world
        self.failures = failures
        self.sessions = 0
        self.retiring = False
        self.standards: tuple[str, ...] = ("1",)
        self.upgrade: Callable[[Couriers], Awaitable[None]] | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Nothing takes its place while it is used."""
        yield

    async def describe(self) -> Description:
        """Say which versions of the one dataset the receiver knows."""
        clock = self.world.clock.now()
        return Description(SHANGHAI, "0", ((DATASET, self.standards),), (), Limits(), clock, 1)

    @asynccontextmanager
    async def deliver(self) -> AsyncIterator[LoopbackSession]:
        """Open a session."""
        self.sessions += 1
        yield LoopbackSession(self)


class LoopbackSession:
    """Answers from the world's receiver."""

    def __init__(self, channel: LoopbackChannel) -> None:
        self._channel = channel
        self._receipts: asyncio.Queue[Signed] = asyncio.Queue()

    async def open(self, opening: Signed) -> Signed:
        """Answer an opening, or fail."""
        if self._channel.failures:
            raise self._channel.failures.pop(0)
        return self._channel.world.answer(opening)

    async def send(self, batch: Batch) -> None:
        """Apply a batch."""
        self._receipts.put_nowait(self._channel.world.apply(batch))

    async def receive(self) -> tuple[int, Signed]:
        """Acknowledge."""
        return 0, await self._receipts.get()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Rows wait at the sender."""
    world = World(tmp_path)
    world.submit("a", 9, answer_lost=False)
    yield world
    world.close()


async def run_until_delivered(
    world: World, failures: list[ExchangeError], channel: LoopbackChannel | None = None
) -> tuple[LoopbackChannel, Couriers]:
    """Run the couriers until nothing is pending, or the stream is diverged."""
    channel = channel or LoopbackChannel(world, failures)

    async def to_partner(_city: str) -> PartnerChannel:
        return channel  # type: ignore[return-value]  # couriers use nothing but describe(), deliver() and retiring

    couriers = Couriers(
        world.sender_parts, world.store("sender"), to_partner, QUICK, holder="host:home", batches=Batches(Metrics())
    )
    task = asyncio.create_task(couriers.run())
    try:
        async with asyncio.timeout(10):
            if channel.upgrade is not None:
                await channel.upgrade(couriers)
            # The world is plain objects: it has no event to wait for.
            while world.pending() and world.state("sender", Direction.OUTBOUND) is not StreamState.DIVERGED:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return channel, couriers


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("not there"),
        QuotaExceeded("slow down", retry_after_s=0.01),
        AgreementMissing("not yet"),
        Recovering("restored"),
        SequenceGap(1),
    ],
)
async def test_what_time_or_the_other_side_mends_is_tried_again(world: World, failure: ExchangeError) -> None:
    """A courier goes on by itself, again and again."""
    channel, _ = await run_until_delivered(world, [failure])
    assert channel.sessions == 2
    assert set(world.inbox()) == world.expected()


async def test_a_different_history_waits_for_an_operator(world: World) -> None:
    """The stream is DIVERGED with the reason, and nothing is sent."""
    channel, _ = await run_until_delivered(world, [HeadMismatch("another history")])
    assert world.state("sender", Direction.OUTBOUND) is StreamState.DIVERGED
    assert world.inbox() == []
    assert channel.sessions == 1


async def test_gaps_in_a_row_end_in_diverged(world: World) -> None:
    """Sent again once, then after a back-off, then an operator."""
    channel, couriers = await run_until_delivered(world, [SequenceGap(1) for _ in range(9)])
    assert channel.sessions == 3
    assert world.state("sender", Direction.OUTBOUND) is StreamState.DIVERGED
    assert "SEQUENCE_GAP" in couriers.last_error(STREAM)


async def test_the_last_error_is_forgotten_when_the_partner_answers(world: World) -> None:
    """Operators see present trouble only."""
    _, couriers = await run_until_delivered(world, [Unavailable("not there")])
    assert couriers.last_error(STREAM) == ""


async def test_a_partner_without_the_standard_is_asked_again_until_it_has_it(world: World) -> None:
    """Nothing is opened, both versions are told, nobody needs to act here, and it flows once the partner upgraded."""
    channel = LoopbackChannel(world, [])
    channel.standards = ("2",)
    told: list[str] = []

    async def upgrade(couriers: Couriers) -> None:
        while "STANDARD_INCOMPATIBLE" not in couriers.last_error(STREAM):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        told.append(couriers.last_error(STREAM))
        assert channel.sessions == 0
        channel.standards = ("1", "1.1")

    channel.upgrade = upgrade
    await run_until_delivered(world, [], channel)

    assert "this city has 1, 310000 has 2" in told[0]
    assert world.state("sender", Direction.OUTBOUND) is StreamState.OPEN
    assert set(world.inbox()) == world.expected()
