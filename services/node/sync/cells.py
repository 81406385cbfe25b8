"""Cells of refused rows, for sources that cannot be read again: on disk, without a name, while a sync runs."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Final, Self

from adapters.tables import Cell, cell_text

_HEAD: Final = Struct(">QI")

RefusedCells = tuple[int, list[tuple[int, list[str]]]]
"""The row that is wrong, and every row of its record with its number."""


class CellSpool:
    """Rows as texts, by rising row."""

    def __init__(self, folder: Path) -> None:
        """Open the spool in a folder of the node's home."""
        self._stack = ExitStack()
        self._file: IO[bytes] = self._stack.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115 - closed with the stack

    def __enter__(self) -> Self:
        """Return the spool; leaving the context removes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the spool."""
        self._stack.close()

    def add(self, row: int, rows: Sequence[tuple[int, Sequence[Cell]]]) -> None:
        """Keep the rows of one record that is none."""
        content = marshal.dumps([(number, [cell_text(cell) for cell in cells]) for number, cells in rows])
        self._file.write(_HEAD.pack(row, len(content)) + content)

    def rows(self) -> Iterator[RefusedCells]:
        """Yield them in order."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            row, size = _HEAD.unpack(head)
            yield row, marshal.loads(self._file.read(size))  # noqa: S302 - what this process wrote itself
