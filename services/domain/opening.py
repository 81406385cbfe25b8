"""What both sides show before a batch is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.domain.batch import Signed
from services.domain.stream import Position, StreamName


@dataclass(frozen=True, slots=True)
class Opening:
    """What a sender signs to open a stream (``yrdx.exchange.v1.Opening``, same meanings)."""

    stream: StreamName
    epoch: int
    hash_algorithm: str
    agreement_id: str
    agreement_version: int
    standard: str
    last_receipt: Signed | None
    closed: Position | None
    opened_time: datetime


@dataclass(frozen=True, slots=True)
class OpeningAnswer:
    """What the receiver signs to answer (``yrdx.exchange.v1.Position``, same meanings)."""

    stream: StreamName
    position: Position
    replay: bool
    opening_hash: bytes
    answered_time: datetime


@dataclass(frozen=True, slots=True)
class ConflictStatement:
    """Both signed headers of a range that was offered twice (``yrdx.exchange.v1.Conflict``)."""

    stream: StreamName
    applied_header: Signed
    offered_header: Signed
    refused_time: datetime
