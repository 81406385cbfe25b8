"""The sample that a draft is made from: the first rows of a file, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from adapters.tables import BadRow, TableLayout, open_table
from adapters.tables.heading import guess_layout

ROWS_MAX: Final = 1_000
"""Rows that are looked at."""
MISSING_WORDS: Final = {
    "": "单元格留空 / the cell is empty",
    "--": "报表工具的空值 / how the reporting tool prints nothing",
    "-": "报表工具的空值 / how the reporting tool prints nothing",
    "—": "经办人手工填写的空值 / what clerks type for nothing",
    "/": "经办人手工填写的空值 / what clerks type for nothing",
    "无": "经办人手工填写的空值 / what clerks type for nothing",
    "不详": "窗口录入时的空值 / what the counter enters for nothing",
    "NULL": "数据库导出的空值 / how the database exports nothing",
    "null": "数据库导出的空值 / how the database exports nothing",
}
"""Words that are taken for nothing wherever they occur, with the reason that a draft gives."""


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """One column of the sample.

    Attributes:
        name: As the header has it.
        values: What is given in it: texts without blanks around, or typed values; never a missing word.
    """

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample.

    Attributes:
        file: The file's name, for the draft's heading.
        layout: What the file looks like.
        columns: In the order of the file.
        missing: Missing words that occur, "" among them.
        rows: Rows that were read.
        bad_rows: Rows that could not be read.
    """

    file: str
    layout: TableLayout
    columns: tuple[SampleColumn, ...]
    missing: tuple[str, ...]
    rows: int
    bad_rows: int


def read_sample(path: Path) -> Sample:
    """Read the beginning of a file.

    Args:
        path: .csv, .xlsx or .dbf.

    Raises:
        FileRefused: It cannot be read as a whole.
    """
    layout = guess_layout(path)
    columns: list[list[Any]] = [[] for _ in layout.columns]
    bad_rows, rows, words = 0, 0, {""}
    with open_table(path, layout, ignored=()) as source:
        for row in islice(source, ROWS_MAX):
            if isinstance(row, BadRow):
                bad_rows += 1
                continue
            rows += 1
            for values, cell in zip(columns, row.cells, strict=True):
                bare = cell.strip() if isinstance(cell, str) else cell
                if bare in MISSING_WORDS:
                    words.add(bare)
                elif bare is not None:
                    values.append(bare)
    named = tuple(SampleColumn(name, tuple(values)) for name, values in zip(layout.columns, columns, strict=True))
    return Sample(path.name, layout, named, tuple(word for word in MISSING_WORDS if word in words), rows, bad_rows)
