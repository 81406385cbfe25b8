"""Domain-separation tags and the preimages that are hashed and signed (docs/protocol.md).

A preimage is ``tag ‖ content``. Its digest is an identity, its Ed25519 signature the evidence; no tag is a prefix
of another, so bytes signed as one thing never pass as another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Digest = Callable[[bytes], bytes]
"""32-byte hash of some bytes; an argument, since SM3 is not in every ``hashlib``."""

BATCH: Final = b"yrdx-batch-v1"
RECEIPT: Final = b"yrdx-receipt-v1"
OPENING: Final = b"yrdx-opening-v1"
POSITION: Final = b"yrdx-position-v1"
CONFLICT: Final = b"yrdx-conflict-v1"
RECORD: Final = b"yrdx-record-v1"
KEY: Final = b"yrdx-key-v1"


def business_key(parts: tuple[str, ...], digest: Digest) -> bytes:
    """Hash a business key: ``H("yrdx-key-v1" ‖ (u32be length ‖ UTF-8 text) …)``, first 16 bytes.

    Args:
        parts: Text of the key's fields in declared order; numbers in decimal.
        digest: SHA-256; keys do not follow an epoch's algorithm, so that a subject keeps its key.
    """
    hashed = [KEY]
    for part in parts:
        text = part.encode()
        hashed += (len(text).to_bytes(4, "big"), text)
    return digest(b"".join(hashed))[:16]
