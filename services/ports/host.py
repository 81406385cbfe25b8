"""The running node around the services: couriers, trust, channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain.partner import Partner
from services.domain.stream import StreamName
from services.ports.channel import PartnerChannel
from services.ports.keys import Keys


class Host(Protocol):
    """What an operator's call reaches beyond the store. A node that does not serve has no couriers to wake."""

    @property
    def listen(self) -> str:
        """Address the node listens on, "host:port"; empty when it does not serve."""
        ...

    @property
    def started(self) -> datetime:
        """When the process started."""
        ...

    @property
    def generation(self) -> int:
        """Generation of the key store that is loaded."""
        ...

    @property
    def fingerprint(self) -> str:
        """Fingerprint of that generation."""
        ...

    @property
    def keys(self) -> Keys:
        """The node's own keys and every certificate it knows."""
        ...

    @property
    def confirms_by_itself(self) -> bool:
        """Whether partners are confirmed without a fingerprint: demo homes only."""
        ...

    def wake(self, stream: StreamName) -> None:
        """Tell the stream's courier that rows were submitted, or that an operator acted."""
        ...

    def wake_all(self) -> None:
        """Tell every courier to look again now: partners or agreements changed."""
        ...

    def last_error(self, stream: StreamName) -> str:
        """Return the last failure in delivery; empty when the last attempt succeeded."""
        ...

    def require_admissible(self, partners: Sequence[Partner]) -> None:
        """Make sure that partners can be trusted side by side: no authority stands under two cities.

        Raises:
            services.domain.errors.Malformed: They cannot.
        """
        ...

    async def trust_changed(self) -> None:
        """Load partners anew: roots of the handshake, callers, signing keys."""
        ...

    async def channel(self, city: str) -> PartnerChannel:
        """Return the channel to a partner.

        Raises:
            services.domain.errors.PartnerUnknown: Not a partner.
        """
        ...
