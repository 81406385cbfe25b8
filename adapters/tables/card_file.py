"""What the records of a card do not say: a table of one row, its columns named as in the dialect's own taps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.frames.card_rows import Card, TapTable, tap_table
from adapters.tables.errors import FileRefused
from adapters.tables.layout import TableLayout
from adapters.tables.rows import Row, cell_text
from adapters.tables.sources import open_table


def read_card(path: Path, layout: TableLayout) -> Card:
    """Read what is said of a card.

    Args:
        path: A file of any kind that has a header.
        layout: The dialect's, of transport.tap.

    Raises:
        FileRefused: The file as a whole is refused, has not exactly one row, or a cell of it says nothing; or the
            layout is not that of taps.
    """
    table = _table_of(path, layout)
    with open_table(path, replace(layout, columns=table.card_columns)) as source:
        rows = [
            [cell_text(cell).strip() for cell in row.cells] if isinstance(row, Row) else []
            for _, row in zip(range(2), source, strict=False)
        ]
    cells = dict(zip(table.card_columns, rows[0], strict=False)) if len(rows) == 1 else {}
    concession_fen = table.amount_fen(cells.pop(table.concession, ""))
    if concession_fen is None or not all(cells.values()):
        raise FileRefused(path.name, "file.card", columns=" ".join(table.card_columns))
    return Card(cells, concession_fen)


def card_of(path: Path, layout: TableLayout) -> tuple[TapTable, Card]:
    """Return how the dialect names what a card's records say, and what was said of the card.

    Raises:
        FileRefused: The layout is not that of taps, or says nothing of the card.
    """
    table = _table_of(path, layout)
    if layout.card is None:
        raise FileRefused(path.name, "file.card_unsaid")
    return table, layout.card


def _table_of(path: Path, layout: TableLayout) -> TapTable:
    table = tap_table(layout.columns)
    if table is None:
        raise FileRefused(path.name, "file.frames_columns", protocol="JT/T 978")
    return table
