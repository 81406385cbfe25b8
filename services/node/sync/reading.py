"""Reading: the rows of a source become records of the standard, or are refused; nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from adapters.mapping import Mapping, RowRejected
from adapters.tables import BadRow, Cell, Row, TableSource

T = TypeVar("T")


class Mapped(NamedTuple):
    """A record of the standard.

    Attributes:
        row: Its first row in the source, as people count.
        rows: How many rows it takes.
        message: The standard's message.
        normalisations: Names of what reading changed.
    """

    row: int
    rows: int
    message: Any
    normalisations: tuple[str, ...]


class Refused(NamedTuple):
    """Rows that become no record.

    Attributes:
        row: The row that is wrong.
        column: The source's column; empty where the whole row is meant.
        field_path: The standard's field, where one is meant.
        rule_id: Stable name of the rule.
        reason: The rule in words.
        cells: Every row that would have been the record, with its cells as the source has them.
    """

    row: int
    column: str
    field_path: str
    rule_id: str
    reason: str
    cells: Sequence[tuple[int, Sequence[Cell]]]


def read_records(source: TableSource, mapping: Mapping) -> Iterator[Mapped | Refused]:
    """Yield every record of a source, or why its rows are none, in the order of the rows."""
    if not mapping.grouped and not source.typed:
        return _flat_records(source, mapping)
    return _grouped_records(source, mapping)


def _flat_records(source: TableSource, mapping: Mapping) -> Iterator[Mapped | Refused]:
    """The usual case, a row of text a record, without a step between."""
    to_standard = mapping.to_standard
    for row in source:
        if isinstance(row, BadRow):
            yield _refused(row, [row])
            continue
        try:
            message, normalisations = to_standard(row.cells)
        except RowRejected as error:
            yield _rejected(error, [row])
        else:
            yield Mapped(row.number, 1, message, row.normalisations + normalisations)


def textual_rows(source: TableSource, mapping: Mapping) -> Iterator[Row[str] | BadRow]:
    """Yield the rows of any source in the dialect's own texts."""
    return (_textual(row, mapping) for row in source) if source.typed else iter(source)


def _grouped_records(source: TableSource, mapping: Mapping) -> Iterator[Mapped | Refused]:
    rows = textual_rows(source, mapping)
    for group in mapping.gather(rows, lambda row: not isinstance(row, Row)):
        unreadable = next((row for row in group.rows if not isinstance(row, Row)), None)
        if unreadable is not None:
            yield _refused(unreadable, group.rows)
            continue
        readable = [row for row in group.rows if isinstance(row, Row)]
        try:
            if group.problem is not None:
                raise group.problem
            message, normalisations = mapping.to_standard_rows([row.cells for row in readable])
        except RowRejected as error:
            yield _rejected(error, readable)
        else:
            noted = dict.fromkeys(note for row in readable for note in row.normalisations)
            yield Mapped(readable[0].number, len(readable), message, (*noted, *normalisations))


def _textual(row: Row[Any] | BadRow, mapping: Mapping) -> Row[str] | BadRow:
    """Say a row of typed values in the dialect's own texts."""
    if isinstance(row, BadRow):
        return row
    notes: list[str] = []
    try:
        return Row(row.number, mapping.texts(row.cells, notes), (*row.normalisations, *dict.fromkeys(notes)))
    except RowRejected as error:
        return BadRow(row.number, row.cells, error.rule_id, error.reason, error.column)


def _refused(wrong: BadRow, rows: Sequence[Row[str] | BadRow]) -> Refused:
    cells = [(row.number, row.cells) for row in rows]
    return Refused(wrong.number, wrong.column, "", wrong.rule_id, wrong.reason, cells)


def _rejected(error: RowRejected, rows: Sequence[Row[str]]) -> Refused:
    cells = [(row.number, row.cells) for row in rows]
    return Refused(rows[error.row].number, error.column, error.field, error.rule_id, error.reason, cells)


def in_runs(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Cut an iterator into lists of at most ``size`` items."""
    while run := list(islice(items, size)):
        yield run
