"""Signatures of this city and of its partners."""

from __future__ import annotations

from typing import Protocol

from services.domain.batch import Signed


class Signer(Protocol):
    """Signs for this city."""

    def sign(self, tag: bytes, content: bytes) -> Signed:
        """Sign ``tag ‖ content``."""
        ...


class SignatureVerifier(Protocol):
    """Knows every city's signing keys, retired ones too."""

    def verify(self, city: str, tag: bytes, signed: Signed) -> Signed:
        """Return what was given when its signature verifies under a key of that city's bundle.

        Raises:
            services.domain.errors.SignatureInvalid: It does not, or the key is unknown or compromised.
        """
        ...
