"""Files that are read from start to end, counted and digested on the way."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from adapters.tables.errors import FileRefused
from adapters.tables.rows import Progress


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        FileRefused: It is not there, not a regular file, or not readable.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileRefused(path.name, "file.not_a_file")
        return path.open("rb")
    except FileNotFoundError as error:
        raise FileRefused(path.name, "file.missing") from error
    except OSError as error:
        raise FileRefused(path.name, "file.unreadable") from error


class DigestedFile:
    """Counts and digests what is read of a file.

    Args:
        file: Open for reading, at its start.

    Attributes:
        bytes_read: Bytes read so far.
        bytes_total: Bytes in all; None for what is no file on disk.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = sha256()
        self._finished = False
        self.bytes_read = 0
        self.bytes_total = _size_bytes(file)

    @property
    def progress(self) -> Progress:
        """Bytes read, of how many."""
        return Progress(self.bytes_read, self.bytes_total, "bytes")

    def read(self, size_bytes: int) -> bytes:
        """Read on, by at most so many bytes; empty at the end."""
        piece = self._file.read(size_bytes)
        self.bytes_read += len(piece)
        self._digest.update(piece)
        self._finished = not piece
        return piece

    def sha256(self) -> str:
        """Digest of the whole file, hex.

        Raises:
            ValueError: The file was not read to its end.
        """
        if not self._finished:
            raise ValueError("the file was not read to its end")
        return self._digest.hexdigest()


def _size_bytes(file: BinaryIO) -> int | None:
    try:
        return os.fstat(file.fileno()).st_size
    except (OSError, AttributeError):
        return None
