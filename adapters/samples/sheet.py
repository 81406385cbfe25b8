"""A sample file while it is written: good records with the habits of those who type, and planted ones."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from io import StringIO
from random import Random
from typing import BinaryIO, Final

from adapters.mapping import Mapping
from adapters.samples.contributions import with_habits
from adapters.samples.planted import Kind, Planted

DUPLICATE: Final = Kind("exact_duplicate", "", "", rejected_by="")
CONFLICT: Final = Kind("same_key_other_content", "", "")

Rows = list[list[str]]


class Sheet:
    """Writes records in a dialect's shape as its own systems do: without marks before formula-like cells.

    Args:
        file: Open for writing, at its start.
        mapping: The dialect's.
        random: Source of everything that varies.
        contradict: Gives a row other content under the same key.

    Attributes:
        row: Row that was written last, as people count; the header is row 1.
    """

    def __init__(
        self, file: BinaryIO, mapping: Mapping, random: Random, contradict: Callable[[list[str]], list[str]]
    ) -> None:
        self._file = file
        self._random = random
        self._mapping = mapping
        self._contradict = contradict
        self._codec = "utf-8" if mapping.file.encoding == "utf-8-sig" else mapping.file.encoding
        self._delimiter = mapping.file.delimiter
        self._person = [mapping.columns.index(mapping.column_of(name)) for name in ("person_number", "person_name")]
        self._item_places = set(mapping.plan.item.places()) if mapping.grouped else set()
        # Rows of one key in succession would be one record, so a repetition stands one record further down.
        self._good: deque[tuple[int, Rows]] = deque(maxlen=2 if mapping.grouped else 1)
        self.row = 1
        file.write("".encode(mapping.file.encoding) + self._line(list(mapping.columns)) + b"\r\n")

    def fits(self, rows: Rows, kind: Kind) -> bool:
        """Say whether a kind can be planted in a record."""
        if kind in (DUPLICATE, CONFLICT):
            return len(self._good) == self._good.maxlen
        place = self._mapping.columns.index(kind.column) if kind.column else None
        gives = place is None or rows[-1][place] not in self._mapping.declaration.missing
        item = place not in self._item_places or not self._is_empty(rows[-1])
        return len(rows) >= kind.rows_min and item and (gives or not kind.needs_cell)

    def write(self, rows: Rows, kind: Kind | None) -> Iterator[Planted]:
        """Write a record, planted if a kind is given, and tell what was planted."""
        if kind is None:
            rows = self._as_people_write(rows)
            self._good.append((self.row + 1, rows))
            self._put(rows)
        elif kind is DUPLICATE:
            of_row, rows = self._good[0]
            yield self._told(self.row + 1, rows, kind, of_row=of_row)
            self._put(rows)
        elif kind is CONFLICT:
            of_row, before = self._good[0]
            yield self._told(of_row, before, kind, of_row=self.row + 1)
            yield self._told(self.row + 1, before, kind, of_row=of_row)
            self._put([self._contradict(row) for row in before])
        else:
            yield from self._plant([list(row) for row in rows], kind)

    def _plant(self, rows: Rows, kind: Kind) -> Iterator[Planted]:
        """Spoil a record: a cell of the form in all of its rows, of an item in the last one, a line in the middle."""
        at_fault = 0
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
        yield self._told(self.row + 1, rows, kind, at_fault=at_fault)
        self._put(rows, kind, at_fault)

    def _told(self, first: int, rows: Rows, kind: Kind, *, of_row: int = 0, at_fault: int = 0) -> Planted:
        several = {"first_row": first, "last_row": first + len(rows) - 1} if len(rows) > 1 else {}
        return Planted(first + at_fault, kind.name, kind.rejected_by, kind.rule, kind.column, of_row, **several)

    def _put(self, rows: Rows, kind: Kind | None = None, at_fault: int = 0) -> None:
        for number, row in enumerate(rows):
            line = self._line(row)
            if kind is not None and kind.spoil_line and number == at_fault:
                line = kind.spoil_line(line, self._delimiter.encode())
            self._file.write(line + b"\r\n")
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

    def _line(self, cells: list[str]) -> bytes:
        """Encode a row, without its line end."""
        text = StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return text.getvalue().encode(self._codec)
