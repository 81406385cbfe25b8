"""Peak memory of running processes, as Linux counts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class Peaks:
    """The largest peak of resident memory among a process and those it started."""

    def __init__(self) -> None:
        self._kib: dict[int, int] = {}

    def look(self, pid: int, name: int | None = None) -> None:
        """Look at a process and its children; one that has ended keeps what was seen.

        Args:
            pid: The process.
            name: Under what its peak is kept; None: its pid.
        """
        key = pid if name is None else name
        self._kib[key] = max([self._kib.get(key, 0), *(_peak_kib(one) for one in _tree(pid))])

    def of(self, name: int) -> float:
        """Return a peak, MiB."""
        return round(self._kib.get(name, 0) / 1024, 1)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:  # it has ended
        return
    for child in children:
        yield from _tree(int(child))


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
