"""Payload codec: what happens to a serialised record before it is salted, hashed and sent."""

from __future__ import annotations

from typing import Protocol


class PayloadCodec(Protocol):
    """Turns a serialised ``RecordBody`` into the wire's body and back. The identity today; encryption later."""

    def encode(self, plain: bytes) -> bytes:
        """Return the body as it travels and is hashed."""
        ...

    def decode(self, body: bytes) -> bytes:
        """Return the serialised ``RecordBody``.

        Raises:
            services.domain.errors.Rejected: The body cannot be decoded.
        """
        ...
