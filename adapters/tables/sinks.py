"""Where rows go: one way out for every kind of file. Writers are imported when a file of their kind is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from adapters.tables.errors import FileRefused
from adapters.tables.layout import TableLayout
from adapters.tables.rejects import RejectedCells
from adapters.tables.rows import Cell

_SUFFIXES: Final = (".csv", ".xlsx")
_FRAMES: Final = (".jtt808", ".jtt809")


class RowSink(Protocol):
    """A file of rows that appears whole or not at all, mode 0600; a context manager."""

    @property
    def rows(self) -> int:
        """Rows written, without the header."""
        ...

    def row(self, cells: Sequence[str]) -> None:
        """Write a row.

        Raises:
            RowNotWritten: The file cannot hold a cell; nothing of the row was written.
            ValueError: There are more or fewer cells than columns (our mistake).
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RejectsSink(Protocol):
    """Rejected rows in their source's shape, with the reasons beside, mode 0600; a context manager."""

    @property
    def rows(self) -> int:
        """Rejected rows written."""
        ...

    def row(self, cells: Sequence[Cell], rejected: RejectedCells) -> None:
        """Write a rejected row.

        Args:
            cells: As the source has them.
            rejected: What stands beside them.
        """
        ...

    def close(self) -> None:
        """Bring the file to disk."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_sink(path: Path, layout: TableLayout) -> RowSink:
    """Return a row sink for a file; its suffix says what kind it is.

    Args:
        path: Where the file shall stand: .csv or .xlsx, or .jtt808 or .jtt809 for frames.
        layout: What it shall look like.

    Raises:
        FileRefused: The suffix is another one, or the layout is not that of such frames.
    """
    suffix = _suffix(path, *_FRAMES)
    if suffix in _FRAMES:
        from adapters.tables.frame_sink import FrameSink

        return FrameSink(path, layout)
    if suffix == ".xlsx":
        from adapters.tables.excel_sink import ExcelSink

        return ExcelSink(path, layout)
    from adapters.tables.csv_sink import CsvSink

    return CsvSink(path, layout)


def rejects_suffix(source: Path) -> str:
    """Return the suffix of a rejects file: Excel for Excel, CSV for all that clerks cannot edit in its own kind."""
    return ".xlsx" if source.suffix.lower() == ".xlsx" else ".csv"


def open_rejects(path: Path, layout: TableLayout) -> RejectsSink:
    """Open a rejects file; its suffix says what kind it is.

    Args:
        path: Where the file shall stand: .csv or .xlsx, see ``rejects_suffix``.
        layout: The source's.

    Raises:
        FileRefused: The suffix is another one.
    """
    if _suffix(path) == ".xlsx":
        from adapters.tables.excel_sink import ExcelRejects

        return ExcelRejects(path, layout)
    from adapters.tables.rejects import RejectsFile

    return RejectsFile(path, layout)


def _suffix(path: Path, *more: str) -> str:
    suffix, known = path.suffix.lower(), (*_SUFFIXES, *more)
    if suffix not in known:
        raise FileRefused(path.name, "file.suffix", known=" ".join(known))
    return suffix
