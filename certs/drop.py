"""Files that another tool drops in: a new generation once they are settled and fit, or refused with the reason.

A tool that renews certificates (an ACME client, a vault's agent) writes some of `certs.generation.FILES` into
``certs/drop/``, in any order and in as many steps as it likes. What it leaves out stays as it is. Nothing there is
ever used as it stands: it is copied into a generation of its own and removed, and what is refused stays lying
beside ``REFUSED.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from certs.errors import KeystoreBroken, Reason
from certs.generation import FILES, SIGNING_KEY_FILE, Generation, verify_generation
from certs.keystore import current_number, install_generation, opened, read_generation
from certs.keystore_files import make_folder, read_file, replace_file
from certs.offline import keystore_folder

REFUSED_FILE: Final = "REFUSED.txt"

Signature = tuple[tuple[str, int, int], ...]
"""Name, size in bytes and time of the last change in ns of each file: another one means another content."""


class KeystoreWatch:
    """Finds out that a key store changed, by names, sizes and times alone: cheap enough for every second."""

    def __init__(self, home: Path) -> None:
        """Take what stands now as known."""
        self._folder = keystore_folder(home)
        self._current = _signature(self._folder / "current")
        self._settling: Signature = ()
        self._tried: Signature = ()

    def moved(self) -> bool:
        """Whether the current generation is another one, or was changed in place, since the last time."""
        before, self._current = self._current, _signature(self._folder / "current")
        return self._current != before

    def dropped(self) -> bool:
        """Whether dropped files lie there that did not change since the last time, and that were not tried yet."""
        before, self._settling = self._settling, _signature(self._folder / "drop", without=REFUSED_FILE)
        if not self._settling or self._settling != before or self._settling == self._tried:
            return False
        self._tried = self._settling
        return True


def verify_drop(
    home: Path, dropped: Mapping[str, bytes], *, now: datetime, passphrase: bytes | None = None
) -> Generation | None:
    """Return the generation that files would make together with what they leave out.

    Args:
        home: The node's home.
        dropped: File name → content, some of `certs.generation.FILES`.
        now: Time of the check, with its zone.
        passphrase: Opens encrypted keys.

    Returns:
        The generation, numbered as the current one; None when the files say what stands already.

    Raises:
        KeystoreBroken: They would not work.
    """
    files = _completed(home, dropped, passphrase)
    return None if files is None else verify_generation(files, number=current_number(home), now=now)


def take_drop(home: Path, *, now: datetime, passphrase: bytes | None = None) -> Generation | None:
    """Make a generation of the dropped files and of what they leave out, and remove them.

    Args:
        home: The node's home.
        now: Time of the check, with its zone.
        passphrase: Opens and encrypts keys.

    Returns:
        The new current generation; None when the files say what stands already.

    Raises:
        KeystoreBroken: They are refused; nothing changed, and ``REFUSED.txt`` beside them says why.
    """
    folder = keystore_folder(home) / "drop"
    try:
        dropped = read_drop(folder, passphrase)
        files = _completed(home, dropped, passphrase)
        taken = None if files is None else install_generation(home, files, now=now, passphrase=passphrase)
    except KeystoreBroken as error:
        replace_file(folder / REFUSED_FILE, f"{now:%Y-%m-%d %H:%M:%S}Z [{error.reason}] {error}\n".encode())
        raise
    for name in (*dropped, REFUSED_FILE):
        (folder / name).unlink(missing_ok=True)
    return taken


def has_drop(home: Path) -> bool:
    """Whether dropped files lie there, settled or not."""
    return bool(_signature(keystore_folder(home) / "drop", without=REFUSED_FILE))


def drop_files(home: Path, files: Mapping[str, bytes]) -> None:
    """Put files where another tool would: for `yrdx cert install`, drills and tests."""
    folder = keystore_folder(home) / "drop"
    if not folder.exists():
        make_folder(folder)
    for name, content in files.items():
        replace_file(folder / name, content)


def read_drop(folder: Path, passphrase: bytes | None = None) -> dict[str, bytes]:
    """Read dropped files, keys opened; whether they fit anything is not checked.

    Raises:
        KeystoreBroken: DROP_UNKNOWN, or a file cannot be read.
    """
    if not folder.is_dir():
        raise KeystoreBroken(Reason.KEYSTORE_UNREADABLE, f"{folder} is not there: nothing was dropped")
    names = sorted(path.name for path in folder.iterdir() if path.name != REFUSED_FILE)
    strange = [name for name in names if name not in FILES]
    if strange:
        raise KeystoreBroken(
            Reason.DROP_UNKNOWN,
            f"{len(strange)} of the dropped files have names that are not used: only {', '.join(FILES)} are; "
            "a tool that writes under other names first must rename last",
        )
    return opened({name: read_file(folder / name) for name in names}, passphrase)


def _completed(home: Path, dropped: Mapping[str, bytes], passphrase: bytes | None) -> dict[str, bytes] | None:
    present = _present(home, passphrase, or_none=dropped.keys() >= set(FILES))
    if present and SIGNING_KEY_FILE in dropped and dropped[SIGNING_KEY_FILE] != present[SIGNING_KEY_FILE]:
        raise KeystoreBroken(
            Reason.SIGNING_KEY_UNSTATED,
            f"{SIGNING_KEY_FILE} is another key, and no partner knows it: what it signs would stop every stream. "
            "`yrdx cert rotate-signing-key` states a new one to partners first; leave this file out",
        )
    changed = any(present.get(name) != content for name, content in dropped.items())
    return {**present, **dropped} if changed else None


def _present(home: Path, passphrase: bytes | None, *, or_none: bool) -> dict[str, bytes]:
    """Read the current generation; a broken one is nothing to whoever brings every file."""
    try:
        return read_generation(home, current_number(home), passphrase)
    except KeystoreBroken:
        if or_none:
            return {}
        raise


def _signature(folder: Path, *, without: str = "") -> Signature:
    """Empty for a folder that is not there; what vanishes while we look shows the next time."""
    try:
        target = folder.resolve(strict=True)
        found = [(path.name, path.stat()) for path in sorted(target.iterdir()) if path.name != without]
    except OSError:
        return ()
    named = [(str(target), 0, 0)] if found else []
    return (*named, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in found))
