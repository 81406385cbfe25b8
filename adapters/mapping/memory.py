"""What columns of few distinct cells remember: dates, codes, divisions and employers come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

REMEMBERED_MAX: Final = 65_536
"""Distinct cells, or values, that a column keeps. A month's codes, divisions and employers fit; more only cost time."""


class _Noted(NamedTuple):
    """What a cell became, and what had to be changed."""

    kept: Any
    notes: list[str]


class Memory:
    """Cells that were read, and what they became.

    Args:
        read: Reads a cell, and takes the notes.
        keep: Turns what was read into what is kept.

    Attributes:
        known: Those that were read without any note, for whoever asks before ``learn``.
    """

    def __init__(self, read: Callable[[Any, list[str]], Any], keep: Callable[[Any], Any]) -> None:
        self.known: Final[dict[Any, Any]] = {}
        self._noted: dict[Any, _Noted] = {}
        self._read = read
        self._keep = keep

    def learn(self, cell: Any, notes: list[str]) -> Any:  # noqa: ANN401 - a field of any kind
        """Read a cell that is not among the known ones, and keep it."""
        noted = self._noted.get(cell) or self._learn(cell)
        notes.extend(noted.notes)
        return noted.kept

    def _learn(self, cell: Any) -> _Noted:  # noqa: ANN401
        notes: list[str] = []
        kept = self._keep(self._read(cell, notes))
        if len(self.known) + len(self._noted) >= REMEMBERED_MAX:
            self.known.clear()
            self._noted.clear()
        noted = _Noted(kept, notes)
        if not notes:
            self.known[cell] = kept
        elif "trim" not in notes:  # there is no end to the blanks that may stand around a cell
            self._noted[cell] = noted
        return noted
