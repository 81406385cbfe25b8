"""A folder that others put files into: which of them are complete, and where they go afterwards.

The folder is looked through again and again: network shares tell nobody of new files.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from adapters.tables.errors import SourceRefused, SourceUnavailable

READY_SUFFIX: Final = ".ready"
"""What the name of a marker ends with: ``NAME.ready`` beside ``NAME`` says that it is complete."""

_UNFINISHED: Final = (".tmp", ".part", "~")
_POLL_S: Final = 1.0


class _Version(NamedTuple):
    """What changes with a file's content."""

    inode: int
    size_bytes: int
    modified_ns: int


class WatchedFile(NamedTuple):
    """A complete file.

    Attributes:
        path: Where it lies.
        version: Which content it is, so that a newer one under its name is not taken for it.
    """

    path: Path
    version: _Version


@dataclass(slots=True)
class _Seen:
    """A file that lies in the folder.

    Attributes:
        version: Its content.
        since_s: When this content was first seen.
        arrival: Its place in the order of arrival.
        handed: It was handed over.
    """

    version: _Version
    since_s: float
    arrival: int
    handed: bool = False


class WatchedFolder:
    """Hands over complete files in order of arrival, each content once.

    A file is complete when its size and time of change stood still for some time, or when a marker stands beside it.
    One that still grows does not hold up those behind it. Names that begin with a dot or end in .tmp, .part or ~ are
    not looked at, nor is what is no regular file.

    Args:
        folder: The folder.
        settle_s: How long a file must stand still, in seconds.
        poll_s: Pause between two looks, in seconds.
        clock: Seconds that only rise.
        sleep: Waits.

    Raises:
        SourceRefused: There is no such folder.
    """

    def __init__(
        self,
        folder: Path,
        settle_s: float,
        *,
        poll_s: float = _POLL_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not folder.is_dir():
            raise SourceRefused(folder.name, "folder.missing")
        self._folder = folder
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._clock = clock
        self._sleep = sleep
        self._seen: dict[str, _Seen] = {}
        self._arrivals = count()

    def __iter__(self) -> Iterator[WatchedFile]:
        """Hand over files for ever; the next one when the one before was dealt with.

        Raises:
            SourceUnavailable: The folder cannot be read now.
        """
        while True:
            files = self.complete()
            if files:
                self._seen[files[0].path.name].handed = True
                yield files[0]
            else:
                self._sleep(self._poll_s)

    def complete(self) -> list[WatchedFile]:
        """Look once and return the files that are complete and were not handed over.

        Raises:
            SourceUnavailable: The folder cannot be read now.
        """
        try:
            present, markers = self._look()
        except OSError as error:
            raise SourceUnavailable(self._folder.name, "folder.unreadable") from error
        now_s = self._clock()
        self._seen = {name: self._met(name, version, now_s) for name, version in present}
        waiting = sorted((seen.arrival, name) for name, seen in self._seen.items() if not seen.handed)
        return [
            WatchedFile(self._folder / name, self._seen[name].version)
            for _, name in waiting
            if name in markers or now_s - self._seen[name].since_s >= self._settle_s
        ]

    def done(self, file: WatchedFile) -> Path | None:
        """Move a file that was taken to ``done/``.

        Returns:
            Where it lies now; None where another content came in its place meanwhile: that one is handed over anew.

        Raises:
            OSError: It cannot be moved.
        """
        return self._move(file, "done", "")

    def failed(self, file: WatchedFile, why: str) -> Path | None:
        """Move a file that could not be taken to ``failed/``, with the reason in a text file beside it.

        Args:
            file: The file.
            why: For people; never what a cell says.

        Returns:
            Where it lies now; None where another content came in its place meanwhile: that one is handed over anew.

        Raises:
            OSError: It cannot be moved.
        """
        return self._move(file, "failed", why)

    def _look(self) -> tuple[list[tuple[str, _Version]], set[str]]:
        """Return the files by time of change, and the names that have a marker."""
        found: list[tuple[str, _Version]] = []
        markers: set[str] = set()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                version = (
                    None if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED) else _version(entry)
                )
                if version is None:
                    continue
                if entry.name.endswith(READY_SUFFIX):
                    markers.add(entry.name.removesuffix(READY_SUFFIX))
                else:
                    found.append((entry.name, version))
        return sorted(found, key=lambda pair: (pair[1].modified_ns, pair[0])), markers

    def _met(self, name: str, version: _Version, now_s: float) -> _Seen:
        before = self._seen.get(name)
        if before is None:
            return _Seen(version, now_s, next(self._arrivals))
        return before if before.version == version else _Seen(version, now_s, before.arrival)

    def _move(self, file: WatchedFile, folder: str, why: str) -> Path | None:
        if _version(file.path) != file.version:
            return None
        target = _free_name(self._folder / folder, file)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if why:
            reason = target.with_name(f"{target.name}.txt")
            handle = os.open(reason, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as text:
                text.write(f"{why}\n")
        file.path.rename(target)
        file.path.with_name(f"{file.path.name}{READY_SUFFIX}").unlink(missing_ok=True)
        return target


def _version(file: os.DirEntry[str] | Path) -> _Version | None:
    """Return a regular file's version; None for what is none, or has gone."""
    try:
        found = file.lstat() if isinstance(file, Path) else file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _Version(found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _free_name(folder: Path, file: WatchedFile) -> Path:
    """Return a name in a folder that nothing has: the file's own with its time of change, and a number if need be."""
    changed = datetime.fromtimestamp(file.version.modified_ns // 10**9, UTC)
    stem = f"{file.path.stem}.{changed:%Y%m%dT%H%M%SZ}"
    names = (f"{stem}{mark}{file.path.suffix}" for mark in _marks())
    return next(folder / name for name in names if not (folder / name).exists())


def _marks() -> Iterator[str]:
    yield ""
    for number in count(2):
        yield f".{number}"
