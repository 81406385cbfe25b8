"""Look-ups: one question about one subject, and by what right it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.domain.agreement import LOCAL_TIME


class Outcome(StrEnum):
    """What a question came to; none of these is an error."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    AMBIGUOUS = "AMBIGUOUS"
    """What is on record contradicts itself."""


class Right(NamedTuple):
    """By what right a question is asked, as the caller states it (``yrdx.types.v1.LookupContext``).

    Attributes:
        city: City whose register is asked.
        agreement_id: Agreement; empty where a city asks its own register.
        purpose: What the answer is used for.
        legal_basis: Legal basis.
        request_id: The caller's id of the question, a UUID.
        clerk_reference: Who asks, as the asking city refers to its clerks.
    """

    city: str
    agreement_id: str
    purpose: str
    legal_basis: str
    request_id: str
    clerk_reference: str

    @property
    def judged(self) -> tuple[str, ...]:
        """What of it is judged; the rest says which case and which clerk."""
        return self[:4]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One question about one subject.

    Attributes:
        question: Its name, "coverage".
        dataset: Dataset whose records answer it.
        standard: Version of its standard that the answer is taken from.
        fields: Fields of these records that the answer is taken from.
        newest: Most records of the subject that are looked at.
        subject: Texts of the subject's fields: a citizen number; plate and colour.
        subject_digest: What the keys of its records begin with, 8 bytes.
        right: By what right it is asked.
    """

    question: str
    dataset: str
    standard: str
    fields: frozenset[str]
    newest: int
    subject: tuple[str, ...]
    subject_digest: bytes
    right: Right


class Asker(NamedTuple):
    """Who asks this node.

    Attributes:
        city: Their city.
        uri: Their certificate's identity.
    """

    city: str
    uri: str


class Query(NamedTuple):
    """A question as it came, before anybody has read it.

    Attributes:
        method: Full name of its rpc, "/yrdx.care.v1.CareService/GetCoverage".
        request: The rpc's request, serialised.
        asker: Who asks.
    """

    method: str
    request: bytes
    asker: Asker


class Asked(NamedTuple):
    """What an answer depends on beside the records.

    Attributes:
        now: When the question is answered.
        city: City that asks.
    """

    now: datetime
    city: str

    @property
    def today(self) -> str:
        """Date of the answer in the delta's local time, "2026-03-14"."""
        return self.now.astimezone(LOCAL_TIME).date().isoformat()
