"""Merkle trees over records (RFC 9162 section 2.1), with domain-separated leaves.

Leaf = ``H(0x00 ‖ "yrdx-record-v1" ‖ u64be sequence ‖ salt ‖ body)``, node = ``H(0x01 ‖ left ‖ right)``.
Not checked here: that the salt has 16 bytes (the gate does), which makes the concatenation unambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

from services.domain.batch import Record
from services.domain.tags import RECORD, Digest

_LEAF: Final = b"\x00" + RECORD
_NODE: Final = b"\x01"
_SEQUENCE: Final = Struct(">Q")

DIGEST_BYTES: Final = 32


def record_leaf(sequence: int, record: Record, digest: Digest) -> bytes:
    """Hash one record at its place, 32 bytes."""
    return digest(_LEAF + _SEQUENCE.pack(sequence) + record.salt + record.body)


def record_leaves(first_sequence: int, records: Iterable[Record], digest: Digest) -> list[bytes]:
    """Hash a run of records, one 32-byte leaf each."""
    pack = _SEQUENCE.pack
    return [
        digest(_LEAF + pack(sequence) + salt + body) for sequence, (salt, body) in enumerate(records, first_sequence)
    ]


def root(leaves: Sequence[bytes], digest: Digest) -> bytes:
    """Compute the tree's root, 32 bytes.

    Pairing level by level and carrying an odd last node up gives RFC 9162's MTH, which splits at the largest
    power of two below n: both make the left subtree the full one.

    Raises:
        ValueError: There are no leaves; a batch has at least one record.
    """
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    level = list(leaves)
    while len(level) > 1:
        pairs = iter(level)
        above = [digest(_NODE + left + right) for left, right in zip(pairs, pairs, strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def split_leaves(blob: bytes) -> list[bytes]:
    """Cut a stored run of leaves into digests.

    Raises:
        ValueError: Its length is not a multiple of 32 bytes.
    """
    if len(blob) % DIGEST_BYTES:
        raise ValueError("a run of leaves has 32 bytes each")
    return [blob[start : start + DIGEST_BYTES] for start in range(0, len(blob), DIGEST_BYTES)]
