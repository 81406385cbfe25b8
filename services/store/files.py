"""Files of a store: private, and what it takes for them to stand on disk whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LOG: Final = "-wal"
_SHARED_MEMORY: Final = "-shm"


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read, unless it is there: it will hold personal data."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def log_of(path: Path) -> Path:
    """Return the write-ahead log of a SQLite file: what is committed may stand there alone."""
    return path.with_name(path.name + _LOG)


def remove(path: Path) -> None:
    """Remove a SQLite file with its log and shared memory, whichever are there.

    The file goes first: a log is read with its database only, so whoever is cut off here leaves nothing half.
    """
    for part in (path, log_of(path), path.with_name(path.name + _SHARED_MEMORY)):
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
