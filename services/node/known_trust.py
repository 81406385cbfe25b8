"""What the store says about trust, read as one snapshot, and the revocations in the form that verifies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from certs.revocation import Revocations
from services.domain.partner import Partner
from services.domain.revocation import CrlState, Grain, Revocation
from services.ports.store import Transaction

CRL_GRACE: Final = timedelta(days=7)
"""A list that has ended is still believed for this long, with an alert every day; then nothing of its authority is:
a partner whose lists stop coming is one whose revocations nobody would see."""


@dataclass(frozen=True, slots=True)
class KnownTrust:
    """One snapshot.

    Attributes:
        partners: Partners.
        revocations: Revocations, oldest first.
        crls: Last list of each authority.
    """

    partners: Sequence[Partner]
    revocations: Sequence[Revocation]
    crls: Sequence[CrlState]


def known_trust(tx: Transaction) -> KnownTrust:
    """Read a snapshot."""
    return KnownTrust(tx.partners(), tx.revocations(), tx.crls())


def revocations_of(known: KnownTrust, *, now: datetime) -> Revocations:
    """Return revocations as `certs.verification` asks them."""
    subjects: dict[Grain, set[str]] = defaultdict(set)
    for one in known.revocations:
        subjects[one.grain].add(one.subject)
    return Revocations(
        leaves=_by_owner(subjects[Grain.LEAF]),
        serials={
            owner: frozenset(int(serial, 16) for serial in serials)
            for owner, serials in _by_owner(subjects[Grain.SERIAL]).items()
        },
        authorities=frozenset(subjects[Grain.AUTHORITY]),
        cities=frozenset(subjects[Grain.CITY]),
        agreements=frozenset(subjects[Grain.AGREEMENT]),
        stale=stale_authorities(known, now=now),
    )


def stale_authorities(known: KnownTrust, *, now: datetime) -> frozenset[str]:
    """Authorities whose list ended so long ago that nothing of theirs is believed."""
    return frozenset(crl.authority for crl in known.crls if now > crl.next_update + CRL_GRACE)


def _by_owner(subjects: set[str]) -> dict[str, frozenset[str]]:
    """Group "owner:what"."""
    found: dict[str, set[str]] = defaultdict(set)
    for subject in subjects:
        owner, _, what = subject.partition(":")
        found[owner].add(what)
    return {owner: frozenset(what) for owner, what in found.items()}
