"""The calling side: one partner's gateway."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from services.domain.batch import Batch, Record, Signed
from services.domain.limits import Limits


class DescribedAgreement(NamedTuple):
    """An agreement that a partner holds with this city (``DescribeResponse.Agreement``)."""

    id: str
    version: int
    provider: str
    consumer: str
    dataset: str
    standard: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a partner's ``Describe`` says, as far as the exchange uses it."""

    city: str
    software: str
    datasets: tuple[tuple[str, tuple[str, ...]], ...]
    agreements: tuple[DescribedAgreement, ...]
    limits: Limits
    node_time: datetime
    keystore_generation: int
    keystore_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptedBatch:
    """One batch as the receiver keeps it (``yrdx.exchange.v1.ReceiptedBatch``)."""

    signed_header: Signed
    receipt: Signed
    leaves: bytes
    records: Sequence[Record]


class DeliverSession(Protocol):
    """One open ``Deliver`` stream. Every method raises the domain error that the partner answered."""

    async def open(self, opening: Signed) -> Signed:
        """Send the opening and return the receiver's signed position."""
        ...

    async def send(self, batch: Batch) -> None:
        """Send one batch; returns when flow control let it go."""
        ...

    async def receive(self) -> tuple[int, Signed]:
        """Return the next acknowledgement: (watermark, signed receipt)."""
        ...


class PartnerChannel(Protocol):
    """A partner's ExchangeService. Every call raises domain errors (`services.domain.errors`)."""

    @property
    def retiring(self) -> bool:
        """Whether another channel took this one's place: sessions end once what they sent is answered."""
        ...

    def kept(self) -> AbstractContextManager[None]:
        """Keep the channel open while the block runs, between its calls too: one that is replaced closes once idle."""
        ...

    async def describe(self) -> Description:
        """Ask who the partner is."""
        ...

    def deliver(self) -> AbstractAsyncContextManager[DeliverSession]:
        """Open a ``Deliver`` stream; leaving the context ends it."""
        ...

    async def list_receipts(
        self, stream: str, epoch: int, *, after_sequence: int, full: bool
    ) -> tuple[Sequence[ReceiptedBatch], bool]:
        """Return receipts after a sequence and whether there are more."""
        ...

    async def offer_bundle(self, bundle: bytes) -> Signed:
        """Hand over this city's bundle and return the partner's signed acknowledgement, not verified yet."""
        ...

    async def ask(self, method: str, question: bytes) -> bytes:
        """Ask a question of a typed service.

        Args:
            method: Full name of the rpc, "/yrdx.care.v1.CareService/GetCoverage".
            question: Serialised request.

        Returns:
            Serialised response.
        """
        ...

    async def close(self) -> None:
        """Close the channel."""
        ...
