"""A CSV file of a dialect as a grid of cells, to be read and changed as a clerk would."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Self

from adapters.mapping import load_mapping
from tests.integration.support.records import DATASET


@dataclass(slots=True)
class Sheet:
    """A header and rows; cells are what stands in the file, marks before formulas included.

    Attributes:
        dialect: Whose shape the file has.
        header: Names of the columns.
        rows: Rows; the first one is row 2, as people count.
    """

    dialect: str
    header: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, path: Path, dialect: str) -> Self:
        """Read a file whose lines are whole."""
        file = load_mapping(dialect, DATASET).file
        with path.open(encoding=file.encoding, newline="") as lines:
            header, *rows = csv.reader(lines, delimiter=file.delimiter)
        return cls(dialect, header, rows)

    def write(self, path: Path) -> Path:
        """Write the file and return its path."""
        path.write_bytes(self.encoded())
        return path

    def encoded(self) -> bytes:
        """Return the file's bytes."""
        file = load_mapping(self.dialect, DATASET).file
        text = StringIO()
        csv.writer(text, delimiter=file.delimiter, lineterminator="\r\n").writerows([self.header, *self.rows])
        return text.getvalue().encode(file.encoding)

    def column(self, name: str) -> list[str]:
        """Return a column's cells."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def with_cell(self, row: int, column: str, cell: str) -> list[str]:
        """Return the cells of a row, as people count, with one of them changed."""
        cells = list(self.rows[row - 2])
        cells[self.header.index(column)] = cell
        return cells

    def by_name(self) -> list[dict[str, str]]:
        """Return every row as column → cell."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]


def with_rows(sheet: Sheet, rows: Sequence[list[str]]) -> Sheet:
    """Return a sheet of the same shape with other rows."""
    return Sheet(sheet.dialect, sheet.header, list(rows))
