"""Revocations: what an operator, or another city's list, declared believed no longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Grain(StrEnum):
    """How much a revocation takes away."""

    LEAF = "leaf"
    """One certificate; the subject is "<city>:<SHA-256 of its DER, hex>"."""
    SERIAL = "serial"
    """One serial of an authority; the subject is "<SHA-256 of its certificate>:<serial>", hex both."""
    AUTHORITY = "ca"
    """An authority and all its leaves; the subject is the SHA-256 of its certificate, hex."""
    CITY = "city"
    """A partner; the subject is its code."""
    AGREEMENT = "agreement"
    """An agreement in all its versions; the subject is its identifier."""
    LIFT = "lift"
    """Takes nothing away: a city's revocation ended; the subject is "<city>:<when>"."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation; only a city's is ever taken back, and that it was stands here too.

    Attributes:
        grain: How much.
        subject: What, see `Grain`.
        reason: Why, for people.
        revoked_by: URI of the operator, or "crl".
        revoked_at: When.
    """

    grain: Grain
    subject: str
    reason: str
    revoked_by: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class CrlState:
    """The last list of an authority that was imported.

    Attributes:
        authority: SHA-256 of the authority's certificate, hex.
        city: Whose authority.
        number: Its number, rising with every list.
        this_update: When it was made.
        next_update: Until when it counts as fresh.
    """

    authority: str
    city: str
    number: int
    this_update: datetime
    next_update: datetime
