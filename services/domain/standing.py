"""What stands: of every subject of a stream, the record that its sender sent last and that was not refused.

It answers what a full file changes: rows that say what stands already are not sent again, and subjects that stand
but are absent from a complete file can be withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack
from typing import Final, NamedTuple

CONTENT_BYTES: Final = 8
"""Digest of what a record says. Two different contents of one subject are taken for the same once in 2^64."""

WITHDRAWN: Final = bytes(CONTENT_BYTES)
"""Content of a subject whose record was retracted."""

UNKNOWN_CONTENT: Final = b"\xff" * CONTENT_BYTES
"""Content of a record that a restored sender got back: it differs from whatever a file says."""


class Unmerged(NamedTuple):
    """What some submissions of a stream say that are not merged yet.

    Attributes:
        upto: The last of them.
        words: Of each record 32 bytes: business key, id (u64be), digest of what it says. Sorted, they are by key, and
            the later word on a subject after the earlier one.
    """

    upto: int
    words: Sequence[bytes]


class Standings(NamedTuple):
    """Some subjects, column by column: millions of them are compared.

    Attributes:
        keys: Business keys, 16 bytes each.
        contents: Digests of what each one's last record says, 8 bytes each; `WITHDRAWN` where it was retracted.
        record_ids: Those records in the outbox.
    """

    keys: bytes
    contents: bytes
    record_ids: Sequence[int]


def pieces(content: bytes, size: int) -> tuple[bytes, ...]:
    """Cut keys, ids or digests that were put together into pieces.

    Args:
        content: A whole number of pieces.
        size: Bytes of each.

    Raises:
        struct.error: The last piece is not whole.
    """
    return unpack(f"{size}s" * (len(content) // size), content)
