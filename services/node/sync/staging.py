"""Staging: a source's mapped records on disk between the two passes of a sync.

A record may only be submitted once it is known that no other row of the source has its business key: the same row
twice counts once, the same key with other content rejects them all. So the first pass spools the mapped records and
sorts each key into one of `BUCKETS` files by its first bits; each bucket is then looked through on its own, in the
order of the keys, and memory does not grow with the input. The files are temporary, have no name and mode 0600: they
vanish with the process, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

from services.node.sync.row_bits import RowBits

BUCKETS: Final = 64
_BUCKET_SHIFT: Final = 2
"""A key's first byte without its last bits: buckets come in the order of their keys."""
_ENTRY: Final = Struct(">16s8sQ")
_HEAD: Final = Struct(">QIIH8s16s")


class Staged(NamedTuple):
    """One mapped record.

    Attributes:
        row: Its first row in the source.
        rows: How many rows it takes.
        key: Business key, 16 bytes.
        content: Digest of its message, 8 bytes.
        message: Serialised message of the standard.
        normalisations: Names of what reading changed.
    """

    row: int
    rows: int
    key: bytes
    content: bytes
    message: bytes
    normalisations: tuple[str, ...]


class Entry(NamedTuple):
    """What a bucket knows of a record; of a refused row, whose ``row`` is 0, no more than its key."""

    key: bytes
    content: bytes
    row: int


@dataclass(frozen=True, slots=True)
class Repeats:
    """Records of a source that share their business key with another.

    Attributes:
        duplicates: Rows of records that repeat an earlier one to the letter; they count once.
        conflicts: Rows whose key another row has with other content, each with one such row; all are rejected.
    """

    duplicates: RowBits
    conflicts: Mapping[int, int]

    def __contains__(self, row: int) -> bool:
        """Say whether a record is left out because another one has its key."""
        return row in self.duplicates or row in self.conflicts


class Staging:
    """Mapped records of one source, in order."""

    def __init__(self, folder: Path) -> None:
        """Open the spool.

        Args:
            folder: Where temporary files may lie: the node home's own, since they hold personal data.
        """
        self._files = ExitStack()
        self._spool = self._open(folder)
        self._buckets = [self._open(folder) for _ in range(BUCKETS)]
        self._notes: dict[tuple[str, ...], int] = {(): 0}
        self.count = 0

    def __enter__(self) -> Self:
        """Return the staging; leaving the context removes its files."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files."""
        self._files.close()

    def add(self, records: Sequence[Staged]) -> None:
        """Spool mapped records; rows rise."""
        spooled: list[bytes] = []
        notes, buckets = self._notes, self._buckets
        for row, rows, key, content, message, normalisations in records:
            note = notes.setdefault(normalisations, len(notes)) if normalisations else 0
            spooled += (_HEAD.pack(row, rows, len(message), note, content, key), message)
            buckets[key[0] >> _BUCKET_SHIFT].write(_ENTRY.pack(key, content, row))
        self._spool.write(b"".join(spooled))
        self.count += len(records)

    def add_refused(self, key: bytes) -> None:
        """Note the subject of a refused row: it is in the source, though it has no record."""
        self._buckets[self.bucket_of(key)].write(_ENTRY.pack(key, bytes(8), 0))

    @staticmethod
    def bucket_of(key: bytes) -> int:
        """Return which bucket a key belongs to."""
        return key[0] >> _BUCKET_SHIFT

    def records(self) -> Iterator[Staged]:
        """Yield the records in the order of the source."""
        notes = list(self._notes)
        self._spool.seek(0)
        read, size, unpack = self._spool.read, _HEAD.size, _HEAD.unpack
        while head := read(size):
            row, rows, length, note, content, key = unpack(head)
            yield Staged(row, rows, key, content, read(length), notes[note])

    def buckets(self) -> Iterator[list[Entry]]:
        """Yield what is known of the records, bucket by bucket, each in the order of the source.

        Every key of a bucket is below every key of the next one.
        """
        for bucket in self._buckets:
            bucket.seek(0)
            yield [Entry._make(fields) for fields in _ENTRY.iter_unpack(bucket.read())]

    def repeats(self) -> Repeats:
        """Find the records that share a key."""
        duplicates, conflicts = RowBits(), dict[int, int]()
        for entries in self.buckets():
            for repeated in _repeated(entry for entry in entries if entry.row):
                rows = [entry.row for entry in repeated]
                if len({entry.content for entry in repeated}) > 1:
                    conflicts.update(zip(rows, [rows[1], *rows], strict=False))
                else:
                    for row in rows[1:]:
                        duplicates.add(row)
        return Repeats(duplicates, conflicts)

    def _open(self, folder: Path) -> IO[bytes]:
        return self._files.enter_context(TemporaryFile(dir=folder, buffering=64 * 1024))


def _repeated(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries of every key that stands more than once."""
    first: dict[bytes, Entry] = {}
    repeated: dict[bytes, list[Entry]] = {}
    for entry in entries:
        if (before := first.setdefault(entry.key, entry)) is not entry:
            repeated.setdefault(entry.key, [before]).append(entry)
    yield from repeated.values()
