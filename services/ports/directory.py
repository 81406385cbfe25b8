"""Partners and agreements as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.agreement import Agreement
from services.domain.partner import Partner


class Agreements(Protocol):
    """What lets streams exist."""

    def agreements(self) -> Sequence[Agreement]:
        """Return every version of every agreement, by id and version."""
        ...

    def revoked_agreements(self) -> frozenset[str]:
        """Return the identifiers of agreements that were revoked."""
        ...


class Directory(Agreements, Protocol):
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

    def agreement_versions(self, agreement_id: str) -> Sequence[Agreement]:
        """Return every version of one agreement, the oldest first."""
        ...

    def put_agreement(self, agreement: Agreement) -> None:
        """Insert one version of an agreement.

        Raises:
            ValueError: That version stands already with another content.
        """
        ...
