"""Several consecutive rows that are one record: the columns of the form repeat, the others are one item each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from adapters.mapping.compiler import Compiled
from adapters.mapping.errors import RowRejected
from adapters.mapping.plan import Part, Plan, Standardised
from adapters.mapping.reasons import reason_text

ITEMS_MAX: Final = 1_000
"""Rows of one record where the standard does not say how many items it has."""


class _List:
    """One repeated field: the items of a record stand in its first rows, one in each, without a gap.

    Args:
        plan: The mapping.
        part: The field's columns.
        read: Adds the item of a row.

    Attributes:
        items_max: Most items that a record may have.
    """

    def __init__(self, plan: Plan, part: Part, read: Callable[[Sequence[str], Any, list[str]], None]) -> None:
        self._items = part.items
        self._read = read
        self._words = {place: column.missing for _, column in part.columns for place in column.places}
        first = part.columns[0][1]
        self._first = first.name, first.facts.path
        self.items_max: Final = plan.standard.fields[part.items].items_max or ITEMS_MAX

    def read(self, row: Sequence[str], number: int, message: Any, notes: list[str]) -> bool:  # noqa: ANN401
        """Add a row's item, if it has one.

        Args:
            row: The row's cells.
            number: Which of the record's rows, from 0.
            message: The record.
            notes: Takes the names of the normalisations that were applied.

        Raises:
            RowRejected: A cell breaks a rule, an earlier row has no item, or there are too many.
        """
        if all(row[place].strip() in words for place, words in self._words.items()):
            notes.extend(self._nothing(row))
            return False
        items = getattr(message, self._items)
        if len(items) != number:
            raise RowRejected(*self._first, "group.gap", reason_text("group.gap"))
        if number >= self.items_max:
            raise RowRejected(*self._first, "group.too_long", reason_text("group.too_long", most=self.items_max))
        self._read(row, items, notes)
        return True

    def _nothing(self, row: Sequence[str]) -> Iterator[str]:
        """Yield what has to be noted of the cells of an item that is none."""
        for place in self._words:
            bare = row[place].strip()
            if bare != row[place]:
                yield "trim"
            if bare:
                yield "missing_word"


class GroupReader:
    """Reads the rows of one record.

    Args:
        plan: The mapping; it has repeated fields.
        compiled: Its functions.

    Attributes:
        rows_max: Most rows that a record may have.
    """

    def __init__(self, plan: Plan, compiled: Compiled) -> None:
        self._read_record = compiled.read_record
        self._lists = [_List(plan, part, read) for part, read in zip(plan.items, compiled.read_items, strict=True)]
        self._width = plan.width
        # What stays in the city may differ from row to row.
        fixed = {filler.place: (filler.name, "") for filler in plan.fillers if filler.text}
        carried = {place: (one.name, one.facts.path) for _, one in plan.record.columns for place in one.places}
        self._form_columns = dict(sorted((fixed | carried).items()))
        # A first place twice, so that one place alone also makes a tuple.
        self._form = itemgetter(*self._form_columns, next(iter(self._form_columns)))
        self._key = itemgetter(*plan.key, plan.key[0])
        self.rows_max: Final = max(one.items_max for one in self._lists)

    def key(self, row: Sequence[str]) -> tuple[str, ...]:
        """Return what says which rows are one record; of a row with too few cells that is nothing."""
        return tuple(cell.strip() for cell in self._key(row)[:-1]) if len(row) == self._width else ()

    def read(self, rows: Sequence[Sequence[str]]) -> Standardised:
        """Turn the rows of one record into the standard; see ``Mapping.to_standard_rows``."""
        if len(rows) > self.rows_max:
            raise _rejection("group.too_long", self.rows_max, most=self.rows_max)
        message, noted = self._read_record(rows[0])
        notes, form = list(noted), self._form(rows[0])
        for number, row in enumerate(rows):
            try:
                self._compare(row, form)
                given = [one.read(row, number, message, notes) for one in self._lists]
                if len(rows) > 1 and not any(given):
                    raise _rejection("group.empty_item")
            except RowRejected as rejected:
                raise rejected.in_row(number) from None
        return Standardised(message, tuple(dict.fromkeys(notes)))

    def _compare(self, row: Sequence[str], form: tuple[str, ...]) -> None:
        """Refuse a row whose form differs from the first row's."""
        if len(row) != self._width:
            raise _rejection("row.cells", expected=self._width, found=len(row))
        if self._form(row) != form:
            differing = zip(self._form_columns.items(), form, strict=False)
            column, path = next(column for (place, column), cell in differing if row[place] != cell)
            raise RowRejected(column, path, "group.differs", reason_text("group.differs"))


class HasCells(Protocol):
    """A row of any source."""

    @property
    def cells(self) -> Sequence[str]:
        """Its cells."""
        ...


R = TypeVar("R", bound=HasCells)


class Group(NamedTuple, Generic[R]):
    """Consecutive rows of a source that are one record.

    Attributes:
        rows: The rows.
        problem: Why they must not become a record, whatever they say; None where nothing speaks against it.
    """

    rows: list[R]
    problem: RowRejected | None


def gather(
    rows: Iterable[R], key: Callable[[Sequence[str]], tuple[str, ...]], rows_max: int, unreadable: Callable[[R], bool]
) -> Iterator[Group[R]]:
    """Put rows together that are one record, without ever keeping more than one record; see ``Mapping.gather``."""
    gathered: list[R] = []
    present: tuple[str, ...] | None = None
    problem: RowRejected | None = None
    doubt = False
    for row in rows:
        if unreadable(row):
            problem, doubt = _rejection("group.unreadable"), True
        else:
            its = key(row.cells)
            if its != present:
                if gathered:
                    yield Group(gathered, problem)
                gathered, present, problem = [], its, _rejection("group.unreadable") if doubt else None
            doubt = False
        gathered.append(row)
        if len(gathered) > rows_max:
            problem = problem or _rejection("group.too_long", most=rows_max)
            yield Group(gathered, problem)
            gathered = []
    if gathered:
        yield Group(gathered, problem)


def _rejection(rule_id: str, row: int = 0, **facts: object) -> RowRejected:
    return RowRejected("", "", rule_id, reason_text(rule_id, **facts), row)
