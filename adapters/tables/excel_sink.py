"""Excel workbooks as a row sink, and as the file that a clerk mends; readable by their owner alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.tables.excel_rows import ExcelRows, unfit
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.rejects import RejectedCells
from adapters.tables.rows import Cell, cell_text
from adapters.tables.whole_file import WholeFile


class ExcelSink:
    """A workbook that appears under its name when it is complete, mode 0600.

    Use it as a context manager: leaving it by an exception leaves no file.

    Args:
        path: Where the file shall stand; a former one is replaced.
        layout: What it shall look like.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._path = path
        self._layout = layout

    def __enter__(self) -> Self:
        self._whole = WholeFile(self._path)
        self._rows = _rows(self._whole, self._layout.columns, self._path.parent, self._layout.sheet)
        return self

    def row(self, cells: Sequence[Cell]) -> None:
        """Write a row; see ``ExcelRows.row``."""
        self._rows.row(cells)

    @property
    def rows(self) -> int:
        """Rows written, without the header."""
        return self._rows.number - 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._rows.close()
                self._whole.commit()
            else:
                self._rows.abandon()
        finally:
            self._whole.discard()


class ExcelRejects:
    """Rejected rows in the shape of an Excel source, its columns and then ``REASON_COLUMNS``; mode 0600.

    A workbook is no workbook before it is complete, so unlike CSV it appears when it is closed, with what was found so
    far. A context manager.

    Args:
        path: Where the file shall stand; a former one is replaced.
        layout: The source's.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._width = len(layout.columns)
        self._whole = WholeFile(path)
        self._rows = _rows(self._whole, layout.columns + REASON_COLUMNS, path.parent, layout.sheet)

    @property
    def rows(self) -> int:
        """Rejected rows written."""
        return self._rows.number - 1

    def row(self, cells: Sequence[Cell], rejected: RejectedCells) -> None:
        """Write a rejected row.

        Args:
            cells: As the source has them.
            rejected: What stands beside them.
        """
        fitted = [cell_text(cell) if unfit(cell) else cell for cell in cells[: self._width]]
        fitted += [None] * (self._width - len(fitted))
        self._rows.row([*fitted, *map(str, rejected)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Complete the file."""
        try:
            self._rows.close()
            self._whole.commit()
        finally:
            self._whole.discard()


def _rows(whole: WholeFile, columns: Sequence[str], folder: Path, sheet: str) -> ExcelRows:
    try:
        return ExcelRows(whole.file, columns, folder, sheet)
    except BaseException:
        whole.discard()
        raise
