"""The rejects file: rows as the source had them, with the reasons beside, for the clerk who mends them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from adapters.tables.csv_sink import CsvRows
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.rows import Cell, cell_text


class RejectedCells(NamedTuple):
    """What stands beside a rejected row, in the order of ``REASON_COLUMNS``.

    Attributes:
        number: Its row in the source, as people count.
        column: The column that is wrong; empty where the whole row is.
        rule_id: Stable name of the rule; empty for a good row of a record of which another row is refused.
        reason: The rule in words.
        reference: Number of the rejection.
    """

    number: int
    column: str
    rule_id: str
    reason: str
    reference: str


class RejectsFile:
    """Rejected rows in the source's own encoding and delimiter, its columns and then ``REASON_COLUMNS``; mode 0600.

    Unlike an export it is written as it grows: what was found before a crash stays found. It holds personal data, as
    the source does. A context manager; closing brings it to disk.

    Args:
        path: Where the file shall stand; a former one is replaced.
        layout: The source's.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._columns = len(layout.columns)
        self._delimiter = layout.delimiter
        # 0600 from the first moment, and never through somebody else's link.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(handle, "wb")
        os.fchmod(handle, 0o600)
        self._rows = CsvRows(self._file, replace(layout, columns=layout.columns + REASON_COLUMNS))

    @property
    def rows(self) -> int:
        """Rejected rows written."""
        return self._rows.number - 1

    def row(self, cells: Sequence[Cell], rejected: RejectedCells) -> None:
        """Write a rejected row.

        Args:
            cells: As the source has them. Missing ones stay empty; surplus ones stay in the last, so that the reasons
                stand under their headings.
            rejected: What stands beside them.
        """
        last = self._columns - 1
        texts = [cell_text(cell) for cell in cells]
        fitted = [*texts[:last], self._delimiter.join(texts[last:])] + [""] * (last - len(texts))
        self._rows.row([*fitted, *map(str, rejected)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Bring the file to disk and close it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
