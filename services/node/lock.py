"""One process at a time works in a home: a `flock` on ``node.lock``, with the holder's pid inside.

The kernel lets go when the holder dies, however it dies; what is written in the file is for people only.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import ClassVar, Final, Literal, NamedTuple, Self

from services.node.exits import CommandFailed
from services.node.home import Home, verify_home

Purpose = Literal["serve", "command"]

_POLL_S: Final = 0.02
_WRITTEN_WITHIN_S: Final = 1.0
"""A holder writes its pid right after it took the lock."""


class Holder(NamedTuple):
    """Who holds a home.

    Attributes:
        pid: Process id.
        serving: Whether it is a running node; otherwise a command that works on the store itself.
    """

    pid: int
    serving: bool


class HomeBusy(CommandFailed):
    """Another process works in the home."""

    reason: ClassVar[str] = "HOME_BUSY"


class NodeLock:
    """Holds a home while a block runs: ``with NodeLock(home):``."""

    def __init__(self, home: Home, *, serving: bool = False, wait_s: float = 2.0) -> None:
        """Prepare a lock.

        Args:
            home: The home.
            serving: True for the node itself, which other commands then call; False for one command.
            wait_s: How long to wait for another to let go: commands end soon. Never 0, since `held_by` takes the lock
                for an instant.
        """
        self._home = home
        self._purpose: Purpose = "serve" if serving else "command"
        self._wait_s = wait_s
        self._handle = -1

    def __enter__(self) -> Self:
        """Take the lock and leave our pid in it.

        Raises:
            HomeMissing: The folder is no home.
            HomeBusy: Another process holds it; the message names its pid.
        """
        handle = os.open(verify_home(self._home).lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _taken(handle, self._wait_s):
            os.close(handle)
            raise _busy(self._home)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {self._purpose}\n".encode(), 0)
        self._handle = handle
        return self

    def __exit__(self, *_exception: object) -> None:
        """Let go."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def holder_of(home: Home) -> Holder | None:
    """Return who holds a home, or None when nobody does.

    Raises:
        HomeBusy: Somebody holds it and does not say who.
    """
    deadline = time.monotonic() + _WRITTEN_WITHIN_S
    while _is_held(home.lock):
        holder = _read(home.lock)
        if holder is not None:
            return holder
        if time.monotonic() > deadline:
            raise _busy(home)
        time.sleep(_POLL_S)
    return None


def held_by(home: Home) -> int | None:
    """Return the pid of the node that serves a home; None when none does, and commands work on the store itself."""
    holder = holder_of(home)
    return holder.pid if holder is not None and holder.serving else None


def _taken(handle: int, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        else:
            return True


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _read(path: Path) -> Holder | None:
    match path.read_text(encoding="ascii", errors="replace").split():
        case [pid, "serve" | "command" as purpose] if pid.isdecimal():
            return Holder(int(pid), serving=purpose == "serve")
        case _:
            return None


def _busy(home: Home) -> HomeBusy:
    holder = _read(home.lock)
    if holder is None:
        return HomeBusy(f"{home.path} 正被其他进程使用 · is in use by a process that does not say who it is: try again")
    if holder.serving:
        return HomeBusy(
            f"{home.path} 已由进程 {holder.pid} 运行 · is served by process {holder.pid} already: "
            "one home has one node, stop that one first"
        )
    return HomeBusy(
        f"{home.path} 正被进程 {holder.pid} 的命令使用 · is in use by a command, process {holder.pid}: "
        "try again when it has ended"
    )
