"""Partners and agreements as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.agreement import Agreement
from services.domain.partner import Partner


class Directory(Protocol):
    """Whom a node knows and what was agreed."""

    def partners(self) -> Sequence[Partner]:
        """Return all partners by city code."""
        ...

    def partner(self, city: str) -> Partner | None:
        """Return one partner."""
        ...

    def put_partner(self, partner: Partner) -> None:
        """Insert or replace a partner."""
        ...

    def agreements(self) -> Sequence[Agreement]:
        """Return every version of every agreement, by id and version."""
        ...

    def put_agreement(self, agreement: Agreement) -> None:
        """Insert one version of an agreement.

        Raises:
            ValueError: That version stands already with another content.
        """
        ...
