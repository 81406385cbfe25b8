"""Rejected rows of one source: spooled while it is read, and written for the clerk who mends them.

The node knows every rejection, its own and the partner's, by its number. What it does not know is what the cells
say, so the rejects file is written by reading the source once more, or, where that cannot be, from what was spooled.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Final, Self

from adapters.tables import RejectedCells
from services.node.sync.row_bits import RowBits
from services.node.sync.submission import Told
from yrdx.node.v1 import node_pb2

_RUNS_MAX: Final = 256


class Spool:
    """Refused rows on disk, without a name; each part in the order of its rows."""

    def __init__(self, folder: Path) -> None:
        """Open the spool in a folder of the node's home."""
        self._stack = ExitStack()
        self._folder = folder
        self._parts: dict[str, IO[str]] = {}
        self.count = 0

    def __enter__(self) -> Self:
        """Return the spool; leaving the context removes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the spool."""
        self._stack.close()

    def add(self, part: str, told: Told) -> None:
        """Spool one refused row; within a part rows rise."""
        file = self._parts.get(part)
        if file is None:
            file = self._parts[part] = self._stack.enter_context(_open(self._folder))
        file.write(json.dumps([told.key.hex() if isinstance(one, bytes) else one for one in told]) + "\n")
        self.count += 1

    def rows(self) -> Iterator[Told]:
        """Yield every refused row by rising position."""
        return heapq.merge(*(_read(file) for file in self._parts.values()))


def _open(folder: Path) -> IO[str]:
    return TemporaryFile("w+", dir=folder, encoding="utf-8")


def _read(file: IO[str]) -> Iterator[Told]:
    file.seek(0)
    for line in file:
        told = Told(*json.loads(line))
        yield told._replace(key=bytes.fromhex(str(told.key)))


class ListedRejections:
    """A source's rejections as the node lists them, the open ones sorted by row, in runs on disk.

    The node lists them as they came: chunk by chunk, batch by batch. So the list is a few rising runs, and merging them
    costs no memory.

    Attributes:
        open: How many are open.
        local_rows: Rows that this side refused, closed ones too.
    """

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._folder = folder
        self._runs: list[IO[str]] = []
        self._last_row = 0
        self.open = 0
        self.local_rows = RowBits()

    def __enter__(self) -> Self:
        """Return the list; leaving the context removes its files."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the files."""
        self._stack.close()

    def add(self, found: node_pb2.ListRejectionsResponse.RejectedRecord, row: int, column: str) -> None:
        """Add a rejection; one that is closed is only counted.

        Args:
            found: As the node lists it.
            row: Its row in the source.
            column: The source's column.
        """
        if found.rejected_by == "local":
            self.local_rows.add(row)
        if found.HasField("closed_time"):
            return
        self.open += 1
        if not self._runs or row < self._last_row:
            self._begin_run()
        self._last_row = row
        cells = RejectedCells(row, column, found.rule_id, found.reason, str(found.id))
        self._runs[-1].write(json.dumps(cells) + "\n")

    def rows(self) -> Iterator[RejectedCells]:
        """Yield them by rising row."""
        return heapq.merge(*map(_read_cells, self._runs))

    def _begin_run(self) -> None:
        if len(self._runs) >= _RUNS_MAX:  # nobody may have so many files open: make one of them
            merged = self._stack.enter_context(_open(self._folder))
            merged.writelines(json.dumps(cells) + "\n" for cells in self.rows())
            for run in self._runs:
                run.close()
            self._runs = [merged]
        self._runs.append(self._stack.enter_context(_open(self._folder)))


def _read_cells(file: IO[str]) -> Iterator[RejectedCells]:
    file.seek(0)
    for line in file:
        yield RejectedCells(*json.loads(line))
