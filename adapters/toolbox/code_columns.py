"""The columns of a mapping that hold codes."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.mapping import Mapping
from adapters.mapping.cells.codes import CodeCell
from adapters.mapping.column import BoundColumn


def code_columns(mapping: Mapping) -> Iterator[tuple[BoundColumn, CodeCell]]:
    """Yield each column that holds codes, with its cell type, which has the table."""
    for column in mapping.plan.columns:
        if isinstance(column.cell, CodeCell):
            yield column, column.cell
