"""Progress on stderr: two bars on a terminal, nothing into a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from yrdx.node.v1 import node_pb2


class NoProgress:
    """Shows nothing."""

    def read(self, rows: int, done: int, total: int | None) -> None:
        """Show nothing."""

    def preparing(self, left: int) -> None:
        """Show nothing."""

    def delivered(self, answer: node_pb2.WatchSourceResponse) -> None:
        """Show nothing."""


class BarProgress:
    """Shows rows read and records answered, with rates."""

    def __init__(self, bars: Bars, name: str = "") -> None:
        """Add the bars.

        Args:
            bars: Where they are shown.
            name: Stands before their words, where several syncs run side by side.
        """
        self._bars = bars
        self._name = f"{name} " if name else ""
        self._read = bars.add_task(f"{self._name}读取 read", total=None)
        self._delivered = bars.add_task(f"{self._name}送达 answered", total=None)

    def read(self, rows: int, done: int, total: int | None) -> None:
        """Show how far the source is read; of one that does not know its size, only the rows."""
        estimated = None if total is None else max(rows, int(rows * total / max(done, 1)))
        self._bars.update(self._read, completed=rows, total=estimated)

    def preparing(self, left: int) -> None:
        """Show how many records must still be brought into what stands."""
        words = f"{self._name}比对 comparing" + (f" {left:,}" if left else "")
        self._bars.update(self._read, description=words)

    def delivered(self, answer: node_pb2.WatchSourceResponse) -> None:
        """Show how far the records are delivered."""
        words = f"{self._name}送达 answered"
        if answer.rejected:
            words += f"，拒绝 rejected {answer.rejected:,}"
        if answer.state_reason:
            words += f" · {answer.state}"
        self._bars.update(
            self._delivered,
            completed=answer.submitted - answer.pending,
            total=answer.submitted,
            description=words,
        )


@contextmanager
def shown_bars() -> Iterator[Bars | None]:
    """Show bars on stderr while a block runs; None when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bars:
        yield bars


@contextmanager
def shown_progress() -> Iterator[NoProgress | BarProgress]:
    """Show the progress of one sync while a block runs."""
    with shown_bars() as bars:
        yield BarProgress(bars) if bars is not None else NoProgress()
