"""Files that appear under their name when they are complete, mode 0600."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp


class WholeFile:
    """A file that is written beside its place and renamed after a disk sync.

    So a reader, a crash or a full disk never leaves half a file under the name.

    Args:
        path: Where the file shall stand; a former one is replaced.

    Attributes:
        file: Open for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # mkstemp makes the file with mode 0600.
        handle, name = mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        self._beside = Path(name)
        self.file = os.fdopen(handle, "wb")

    def commit(self) -> None:
        """Bring the file to disk, then under its name, then the name to disk."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self._beside.replace(self._path)
            _sync_folder(self._path.parent)
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave no file; idempotent, and nothing to a file that was committed."""
        self.file.close()
        self._beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
