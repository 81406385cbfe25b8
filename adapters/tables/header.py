"""The header of a table, compared with the layout: the same rules whatever kind of table it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from typing import TypeAlias, TypeVar

from adapters.tables.errors import SourceRefused

T = TypeVar("T")
Refusal: TypeAlias = Callable[..., SourceRefused]
"""Makes the error of a table, (rule id, column=…) → error."""


def column_places(
    header: Sequence[str], columns: Sequence[str], ignored: Collection[str], refuse: Refusal
) -> list[int]:
    """Find the layout's columns in a header; they may stand in any order.

    Cells are named only where most of them are columns: else the first row may hold people, not names of columns.

    Args:
        header: As the table has it.
        columns: The layout's.
        ignored: Columns that may stand in the table and are not read.
        refuse: Makes the error.

    Returns:
        The place of each column in the header.

    Raises:
        SourceRefused: It is no header, or a column is doubled, unknown or lacking.
    """
    if 2 * len(set(columns) & set(header)) <= len(columns):
        raise refuse("header.missing")
    for place, column in enumerate(header):
        if column in header[:place]:
            raise refuse("header.doubled", column=column)
        if column not in columns and column not in ignored:
            raise refuse("header.unknown", column=column)
    for column in columns:
        if column not in header:
            raise refuse("header.lacking", column=column)
    return [header.index(column) for column in columns]


def arrangement(places: Sequence[int], width: int) -> Callable[[list[T]], list[T]] | None:
    """Return what puts a row's cells into the layout's order, or None where they stand in it already.

    Args:
        places: The place of each column in the table.
        width: Columns that the table has.
    """
    if list(places) == list(range(width)):
        return None
    pick = itemgetter(*places, places[0])  # one more, so that a single column comes as a tuple too

    def arranged(cells: list[T]) -> list[T]:
        return list(pick(cells)[:-1])

    return arranged
