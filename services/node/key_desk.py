"""The key store as an operator sees it: implements `services.ports.keys.Keys`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

from certs.inventory import InventoryEntry, bundle_entries, own_entries
from certs.keystore import generation_numbers
from services.node.rotation import Rotation
from services.node.trust import Trust
from services.ports.clock import Clock
from services.ports.keys import CertificateStatus, KeysStatus


class KeyDesk:
    """The key store of a node.

    Attributes:
        uses: SHA-256 of an authority → when a leaf of it was shown last, and by whom; the server fills it in.
    """

    def __init__(self, home: Path, trust: Trust, rotation: Rotation, clock: Clock, draining: Callable[[], int]) -> None:
        """Look at a node's trust, rotation and channels."""
        self._draining = draining
        self.uses: dict[str, tuple[datetime, str]] = {}
        self._home = home
        self._trust = trust
        self._rotation = rotation
        self._clock = clock

    def status(self) -> KeysStatus:
        """See the port."""
        rotation, refusal = self._rotation, self._rotation.refusal
        return KeysStatus(
            generation=rotation.generation.number,
            fingerprint=rotation.generation.fingerprint,
            loaded=rotation.loaded,
            renews=rotation.renewal_time,
            generations=generation_numbers(self._home),
            refused=refusal.time if refusal else None,
            refused_reason=refusal.reason if refusal else "",
            refused_message=refusal.message if refusal else "",
            draining=self._draining(),
            uses=dict(self.uses),
            certificates=list(self._certificates(self._clock.now())),
        )

    async def reload(self) -> None:
        """See the port."""
        await self._rotation.reload()

    def _certificates(self, now: datetime) -> Iterator[CertificateStatus]:
        state = self._trust.state
        partners = chain.from_iterable(bundle_entries(bundle) for _, bundle in sorted(state.bundles.items()))
        for entry in chain(own_entries(state.generation), partners):
            yield _status(entry, now)


def _status(entry: InventoryEntry, now: datetime) -> CertificateStatus:
    return CertificateStatus(
        city=entry.city,
        usage=entry.usage,
        name=entry.name,
        serial=entry.serial,
        fingerprint=entry.fingerprint,
        not_before=entry.not_before,
        not_after=entry.not_after,
        state=entry.state,
        alert=entry.alert(now).value,
    )
