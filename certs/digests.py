"""The two digests of the exchange protocol, by the names that a stream's epoch fixes.

Source:
    SHA-256: FIPS 180-4. SM3: GB/T 32905-2016 (published earlier as GM/T 0004-2012); not in every ``hashlib``,
    so it comes from ``cryptography``. Vectors: ``tests/vectors/SOURCES.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


DIGESTS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"SHA256": _sha256, "SM3": _sm3}
"""Hash algorithm → one-shot function from any bytes to 32 bytes."""
