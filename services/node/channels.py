"""Channels to partners, one each, replaced without a failed call when keys, bundle or address change.

A channel never learns new certificates. So a change opens another one beside it, asks one question over it (the
canary), and only then lets it take over: the old one ends what is under way and is closed. A canary that fails leaves
the old channel in its place, and the next look tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from adapters.partner.channel import GrpcPartnerChannel, PartnerCredentials
from certs.generation import Generation
from services.domain.errors import ExchangeError, Unauthenticated
from services.domain.partner import PartnerState
from services.node.trust import Trust
from services.ports.calls import CallObserver
from services.ports.channel import PartnerChannel

_log = structlog.get_logger("yrdx.channels")

CANARY_S: Final = 10.0
DRAIN_S: Final = 60.0
"""Time that open sessions get to end; they need that of their unanswered batches."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a channel is made of; another route means another channel.

    Attributes:
        city: Partner.
        endpoint: Its address.
        credentials: What is shown and believed.
        revoked: What of the partner's was revoked; another set alone makes no other route.
    """

    city: str
    endpoint: str
    credentials: PartnerCredentials = field(repr=False)
    revoked: frozenset[str] = field(default=frozenset(), compare=False)

    def open(self, observer: CallObserver) -> GrpcPartnerChannel:
        """Open a channel whose calls an observer is told of."""
        return GrpcPartnerChannel(self.city, self.endpoint, self.credentials, observer)

    def believes_as(self, other: Route) -> bool:
        """Whether two routes differ in our own certificate alone."""
        mine, theirs = (self.endpoint, self.credentials.roots_pem), (other.endpoint, other.credentials.roots_pem)
        return mine == theirs

    def distrusts(self, other: Route) -> bool:
        """Whether something was revoked since another route."""
        return not self.revoked <= other.revoked


class Channels:
    """The channels of a node."""

    def __init__(self, trust: Trust, observer: CallObserver, *, drain_s: float = DRAIN_S) -> None:
        """Begin without a channel.

        Args:
            trust: Present state of trust.
            observer: Is told of every call.
            drain_s: Time that open sessions of a replaced channel get to end.
        """
        self._trust = trust
        self._observer = observer
        self._drain_s = drain_s
        self._open: dict[str, tuple[Route, GrpcPartnerChannel]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def get(self, city: str) -> PartnerChannel:
        """Return the channel to a partner.

        Raises:
            PartnerUnknown: Not a confirmed partner.
        """
        route = self._route(city)
        present = self._open.get(city)
        if present is None:
            self._open[city] = (route, route.open(self._observer))
        elif not route.believes_as(present[0]):
            # The partner's authorities or address changed: what the old channel reaches may be nobody we believe.
            if route.distrusts(present[0]):
                await self.close(city)
            await self._swap(city, route, route.open(self._observer))
        return self._open[city][1]

    async def refresh(self) -> Mapping[str, str]:
        """Bring every open channel up to the present state of trust.

        Returns:
            City → why its new channel did not work, so that the old one stays.
        """
        async with self._turn:
            cities = list(self._open)
            said = await asyncio.gather(*(self._refresh(city) for city in cities))
            return {city: why for city, why in zip(cities, said, strict=True) if why}

    @property
    def draining(self) -> int:
        """Channels that were replaced and still end what is under way."""
        return len(self._retiring)

    async def canaries(self, generation: Generation) -> Mapping[str, str]:
        """Ask every live partner one question with another generation's leaf, over a channel of its own.

        Returns:
            City → why it does not work; empty where it does.
        """
        live = [one.city for one in self._trust.state.partners.values() if one.state is PartnerState.LIVE]
        said = await asyncio.gather(*(self._canary(city, generation) for city in live))
        return dict(zip(live, said, strict=True))

    async def _canary(self, city: str, generation: Generation) -> str:
        route = self._route(city)
        shown = replace(route.credentials, chain_pem=generation.gateway_chain_pem, key_pem=generation.gateway_key_pem)
        channel = replace(route, credentials=shown).open(self._observer)
        try:
            async with asyncio.timeout(CANARY_S):
                await channel.describe()
        except (ExchangeError, TimeoutError) as error:
            return str(error) or "no answer in time"
        finally:
            await channel.close()
        return ""

    async def close(self, city: str) -> None:
        """Close the channel to a partner at once; its calls end as `Unavailable`."""
        known = self._open.pop(city, None)
        if known is not None:
            await known[1].close()

    async def close_all(self) -> None:
        """Close every channel, also those that drain."""
        for city in list(self._open):
            await self.close(city)
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _refresh(self, city: str) -> str:
        if city not in self._trust.state.partners:
            await self.close(city)
            return ""
        present = self._open[city][0]
        try:
            route = self._route(city)
        except Unauthenticated as error:
            await self.close(city)
            return str(error)
        if route == present:
            return ""
        if route.distrusts(present):
            # The other end may be whoever holds the revoked key: nothing more goes there, and nothing is asked first.
            await self.close(city)
            self._open[city] = (route, route.open(self._observer))
            _log.warning("channel.cut", city=city)
            return ""
        channel = route.open(self._observer)
        try:
            async with asyncio.timeout(CANARY_S):
                await channel.describe()
        except (ExchangeError, TimeoutError) as error:
            await channel.close()
            # Its text may be the partner's; `yrdx doctor --partner` says what is wrong.
            reason = error.reason if isinstance(error, ExchangeError) else "TIMEOUT"
            _log.warning("channel.canary_failed", city=city, reason=reason)
            return str(error) or "no answer in time"
        await self._swap(city, route, channel)
        return ""

    async def _swap(self, city: str, route: Route, channel: GrpcPartnerChannel) -> None:
        known = self._open.get(city)
        self._open[city] = (route, channel)
        if known is None:
            return
        task = asyncio.create_task(self._retire(city, known[1]))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, city: str, channel: GrpcPartnerChannel) -> None:
        try:
            await channel.retire(self._drain_s)
        finally:
            await channel.close()
        _log.info("channel.replaced", city=city)

    def _route(self, city: str) -> Route:
        partner, _ = self._trust.partner(city)
        roots_pem = self._trust.state.partner_roots_pem[city]
        if not roots_pem:
            raise Unauthenticated(
                f"every gateway's leaf that the bundle of {city} names was revoked here: import its next bundle"
            )
        generation = self._trust.state.generation
        credentials = PartnerCredentials(
            roots_pem=roots_pem, chain_pem=generation.gateway_chain_pem, key_pem=generation.gateway_key_pem
        )
        return Route(city, partner.endpoint, credentials, self._trust.state.revoked[city])
