"""Files of frames as a row sink: rows of a dialect, as the frames that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.frames import FrameRefused
from adapters.tables.errors import RowNotWritten
from adapters.tables.frame_protocols import protocol_of
from adapters.tables.layout import TableLayout
from adapters.tables.whole_file import WholeFile


class FrameSink:
    """A file of frames, one for each row, that appears under its name when it is complete, mode 0600.

    Use it as a context manager: leaving it by an exception leaves no file.

    Args:
        path: Where the file shall stand, .jtt808 or .jtt809; a former one is replaced.
        layout: The dialect's, with what frames do not say.

    Raises:
        FileRefused: The layout is not that of such frames.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._protocol, self._context = protocol_of(path, layout)
        self._path = path
        self._columns = layout.columns
        self._rows = 0

    def __enter__(self) -> Self:
        self._whole = WholeFile(self._path)
        return self

    def row(self, cells: Sequence[str]) -> None:
        """Write a row.

        Raises:
            RowNotWritten: A frame cannot say it; nothing of the row was written.
            ValueError: There are more or fewer cells than columns (our mistake).
        """
        named = dict(zip(self._columns, cells, strict=True))
        try:
            frame = self._protocol.write(named, self._rows, self._context)
        except FrameRefused as refused:
            # Not chained: a traceback's locals would hold the cells.
            raise RowNotWritten(self._rows + 1, "", refused.rule_id) from None
        self._whole.file.write(frame)
        self._rows += 1

    @property
    def rows(self) -> int:
        """Rows written."""
        return self._rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._whole.commit()
        else:
            self._whole.discard()
