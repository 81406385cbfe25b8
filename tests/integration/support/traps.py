"""Traps for nodes: strace changes what a running one meets at system calls on the store's files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration.support.nodes import Node
from tests.integration.support.tracing import STRACE
from tests.integration.support.waiting import until

SYNCS: Final = "fsync,fdatasync"
"""As the call begins: the commit is written and not on disk, and nobody was told of it."""
WRITES: Final = "pwrite64"
"""As the call begins: what is written breaks off in the middle of a commit, or of a checkpoint."""


@contextmanager
def trapped(node: Node, nth: int, *, calls: str = SYNCS, file: str = "-wal") -> Iterator[None]:
    """Kill a running node at its n-th system call from now on; it may also get through the block alive.

    Args:
        node: A node that runs.
        nth: Which call is the last.
        calls: System calls, as strace names them.
        file: What follows the store's name in the name of the file that counts.
    """
    with _injected(node, calls, f"signal=SIGKILL:when={nth}", file):
        yield


@contextmanager
def full_disk(node: Node) -> Iterator[None]:
    """Let every write into the store's log fail with ENOSPC while the block runs."""
    with _injected(node, WRITES, "error=ENOSPC", "-wal"):
        yield


@contextmanager
def slow_disk(node: Node, seconds: float) -> Iterator[None]:
    """Let every sync of the store's log return so much later while the block runs."""
    with _injected(node, SYNCS, f"delay_exit={int(seconds * 1e6)}", "-wal"):
        yield


@contextmanager
def _injected(node: Node, calls: str, effect: str, file: str) -> Iterator[None]:
    pid, path = node.pid, f"{node.home.store}{file}"
    # No --seccomp-bpf, which would be faster: with it strace 6.1 forgets to count.
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:{effect}"]
    command = [STRACE, "-f", "-qq", "-p", str(pid), "-P", path, *inject, "-o", "/dev/null"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as strace:
        # A node that has just started again is busy with what it left undone, and may die of that before all is held.
        until("strace holds every thread", lambda: _is_held(pid) or node.exit_code is not None)
        try:
            yield
        finally:
            strace.terminate()


def _is_held(pid: int) -> bool:
    """Say whether every thread of a process has a tracer."""
    states = [path.read_text(encoding="utf-8") for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return bool(states) and not any("TracerPid:\t0\n" in state for state in states)
