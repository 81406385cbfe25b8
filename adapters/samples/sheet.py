"""A sample while it is written: good records with the habits of those who type, and planted ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from adapters.mapping import Mapping, Value
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
        person = [mapping.column_of(name) for name in ("person_number", "person_name")]
        self._person = [mapping.columns.index(name) for name in person if name]
        self._missing = {place: column.missing for column in mapping.plan.columns for place in column.places}
        self._lists = [tuple(part.places()) for part in mapping.plan.items]
        # Rows of one key in succession would be one record, so a repetition stands one record further down.
        self._good: deque[tuple[int, Rows]] = deque(maxlen=2 if mapping.grouped else 1)
        self.row = paper.header_rows

    def fits(self, rows: Rows, kind: Kind) -> bool:
        """Say whether a kind can be planted in a record."""
        if kind in (DUPLICATE, CONFLICT):
            # What is overwritten has as many rows as what is written over it, so that each row has its correction.
            alike = kind is DUPLICATE or (len(self._good) > 0 and len(rows) == len(self._good[0][1]))
            return alike and len(self._good) == self._good.maxlen
        if len(rows) < kind.rows_min:
            return False
        if kind.spoil_rows:
            return kind.spoil_rows([list(row) for row in rows]) is not None
        fault = self._fault(rows, kind)
        return bool(fault) and (not kind.needs or self._gives(rows[fault.start], self._place(kind.needs)))

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
            yield self._plant(rows, kind)

    def _plant(self, good: Rows, kind: Kind) -> Planted:
        """Spoil a record."""
        rows, first = [list(row) for row in good], self.row + 1
        if kind.spoil_rows:
            at_fault = kind.spoil_rows(rows) or 0
            self._put(rows, kind)
        else:
            fault = self._fault(rows, kind)
            # The partner refuses records, not rows: its word is about the first of them.
            at_fault = fault.start if kind.rejected_by == "local" else 0
            spoilt = [self._spoilt(row, kind) if number in fault else row for number, row in enumerate(rows)]
            self._put(spoilt, kind, at_fault)
        return self._told(first, good, kind, at_fault=at_fault, surplus=len(rows) - len(good))

    def _fault(self, rows: Rows, kind: Kind) -> range:
        """Say which rows of a record are spoilt; the first of them is told. Empty: the kind has no place in them.

        A row that nobody can read stands in the middle, so that no neighbour is in doubt, or at the end where the file
        breaks off; a cell of an item in the list's last one; a cell of the form in all rows, since all of them
        repeat it.
        """
        if kind.spoil_line or kind.value is not None:
            place = len(rows) - 1 if kind.breaks_off else min(1, len(rows) - 1)
            return range(place, place + 1)
        of_list = next((places for places in self._lists if self._place(kind.column) in places), None)
        if of_list is None:
            return range(len(rows))
        items = [number for number, row in enumerate(rows) if any(self._gives(row, place) for place in of_list)]
        return range(items[-1], items[-1] + 1) if items else range(0)

    def _spoilt(self, row: Sequence[str], kind: Kind) -> Sequence[Value]:
        """Spoil the cell of a kind's column, if it is a cell that is spoilt."""
        if kind.spoil is None and kind.value is None:
            return row
        place = self._place(kind.column)
        return [*row[:place], kind.spoil(row[place]) if kind.spoil else kind.value, *row[place + 1 :]]

    def _told(
        self, first: int, good: Rows, kind: Kind, *, of_row: int = 0, at_fault: int = 0, surplus: int = 0
    ) -> Planted:
        """Tell a planted record; a clerk takes its surplus rows out."""
        mended = (*map(tuple, good), *((),) * surplus) if kind.rejected_by else ()
        count = len(good) + surplus
        rows = (first, first + count - 1) if count > 1 else (0, 0)
        return Planted(
            first + at_fault, kind.name, kind.rejected_by, kind.rule, kind.column, of_row, *rows, mended=mended
        )

    def _put(self, rows: Sequence[Sequence[Value]], kind: Kind | None = None, at_fault: int = 0) -> None:
        for number, row in enumerate(rows):
            spoil_line = kind.spoil_line if kind is not None and number == at_fault else None
            ended = kind is None or not kind.breaks_off or number < at_fault
            self._paper.put(row, planted=kind is not None, spoil_line=spoil_line, ended=ended)
        self.row += len(rows)

    def _as_people_write(self, rows: Rows) -> Rows:
        """Give a good record the habits of those who type; they copy the form from row to row."""
        if not self._person:
            return rows
        number, name = self._person
        written = with_habits(rows[0][number], rows[0][name], self._random)
        changed = [list(row) for row in rows]
        for row in changed:
            row[number], row[name] = written
        return changed

    def _place(self, column: str) -> int:
        return self._mapping.columns.index(column)

    def _gives(self, row: Sequence[str], place: int) -> bool:
        """Whether a cell gives something; one of a column that carries no field always does."""
        return row[place] not in self._missing.get(place, ())
