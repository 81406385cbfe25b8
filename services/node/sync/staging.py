"""Staging: a file's mapped rows on disk between the two passes of a sync.

A row may only be submitted once it is known that no other row of the file has its business key: the same row twice
counts once, the same key with other content rejects them all. So the first pass spools the mapped rows and hashes
each key into one of `BUCKETS` files; each bucket is then looked through on its own, and memory does not grow with
the input. The files are temporary, have no name and mode 0600: they vanish with the process, however it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Final, Self

BUCKETS: Final = 64
_ENTRY: Final = Struct(">16s8sQ")
_HEAD: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows of a file that share their business key with another row.

    Attributes:
        duplicates: Rows that repeat an earlier row to the letter; they count once.
        conflicts: Rows whose key another row has with other content, each with one such row; all are rejected.
    """

    duplicates: frozenset[int]
    conflicts: Mapping[int, int]


class Staging:
    """Mapped rows of one file, in order."""

    def __init__(self, folder: Path) -> None:
        """Open the spool.

        Args:
            folder: Where temporary files may lie: the node home's own, since they hold personal data.
        """
        self._files = ExitStack()
        self._spool = self._open(folder)
        self._buckets = [self._open(folder) for _ in range(BUCKETS)]
        self.count = 0

    def __enter__(self) -> Self:
        """Return the staging; leaving the context removes its files."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files."""
        self._files.close()

    def add(self, row: int, key: bytes, body: bytes) -> None:
        """Spool one mapped row.

        Args:
            row: Row number in the file.
            key: Business key, 16 bytes.
            body: Serialised ``RecordBody``.
        """
        self._spool.write(_HEAD.pack(row, len(body)) + body)
        content = hashlib.blake2b(body, digest_size=8).digest()
        self._buckets[key[0] % BUCKETS].write(_ENTRY.pack(key, content, row))
        self.count += 1

    def repeats(self) -> Repeats:
        """Find the rows that share a key."""
        duplicates: set[int] = set()
        conflicts: dict[int, int] = {}
        for bucket in self._buckets:
            for entries in _repeated(bucket):
                rows = sorted(row for _, row in entries)
                if len({content for content, _ in entries}) == 1:
                    duplicates.update(rows[1:])
                else:
                    conflicts.update(zip(rows, [rows[1], *rows], strict=False))
        return Repeats(frozenset(duplicates), conflicts)

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Yield (row, body) in the order of the file."""
        self._spool.seek(0)
        while head := self._spool.read(_HEAD.size):
            row, size = _HEAD.unpack(head)
            yield row, self._spool.read(size)

    def _open(self, folder: Path) -> IO[bytes]:
        return self._files.enter_context(TemporaryFile(dir=folder, buffering=64 * 1024))


def _repeated(bucket: IO[bytes]) -> Iterable[list[tuple[bytes, int]]]:
    """Return (content digest, row) of every key that stands in a bucket more than once."""
    bucket.seek(0)
    seen: dict[bytes, tuple[bytes, int]] = {}
    repeated: dict[bytes, list[tuple[bytes, int]]] = {}
    while block := bucket.read(_ENTRY.size * 16_384):
        for key, content, row in _ENTRY.iter_unpack(block):
            if key in seen:
                repeated.setdefault(key, [seen[key]]).append((content, row))
            else:
                seen[key] = (content, row)
    return repeated.values()
