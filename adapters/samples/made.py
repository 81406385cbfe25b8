"""What was made: files and rows, and what is planted in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.samples.planted import Planted


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One city's file of one dataset.

    Attributes:
        path: Where it stands.
        dialect: Whose shape it has.
        rows: Rows, without the header.
        planted: What was planted, in the order of the rows.
        dataset: What its records are.
        records: Records; as many as rows where each row is one.
    """

    path: Path
    dialect: str
    rows: int
    planted: tuple[Planted, ...]
    dataset: str
    records: int

    def corrections(self) -> dict[int, tuple[str, ...]]:
        """Return the right cells of every row that is rejected, by row as people count; see ``mend_rejects``."""
        return _corrections(self.planted)


@dataclass(frozen=True, slots=True)
class SampleRows:
    """One city's rows of one dataset, for a table of a database.

    Attributes:
        columns: The dialect's columns.
        rows: Texts in the order of ``columns``; "" where nothing is given.
        planted: What was planted. Rows are counted from 1, as sources of tables without a header count them.
        dialect: Whose shape they have.
        dataset: What the records are.
        records: Records; as many as rows where each row is one.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    planted: tuple[Planted, ...]
    dialect: str
    dataset: str
    records: int

    def corrections(self) -> dict[int, tuple[str, ...]]:
        """Return the right cells of every row that is rejected, by row from 1; see ``mend_rejects``."""
        return _corrections(self.planted)


@dataclass(frozen=True, slots=True)
class SampleSet:
    """All files.

    Attributes:
        files: By dataset as asked for, Nantong's and then Shanghai's of each.
        planted_path: JSON that says the same as ``SampleFile.planted``, without cells.
    """

    files: tuple[SampleFile, ...]
    planted_path: Path


def _corrections(planted: Sequence[Planted]) -> dict[int, tuple[str, ...]]:
    """Return the right cells of every row that is rejected, by row as people count."""
    return {row: cells for one in planted for row, cells in one.corrections().items()}
