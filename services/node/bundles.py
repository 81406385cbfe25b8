"""This city's bundle on its way to partners: offered to each until it is acknowledged, by signature.

The bundle itself is made by `yrdx bundle export` and `yrdx ca …`, with the offline key; here its file is only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from adapters.partner.retry import Backoff
from certs.bundle import SignedBundle, read_bundle
from certs.errors import BundleRefused, Reason
from certs.signing import PublicSigningKey
from services.domain.batch import Signed
from services.domain.bundle_ack import BundleAck
from services.domain.errors import ExchangeError, Malformed, NotFound
from services.domain.partner import Partner, PartnerState
from services.domain.tags import BUNDLE_ACK
from services.exchange.deliver import written
from services.exchange.parts import Parts
from services.ports.channel import PartnerChannel
from services.ports.store import Store, Transaction
from services.wire.contract import verify_rules
from services.wire.times import time_from_pb
from yrdx.exchange.v1 import exchange_pb2

_log = structlog.get_logger("yrdx.bundles")

LOOK_S: Final = 5.0


class Bundles:
    """Hands this city's bundle to its partners."""

    def __init__(
        self, path: Path, parts: Parts, store: Store, channel: Callable[[str], Awaitable[PartnerChannel]]
    ) -> None:
        """Prepare.

        Args:
            path: File of this city's bundle; it need not exist yet.
            parts: Ports.
            store: Partners and acknowledgements.
            channel: Returns the channel to a city.
        """
        self._path = path
        self._parts = parts
        self._store = store
        self._channel = channel
        self._pauses: dict[str, tuple[Backoff, float]] = {}

    async def run(self) -> None:
        """Offer the bundle again and again until cancelled; a partner that fails is left alone for a while."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._path.exists():
                    await self._offer_due()
            except (ExchangeError, BundleRefused, OSError) as error:
                _log.warning("bundle.not_offered", message=str(error))

    async def distribute(self) -> Mapping[str, str]:
        """Offer the present bundle to every live partner that has not acknowledged it.

        Returns:
            City → why it did not acknowledge it.

        Raises:
            NotFound: There is no bundle yet.
        """
        signed, errors = self.present(), dict[str, str]()
        for partner in await self._waiting(signed):
            why = await self._offer(partner.city, signed)
            if why:
                errors[partner.city] = why
        return errors

    def present(self) -> SignedBundle:
        """Read the city's bundle.

        Raises:
            NotFound: There is none yet.
        """
        if not self._path.exists():
            raise NotFound("this city has no bundle yet: `yrdx bundle export`")
        return read_bundle(self._path.read_bytes())

    def version_and_digest(self) -> tuple[int, str]:
        """Return version and digest of the present bundle."""
        signed = self.present()
        return signed.bundle.version, signed.digest

    async def _offer_due(self) -> None:
        signed = self.present()
        for partner in await self._waiting(signed):
            backoff, until_s = self._pauses.get(partner.city, (Backoff(self._parts.random), 0.0))
            if self._parts.clock.monotonic_s() < until_s:
                continue
            if await self._offer(partner.city, signed):
                self._pauses[partner.city] = (backoff, self._parts.clock.monotonic_s() + backoff.after(None))
            else:
                self._pauses.pop(partner.city, None)

    async def _waiting(self, signed: SignedBundle) -> Sequence[Partner]:
        partners, acks = await asyncio.to_thread(self._store.read, lambda tx: (tx.partners(), tx.bundle_acks()))
        done = {ack.city for ack in acks if ack.digest == signed.digest}
        return [one for one in partners if one.state is PartnerState.LIVE and one.city not in done]

    async def _offer(self, city: str, signed: SignedBundle) -> str:
        try:
            channel = await self._channel(city)
            answer = await channel.offer_bundle(signed.data)
            ack = verify_ack(self._parts, city, signed, answer)
        except ExchangeError as error:
            _log.warning("bundle.refused", city=city, version=signed.bundle.version, reason=error.reason)
            return f"[{error.reason}] {error}"
        await written(self._store.write(partial(_put, ack=ack)))
        _log.info("bundle.acknowledged", city=city, version=signed.bundle.version)
        return ""


def stated_keys(path: Path, city: str) -> Sequence[PublicSigningKey]:
    """Return every signing key that the city's bundle states, retired ones too; none before its first bundle.

    Args:
        path: File of the city's bundle.
        city: The city.

    Raises:
        BundleRefused: The file is damaged, or another city's.
        OSError: It cannot be read.
    """
    if not path.exists():
        return ()
    bundle = read_bundle(path.read_bytes()).bundle
    if bundle.city != city:
        raise BundleRefused(Reason.CITY_MISMATCH, f"{path} is the bundle of {bundle.city}: restore it from the backup")
    return bundle.signing_keys


def verify_ack(parts: Parts, city: str, signed: SignedBundle, answer: Signed) -> BundleAck:
    """Return a partner's acknowledgement, once its signature stands and it is about this very bundle.

    Raises:
        Malformed: It is not.
    """
    parts.verifier.verify(city, BUNDLE_ACK, answer)
    said = verify_rules(exchange_pb2.BundleAcknowledgement.FromString(answer.content))
    wanted = (city, signed.bundle.city, signed.bundle.version, signed.digest)
    if (said.city, said.bundle_city, said.version, said.digest.hex()) != wanted:
        raise Malformed(f"{city} acknowledges another bundle than the one that it was offered")
    at = time_from_pb(said.acknowledged_time)
    return BundleAck(city, said.version, said.digest.hex(), at, answer.content, answer.key_id, answer.signature)


def _put(tx: Transaction, ack: BundleAck) -> None:
    tx.put_bundle_ack(ack)
