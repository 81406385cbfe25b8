"""Writes DBF files for tests, from the format's description alone."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple


class F(NamedTuple):
    """A field: name, type, length, decimals, flags."""

    name: str
    kind: str = "C"
    length: int = 10
    decimals: int = 0
    flags: int = 0


def dbf(fields: Iterable[F], records: Iterable[bytes], *, declared: int | None = None, end: bytes = b"\x1a") -> bytes:
    """A file of fields and records; each record with its deletion mark."""
    fields, records = list(fields), list(records)
    entries = b"".join(
        struct.pack("<11scIBBB13x", f.name.encode("gb18030"), f.kind.encode(), 0, f.length % 256, f.decimals, f.flags)
        for f in fields
    )
    size = 32 + len(entries) + 1
    record_bytes = 1 + sum(f.length for f in fields)
    count = len(records) if declared is None else declared
    head = struct.pack("<B3BIHH20x", 3, 126, 1, 1, count, size, record_bytes)
    return head + entries + b"\r" + b"".join(records) + end


def record(*cells: str | bytes, lengths: Iterable[int], mark: bytes = b" ") -> bytes:
    """A record of text padded with blanks, and of bytes as they are."""
    padded = (
        cell.encode("gb18030").ljust(length) if isinstance(cell, str) else cell
        for cell, length in zip(cells, lengths, strict=True)
    )
    return mark + b"".join(padded)
