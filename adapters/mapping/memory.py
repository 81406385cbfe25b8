"""What columns of few distinct cells remember: dates, codes, divisions and employers come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

REMEMBERED_MAX: Final = 65_536
"""Distinct cells, or values, that a column keeps. A month's codes, divisions and employers fit; more only cost time."""


class Memory:
    """Cells that were read without any note, and what they became.

    Args:
        read: Reads a cell, and takes the notes.
        keep: Turns what was read into what is kept.
    """

    def __init__(self, read: Callable[[Any, list[str]], Any], keep: Callable[[Any], Any]) -> None:
        self.known: Final[dict[Any, Any]] = {}
        self._read = read
        self._keep = keep

    def learn(self, cell: Any, notes: list[str]) -> Any:  # noqa: ANN401 - a field of any kind
        """Read a cell that is not known, and keep it if nothing had to be changed."""
        noted = len(notes)
        kept = self._keep(self._read(cell, notes))
        if len(notes) == noted:
            if len(self.known) >= REMEMBERED_MAX:
                self.known.clear()
            self.known[cell] = kept
        return kept
