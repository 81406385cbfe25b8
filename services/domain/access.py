"""Accesses: who asked what about whom, by which right, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Side(StrEnum):
    """Which end of a question this node was."""

    ASKED = "asked"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Access:
    """One question, as both nodes log it before its answer leaves them.

    What a partner may write freely stands here only where this city knows it: an agreement that stands here, and what
    that agreement says. So the log holds no personal data, whatever a partner sends.

    Attributes:
        time: When it was answered or refused.
        side: Which end this node was.
        asked_city: City whose register is asked.
        caller_city: City that asks.
        caller: Who asked this node, "spiffe://310000.yrdx/gateway/node".
        question: "coverage".
        agreement_id: Agreement; empty where none is known by that name, and where a city asks its own register.
        agreement_version: Its version; 0 without one.
        purpose: Purpose, where the agreement lists it; empty otherwise.
        legal_basis: Legal basis, where it is the agreement's; empty otherwise.
        request_id: The caller's id of the question, a UUID.
        clerk_reference: Who asked, as the asking city refers to its clerks.
        subject: HMAC-SHA-256 of the subject under this node's secret, 32 bytes.
        outcome: "FOUND", "NOT_FOUND" or "AMBIGUOUS"; of one that got no answer the reason, "PURPOSE_NOT_AGREED";
            "CANCELLED" where the asker did not wait for another city's, "FAULT" where an error of ours prevented it.
        id: Row id, 0 before it is stored.
    """

    time: datetime
    side: Side
    asked_city: str
    caller_city: str
    caller: str
    question: str
    agreement_id: str
    agreement_version: int
    purpose: str
    legal_basis: str
    request_id: str
    clerk_reference: str
    subject: bytes
    outcome: str
    id: int = 0
