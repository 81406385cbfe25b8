"""Agreements: what lets a stream exist."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

from services.domain.stream import StreamName

LOCAL_TIME: Final = timezone(timedelta(hours=8), "UTC+8")
"""Agreements are dated in the delta's local time."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far two nodes' clocks may differ when an agreement's dates are judged."""


class Terms(NamedTuple):
    """What a submission is held to.

    Attributes:
        dataset: Dataset.
        standard: Version of its standard that is spoken.
        fields: Field names that may be submitted; ``("*",)`` means all.
    """

    dataset: str
    standard: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One dataset from one city to one other, for stated purposes.

    Attributes:
        id: Identifier both cities use, "NT-SH-2026-001".
        version: From 1, rising.
        provider: City that sends, or answers.
        consumer: City that receives, or asks.
        dataset: "social.contribution".
        standard: Newest version of the dataset's standard that may be sent or asked for (`services.domain.standard`).
        mode: "push" or "pull"; or "lookup": no stream exists by it, the consumer asks and the provider answers.
        fields: Field names that may be sent, or that answers may be taken from; ``("*",)`` means all.
        purposes: What the records or answers may be used for.
        legal_basis: The legal basis, as text.
        valid_from: First day, local time.
        valid_until: Last day, inclusive, local time.
        retention_days: Days after which payloads are deleted, and answers at the city that asked.
        records_per_minute: Quota, of records or of questions; None is unlimited.
    """

    id: str
    version: int
    provider: str
    consumer: str
    dataset: str
    standard: str
    mode: str
    fields: tuple[str, ...]
    purposes: tuple[str, ...]
    legal_basis: str
    valid_from: date
    valid_until: date
    retention_days: int
    records_per_minute: int | None = None

    @property
    def stream(self) -> StreamName:
        """The stream that this agreement lets exist; by one of the mode "lookup" none does."""
        return StreamName(self.provider, self.consumer, self.dataset)

    def allows(self, fields: Collection[str]) -> bool:
        """Say whether some fields are among those of the agreement."""
        return "*" in self.fields or set(fields) <= set(self.fields)

    def in_force(self, at: datetime, skew: timedelta = CLOCK_SKEW) -> bool:
        """Say whether the agreement covers an instant, allowing for clock skew.

        Args:
            at: Aware instant; for a batch its sealed time.
            skew: Tolerance on both ends.
        """
        first = datetime.combine(self.valid_from, datetime.min.time(), LOCAL_TIME)
        end = datetime.combine(self.valid_until + timedelta(days=1), datetime.min.time(), LOCAL_TIME)
        return first - skew <= at < end + skew
