"""Payload codecs. Only the identity today; an encrypting one is agreed per stream later."""

from __future__ import annotations


class IdentityCodec:
    """`services.ports.codec.PayloadCodec` that leaves bodies as they are."""

    def encode(self, plain: bytes) -> bytes:
        """Return the body unchanged."""
        return plain

    def decode(self, body: bytes) -> bytes:
        """Return the body unchanged."""
        return body
