"""How the key store's files are read and written: small, owner only, on disk before anybody points at them."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from certs.errors import KeystoreBroken, Reason

FILE_BYTES_MAX: Final = 64 * 1024


def read_file(path: Path) -> bytes:
    """Read one small file; a key that others may read is refused, since it may be known by now.

    Raises:
        KeystoreBroken: KEYSTORE_UNREADABLE or KEY_EXPOSED.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise KeystoreBroken(
            Reason.KEYSTORE_UNREADABLE,
            f"{path} cannot be read ({error.strerror}): restore it from the backup, or run as its owner",
        ) from error
    if path.suffix == ".key" and mode & 0o077:
        raise KeystoreBroken(
            Reason.KEY_EXPOSED, f"{path} has mode {mode:04o}, others may use the key: chmod 600 {path}"
        )
    return content


def write_file(path: Path, content: bytes) -> None:
    """Write a new file, owner only, and wait until it is on disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of another: a reader sees the old content or the new one."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    write_file(new, content)
    new.replace(path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, owner only: `Path.mkdir` gives the parents the default mode."""
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700)


def sync_folder(path: Path) -> None:
    """Wait until a folder's names are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the key store while something is written: the node and a command may want to at once."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
