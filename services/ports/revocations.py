"""Revocations as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.revocation import CrlState, Revocation


class RevocationsPort(Protocol):
    """What was revoked."""

    def revocations(self) -> Sequence[Revocation]:
        """Return all revocations, oldest first."""
        ...

    def put_revocations(self, revocations: Sequence[Revocation]) -> int:
        """Insert revocations; one that stands already stays as it is.

        Returns:
            How many are new.
        """
        ...

    def revoked_agreements(self) -> frozenset[str]:
        """Return the identifiers of agreements that were revoked."""
        ...

    def revocation_stamp(self) -> int:
        """Return a number that rises with every change of revocations; costs one index look-up."""
        ...

    def crls(self) -> Sequence[CrlState]:
        """Return the last list of each authority."""
        ...

    def put_crl(self, crl: CrlState) -> None:
        """Insert or replace an authority's list."""
        ...
