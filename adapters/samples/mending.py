"""What a clerk does before lunch: puts the right cells into a rejects file, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from adapters.tables import REASON_COLUMNS, Row, TableLayout, cell_text, open_sink, open_table

_ROW_NUMBER = REASON_COLUMNS[0]


def mend_rejects(path: Path, layout: TableLayout, corrections: Mapping[int, tuple[str, ...]]) -> int:
    """Put the right cells into every row of a rejects file; the columns with the reasons stay as they are.

    Args:
        path: The rejects file, .csv or .xlsx. It is replaced once all of it is mended, mode 0600.
        layout: The source's.
        corrections: By row of the source, as people count: the right cells in the layout's order; none for a row that
            is taken out.

    Returns:
        Rows that stand in the file now.

    Raises:
        ValueError: A row cannot be read, or there is no correction for it.
        FileRefused: It is no rejects file of such a source.
    """
    whole = replace(layout, columns=layout.columns + REASON_COLUMNS)
    number = whole.columns.index(_ROW_NUMBER)
    with open_table(path, whole, ignored=()) as source, open_sink(path, whole) as sink:
        for row in source:
            if not isinstance(row, Row):
                raise ValueError(f"{path.name} row {row.number}: {row.rule_id}")
            cells = [cell_text(cell) for cell in row.cells]
            its_row = int(cells[number])
            if its_row not in corrections:
                raise ValueError(f"{path.name} row {row.number}: no correction for row {its_row} of the source")
            if corrections[its_row]:
                sink.row([*corrections[its_row], *cells[len(layout.columns) :]])
    return sink.rows
