"""Domain-separation tags and the preimages that are hashed and signed (docs/protocol.md).

A preimage is ``tag ‖ content``. Its digest is an identity, its Ed25519 signature the evidence; no tag is a prefix
of another, so bytes signed as one thing never pass as another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

Digest = Callable[[bytes], bytes]
"""32-byte hash of some bytes; an argument, since SM3 is not in every ``hashlib``."""

BATCH: Final = b"yrdx-batch-v1"
RECEIPT: Final = b"yrdx-receipt-v1"
OPENING: Final = b"yrdx-opening-v1"
POSITION: Final = b"yrdx-position-v1"
CONFLICT: Final = b"yrdx-conflict-v1"
BUNDLE_ACK: Final = b"yrdx-bundle-ack-v1"
RECORD: Final = b"yrdx-record-v1"
KEY: Final = b"yrdx-key-v1"


def business_key(parts: tuple[str, ...], digest: Digest) -> bytes:
    """Hash a business key: ``H("yrdx-key-v1" ‖ (u32be length ‖ UTF-8 text) …)``, first 16 bytes.

    Args:
        parts: Text of the key's fields in declared order; numbers in decimal.
        digest: SHA-256; keys do not follow an epoch's algorithm, so that a subject keeps its key.
    """
    return digest(b"".join((KEY, *map(_framed, parts))))[:16]


def business_keys(columns: Sequence[Sequence[str | int]], digest: Digest) -> list[bytes]:
    """Hash the business keys of many subjects, column by column: months, schemes and employers come again and again.

    Args:
        columns: Of each of the key's fields in declared order, the texts or numbers of all subjects.
        digest: As in `business_key`.
    """
    framed = [_framed_column(column) for column in columns]
    return [digest(KEY + b"".join(parts))[:16] for parts in zip(*framed, strict=True)]


def _framed_column(column: Sequence[str | int]) -> list[bytes]:
    distinct = set(column)
    if 2 * len(distinct) > len(column):
        return [_framed(str(part)) for part in column]
    framed = {part: _framed(str(part)) for part in distinct}
    return [framed[part] for part in column]


def _framed(part: str) -> bytes:
    text = part.encode()
    return len(text).to_bytes(4, "big") + text
