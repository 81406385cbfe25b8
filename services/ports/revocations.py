"""Revocations and acknowledgements of bundles as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.bundle_ack import BundleAck
from services.domain.revocation import CrlState, Revocation


class RevocationsPort(Protocol):
    """What was revoked, and who holds which bundle."""

    def revocations(self) -> Sequence[Revocation]:
        """Return all revocations, oldest first."""
        ...

    def put_revocations(self, revocations: Sequence[Revocation]) -> int:
        """Insert revocations; one that stands already stays as it is.

        Returns:
            How many are new.
        """
        ...

    def lift_city(self, city: str, lift: Revocation) -> None:
        """Take the revocation of a city back, and keep who did so and why.

        Args:
            city: City code.
            lift: Of the grain LIFT.
        """
        ...

    def revoked_agreements(self) -> frozenset[str]:
        """Return the identifiers of agreements that were revoked."""
        ...

    def revocation_stamp(self) -> int:
        """Return a number that rises with every change of revocations; costs one index look-up."""
        ...

    def bundle_acks(self) -> Sequence[BundleAck]:
        """Return the last acknowledgement of each partner."""
        ...

    def put_bundle_ack(self, ack: BundleAck) -> None:
        """Insert or replace a partner's acknowledgement."""
        ...

    def crls(self) -> Sequence[CrlState]:
        """Return the last list of each authority."""
        ...

    def put_crl(self, crl: CrlState) -> None:
        """Insert or replace an authority's list."""
        ...
