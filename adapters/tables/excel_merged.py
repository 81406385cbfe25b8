"""Cells that are merged. A sheet's part tells them behind its rows, so they are searched for before those are read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from adapters.tables.excel_package import Damaged, Package
from adapters.tables.excel_sheet import column_number

_RANGES_MAX: Final = 100_000
_PIECE_BYTES: Final = 1 << 18
_TAG_BYTES_MAX: Final = 256
# Bounded, so that the search takes linear time whatever a part holds.
_MERGED: Final = re.compile(
    rb"mergeCell\s[^<>]{0,99}?ref\s{0,9}=\s{0,9}[\"']([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})[\"']"
)


class _Range(NamedTuple):
    """Rows that merged cells stand in, as people count, and the first of their columns, zero-based."""

    first_row: int
    last_row: int
    column: int


class MergedRows:
    """Which rows have merged cells.

    Args:
        package: The workbook.
        part: Path of the sheet's part.

    Raises:
        Damaged: The part is, or there are too many.
    """

    def __init__(self, package: Package, part: str) -> None:
        self._ahead = sorted(_ranges(package, part), reverse=True)
        self._open: list[_Range] = []

    def column(self, row: int) -> int | None:
        """Return the first column of merged cells in a row, zero-based; None where there are none.

        Args:
            row: As people count; never lower than the one asked for before.
        """
        while self._ahead and self._ahead[-1].first_row <= row:
            self._open.append(self._ahead.pop())
        if not self._open:
            return None
        self._open = [merged for merged in self._open if merged.last_row >= row]
        return min((merged.column for merged in self._open), default=None)


def _ranges(package: Package, part: str) -> set[_Range]:
    """Find the merged cells of a sheet."""
    found: set[_Range] = set()
    rest = b""
    with package.opened(part) as stream:
        while piece := stream.read(_PIECE_BYTES):
            content = rest + piece
            for letters, first_row, last_row in _MERGED.findall(content):
                found.add(_Range(int(first_row), int(last_row), column_number(letters.decode())))
            if len(found) > _RANGES_MAX:
                raise Damaged
            rest = content[-_TAG_BYTES_MAX:]
    return found
