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
CASE: Final = b"yrdx-case-v1"
SUBJECT: Final = b"yrdx-subject-v1"

ACCESS: Final = b"yrdx-access-v1"

SUBJECT_BYTES: Final = 8
"""A record's key begins with the digest of its subject: a range of keys holds everything about it."""
_KEY_PART_BYTES: Final = 8
RECORD_KEY_BYTES: Final = SUBJECT_BYTES + _KEY_PART_BYTES


def subject_digest(parts: Sequence[str], digest: Digest) -> bytes:
    """Hash what a record is about: ``H("yrdx-subject-v1" ‖ (u32be length ‖ UTF-8 text) …)``, first 8 bytes.

    Args:
        parts: Text of the subject's fields in declared order; numbers in decimal.
        digest: SHA-256; keys do not follow an epoch's algorithm, so that a record keeps its key.
    """
    return digest(b"".join((SUBJECT, *map(_framed, parts))))[:SUBJECT_BYTES]


def access_preimage(subject: Sequence[str]) -> bytes:
    """Return what stands for a subject in the access log before it is hashed under the node's secret."""
    return b"".join((ACCESS, *map(_framed, subject)))


def record_key(subject: Sequence[str], business_key: Sequence[str], digest: Digest) -> bytes:
    """Return a record's key, 16 bytes: its subject's digest, then that of its business key.

    Args:
        subject: As in `subject_digest`.
        business_key: Text of the key's fields in declared order; numbers in decimal.
        digest: As in `subject_digest`.
    """
    return subject_digest(subject, digest) + digest(b"".join((KEY, *map(_framed, business_key))))[:_KEY_PART_BYTES]


def record_keys(
    subjects: Sequence[Sequence[str | int]], business_keys: Sequence[Sequence[str | int]], digest: Digest
) -> list[bytes]:
    """Return the keys of many records, column by column: people, months and employers come again and again.

    Args:
        subjects: Of each of the subject's fields in declared order, the texts or numbers of all records.
        business_keys: The same of the key's fields.
        digest: As in `subject_digest`.
    """
    about = _digests(SUBJECT, subjects, digest, SUBJECT_BYTES)
    keys = _digests(KEY, business_keys, digest, _KEY_PART_BYTES)
    return [subject + key for subject, key in zip(about, keys, strict=True)]


def _digests(tag: bytes, columns: Sequence[Sequence[str | int]], digest: Digest, size: int) -> list[bytes]:
    framed = [_framed_column(column) for column in columns]
    return [digest(tag + b"".join(parts))[:size] for parts in zip(*framed, strict=True)]


def _framed_column(column: Sequence[str | int]) -> list[bytes]:
    distinct = set(column)
    if 2 * len(distinct) > len(column):
        return [_framed(str(part)) for part in column]
    framed = {part: _framed(str(part)) for part in distinct}
    return [framed[part] for part in column]


def _framed(part: str) -> bytes:
    text = part.encode()
    return len(text).to_bytes(4, "big") + text
