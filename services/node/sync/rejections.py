"""Rejected rows of one file, from all who reject: the mapping, the file itself, this node's gate, the partner.

Each of them finds its rejections in the order of the rows, so four spools are merged while the source is read once
more for the rejected rows' cells: memory does not grow with the number of rejections.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

from adapters.tables import CsvLayout, RejectsFile, open_csv


class RejectedRow(NamedTuple):
    """Why one row is rejected; never holds what a cell says.

    Attributes:
        row: Row as people count.
        column: The source's column; empty where the whole row is meant.
        rule_id: Stable name of the rule.
        reason: The rule in words.
    """

    row: int
    column: str
    rule_id: str
    reason: str


SPOOLS: Final = ("file", "repeated", "gate", "partner")
"""Who rejects, each in the order of the rows."""


class Rejections:
    """Spools of rejected rows, on disk and without a name."""

    def __init__(self, folder: Path) -> None:
        """Open the spools in a folder of the node's home."""
        self._stack = ExitStack()
        self._spools = {name: self._stack.enter_context(_spool(folder)) for name in SPOOLS}
        self.counts = dict.fromkeys(SPOOLS, 0)

    def __enter__(self) -> Self:
        """Return the spools; leaving the context removes them."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the spools."""
        self._stack.close()

    def add(self, spool: str, rejected: RejectedRow) -> None:
        """Spool one rejection; within a spool rows rise."""
        self._spools[spool].write(json.dumps(rejected) + "\n")
        self.counts[spool] += 1

    @property
    def local(self) -> int:
        """Rows that this side rejected."""
        return sum(count for name, count in self.counts.items() if name != "partner")

    def merged(self) -> Iterator[RejectedRow]:
        """Yield every rejection by rising row."""
        return heapq.merge(*(_read(spool) for spool in self._spools.values()))


def _spool(folder: Path) -> IO[str]:
    return TemporaryFile("w+", dir=folder, encoding="utf-8")


def _read(spool: IO[str]) -> Iterator[RejectedRow]:
    spool.seek(0)
    for line in spool:
        yield RejectedRow(*json.loads(line))


def write_rejects(path: Path, source: Path, layout: CsvLayout, digest: str, rejected: Iterable[RejectedRow]) -> None:
    """Write rejected rows in the source's shape with the reasons beside.

    Args:
        path: Rejects file; replaced.
        source: The file they come from, read once more for their cells.
        layout: Its layout.
        digest: Its SHA-256 when it was mapped. When it changed since, rows are written without cells: those of
            another file must not be mended in their place.
        rejected: Rejections by rising row.
    """
    cells_trusted = _digest(source, layout) == digest
    with RejectsFile(path, layout) as rejects, open_csv(source, layout) as rows:
        waiting = iter(rejected)
        current = next(waiting, None)
        for row in rows:
            while current is not None and current.row <= row.number:
                cells = row.cells if cells_trusted and current.row == row.number else []
                rejects.row(current.row, cells, current.column, current.rule_id, current.reason)
                current = next(waiting, None)
            if current is None:
                return


def _digest(source: Path, layout: CsvLayout) -> str:
    with open_csv(source, layout) as rows:
        for _ in rows:
            pass
        return rows.sha256()
