"""Bytes ↔ domain for everything that is signed."""

from __future__ import annotations

from typing import Protocol

from services.domain.batch import BatchHeader, Signed
from services.domain.opening import ConflictStatement, Opening, OpeningAnswer
from services.domain.receipt import Receipt


class Contents(Protocol):
    """Serialises and parses signed contents. Parsing verifies the contract's rules.

    Every ``…_from_bytes`` raises `services.domain.errors.Malformed` for bytes that break the contract.
    """

    def header_to_bytes(self, header: BatchHeader) -> bytes:
        """Serialise a batch header."""
        ...

    def header_from_bytes(self, content: bytes) -> BatchHeader:
        """Parse a batch header."""
        ...

    def receipt_to_bytes(self, receipt: Receipt) -> bytes:
        """Serialise a receipt."""
        ...

    def receipt_from_bytes(self, content: bytes) -> Receipt:
        """Parse a receipt."""
        ...

    def opening_to_bytes(self, opening: Opening) -> bytes:
        """Serialise an opening."""
        ...

    def opening_from_bytes(self, content: bytes) -> Opening:
        """Parse an opening."""
        ...

    def answer_to_bytes(self, answer: OpeningAnswer) -> bytes:
        """Serialise a receiver's position."""
        ...

    def answer_from_bytes(self, content: bytes) -> OpeningAnswer:
        """Parse a receiver's position."""
        ...

    def conflict_to_bytes(self, statement: ConflictStatement) -> bytes:
        """Serialise a conflict statement."""
        ...

    def signed_to_bytes(self, signed: Signed) -> bytes:
        """Serialise signed bytes with their signature (``yrdx.exchange.v1.Signed``)."""
        ...
