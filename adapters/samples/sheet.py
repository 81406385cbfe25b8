"""A sample while it is written: good records with the habits of those who type, and planted ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from adapters.mapping import Mapping
from adapters.samples.contributions import with_habits
from adapters.samples.papers import Paper
from adapters.samples.planted import Kind, Planted

DUPLICATE: Final = Kind("exact_duplicate", "", "", rejected_by="")
CONFLICT: Final = Kind("same_key_other_content", "", "")

Rows = list[list[str]]


class Sheet:
    """Puts records on paper.

    Args:
        paper: At its start.
        mapping: The dialect's.
        random: Source of everything that varies.
        contradict: Gives a row other content under the same key.

    Attributes:
        row: Row that was written last, as people count.
    """

    def __init__(
        self, paper: Paper, mapping: Mapping, random: Random, contradict: Callable[[list[str]], list[str]]
    ) -> None:
        self._paper = paper
        self._random = random
        self._mapping = mapping
        self._contradict = contradict
        self._person = [mapping.columns.index(mapping.column_of(name)) for name in ("person_number", "person_name")]
        self._item_places = set(mapping.plan.item.places()) if mapping.grouped else set()
        # Rows of one key in succession would be one record, so a repetition stands one record further down.
        self._good: deque[tuple[int, Rows]] = deque(maxlen=2 if mapping.grouped else 1)
        self.row = paper.header_rows

    def fits(self, rows: Rows, kind: Kind) -> bool:
        """Say whether a kind can be planted in a record."""
        if kind in (DUPLICATE, CONFLICT):
            # What is overwritten has as many rows as what is written over it, so that each row has its correction.
            return len(self._good) == self._good.maxlen and len(rows) == len(self._good[0][1])
        place = self._mapping.columns.index(kind.column) if kind.column else None
        gives = place is None or rows[-1][place] not in self._mapping.declaration.missing
        item = place not in self._item_places or not self._is_empty(rows[-1])
        return len(rows) >= kind.rows_min and item and (gives or not kind.needs_cell)

    def write(self, rows: Rows, kind: Kind | None) -> Iterator[Planted]:
        """Write a record, planted if a kind is given, and tell what was planted."""
        if kind is None:
            written = self._as_people_write(rows)
            self._good.append((self.row + 1, written))
            self._put(written)
        elif kind is DUPLICATE:
            of_row, before = self._good[0]
            yield self._told(self.row + 1, before, kind, of_row=of_row)
            self._put(before)
        elif kind is CONFLICT:
            of_row, before = self._good[0]
            yield self._told(of_row, before, kind, of_row=self.row + 1)
            # The record that should have stood here was overwritten by the one before: that is what the clerk mends.
            yield self._told(self.row + 1, rows, kind, of_row=of_row)
            self._put([self._contradict(row) for row in before])
        else:
            yield from self._plant(rows, kind)

    def _plant(self, good: Rows, kind: Kind) -> Iterator[Planted]:
        """Spoil a record: a cell of the form in all of its rows, of an item in the last one, a line in the middle."""
        at_fault, rows = 0, [list(row) for row in good]
        if kind.spoil:
            place = self._mapping.columns.index(kind.column)
            at_fault = len(rows) - 1 if place in self._item_places else 0
            for row in rows[-1:] if at_fault else rows:
                row[place] = kind.spoil(row[place])
        elif kind.spoil_rows:
            kind.spoil_rows(rows)
            at_fault = len(rows) - 1
        elif len(rows) > 1:
            at_fault = 1
        yield self._told(self.row + 1, good, kind, at_fault=at_fault)
        self._put(rows, kind, at_fault)

    def _told(self, first: int, good: Rows, kind: Kind, *, of_row: int = 0, at_fault: int = 0) -> Planted:
        mended = tuple(tuple(row) for row in good) if kind.rejected_by else ()
        rows = (first, first + len(good) - 1) if len(good) > 1 else (0, 0)
        return Planted(
            first + at_fault, kind.name, kind.rejected_by, kind.rule, kind.column, of_row, *rows, mended=mended
        )

    def _put(self, rows: Rows, kind: Kind | None = None, at_fault: int = 0) -> None:
        for number, row in enumerate(rows):
            spoil_line = kind.spoil_line if kind is not None and number == at_fault else None
            self._paper.put(row, planted=kind is not None, spoil_line=spoil_line)
        self.row += len(rows)

    def _as_people_write(self, rows: Rows) -> Rows:
        """Give a good record the habits of those who type; they copy the form from row to row."""
        number, name = self._person
        written = with_habits(rows[0][number], rows[0][name], self._random)
        changed = [list(row) for row in rows]
        for row in changed:
            row[number], row[name] = written
        return changed

    def _is_empty(self, row: list[str]) -> bool:
        missing = self._mapping.declaration.missing
        return all(row[place] in missing for place in self._item_places)
