"""The running node around the services: couriers, trust, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.domain.partner import Partner
from services.domain.revocation import CrlState, Revocation
from services.domain.stream import StreamName
from services.domain.working_days import WorkingDays
from services.ports.channel import PartnerChannel
from services.ports.keys import CertificateStatus, Keys


@dataclass(frozen=True, slots=True)
class Cut:
    """What a change of trust cut.

    Attributes:
        calls: How many open calls.
        others: How many stay.
        slowest_s: Time from the change being in force to the last of them having its status.
        times_s: The same for each, rising.
    """

    calls: int
    others: int
    times_s: tuple[float, ...] = field(default=())

    @property
    def slowest_s(self) -> float:
        """The last one's time; 0 when none was cut."""
        return self.times_s[-1] if self.times_s else 0.0


class BundleOffers(Protocol):
    """This city's bundle on its way to partners."""

    async def distribute(self) -> Mapping[str, str]:
        """Offer the present bundle to every live partner that has not acknowledged it.

        Returns:
            City → why it did not acknowledge it.
        """
        ...

    def version_and_digest(self) -> tuple[int, str]:
        """Return version and digest of the present bundle.

        Raises:
            services.domain.errors.NotFound: There is none yet.
        """
        ...


class Host(Protocol):
    """What an operator's call reaches beyond the store. A node that does not serve has no couriers to wake."""

    @property
    def listen(self) -> str:
        """Address the node listens on, "host:port"; empty when it does not serve."""
        ...

    @property
    def process(self) -> str:
        """This process among those of the node: host and home."""
        ...

    @property
    def started(self) -> datetime:
        """When the process started."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the node was told to stop: calls that wait for something end now."""
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
    def calendar(self) -> WorkingDays:
        """Working days that statutory clocks count."""
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

    async def trust_changed(self) -> Cut:
        """Load partners and revocations anew: roots of the handshake, callers, signing keys, open calls, channels.

        Returns:
            What it cut; nothing when the node does not serve.
        """
        ...

    async def would_cut(self, revoked: Sequence[Revocation]) -> Cut:
        """Tell what revocations would cut if they were made now; nothing is changed.

        Returns:
            Open calls of this process; none when the node does not serve.
        """
        ...

    def certificates_of(self, city: str) -> Sequence[CertificateStatus]:
        """Return the certificates known of a city, ours or a partner's; empty for a city that is not known."""
        ...

    def read_crl(self, city: str, data: bytes) -> tuple[CrlState, Sequence[tuple[int, datetime]]]:
        """Return a revocation list that one of a city's authorities signed: its state, and serials with their times.

        Raises:
            services.domain.errors.Malformed: It is refused, with the reason.
        """
        ...

    @property
    def bundles(self) -> BundleOffers:
        """This city's bundle on its way to partners."""
        ...

    async def try_generation(self, number: int) -> Mapping[str, str]:
        """Call every live partner with the leaf of a generation on disk that is not in use.

        Returns:
            City → why it does not work; empty where it does.

        Raises:
            services.domain.errors.Conflict: The generation itself is refused.
        """
        ...

    async def require_approved(self, act: str, digest: str, approvals: Sequence[bytes]) -> Sequence[str]:
        """Make sure that enough operators approved an act that grants trust.

        Args:
            act: "partner", "lift", "agreement" or "ca".
            digest: SHA-256 of what it is done with, hex.
            approvals: As operators signed them.

        Returns:
            Who approved, as URIs, each followed by "#" and the nonce; empty where none is asked for.

        Raises:
            services.domain.errors.NotPermitted: Too few, or one that does not count.
        """
        ...

    async def record_act(
        self, act: str, subject: str, *, by: str, details: Mapping[str, str], approvals: Sequence[str] = ()
    ) -> None:
        """Write an act on trust into the append-only log; it is on disk when this returns."""
        ...

    async def channel(self, city: str) -> PartnerChannel:
        """Return the channel to a partner.

        Raises:
            services.domain.errors.PartnerUnknown: Not a partner.
            services.domain.errors.Unauthenticated: The node's own certificate has ended.
        """
        ...

    async def ask(self, city: str, method: str, question: bytes) -> bytes:
        """Ask a partner a question of a typed service, again for a few seconds while it is not there.

        Args:
            city: Partner.
            method: Full name of the rpc.
            question: Serialised request.

        Returns:
            Serialised response.

        Raises:
            services.domain.errors.ExchangeError: What the partner answered instead, or why it is not reached.
        """
        ...

    def pseudonym(self, subject: Sequence[str]) -> bytes:
        """Return what stands for a subject in the access log: HMAC-SHA-256 under this node's secret, 32 bytes."""
        ...
