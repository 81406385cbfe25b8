"""Reading: the rows of a source put together to records, a run of them at a time; nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from adapters.mapping import Mapping, RowRejected
from adapters.tables import BadRow, Row, TableSource, cell_text

T = TypeVar("T")
AnyRow = Row[str] | BadRow


class _PlacedBadRow(BadRow):
    """A bad row that says at least which record it belongs to: the records on both sides of it are complete."""


class RowsOfRecord(NamedTuple):
    """The rows that are one record.

    Attributes:
        rows: At least one.
        problem: Why they must not become a record; None where nothing speaks against it.
    """

    rows: list[AnyRow]
    problem: RowRejected | None


class RunOfRows(NamedTuple):
    """Some records of a source, and where its reader stood after them.

    Attributes:
        records: In the order of the source; a row that is a record by itself stands there as it is.
        cursor: Where the reader goes on; empty where that means nothing.
        done: How much of the source is read, in its own unit.
        total: Of how much; None where nobody knows.
    """

    records: list[AnyRow | RowsOfRecord]
    cursor: str
    done: int
    total: int | None


def read_runs(source: TableSource, mapping: Mapping, size: int) -> Iterator[RunOfRows]:
    """Yield the records of a source in runs of at most ``size``."""
    for records in in_runs(_records(source, mapping), size):
        done, total, _ = source.progress
        yield RunOfRows(records, getattr(source, "cursor", None) or "", done, total)


def textual_rows(source: TableSource, mapping: Mapping) -> Iterator[AnyRow]:
    """Yield the rows of any source in the dialect's own texts."""
    return (_textual(row, mapping) for row in source) if source.typed else iter(source)


def of_any_record(row: AnyRow) -> bool:
    """Say of a row that it may be part of the record before it, or of the one behind: neither is complete then."""
    return not isinstance(row, Row | _PlacedBadRow)


def in_runs(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Cut an iterator into lists of at most ``size`` items."""
    while run := list(islice(items, size)):
        yield run


def _records(source: TableSource, mapping: Mapping) -> Iterator[AnyRow | RowsOfRecord]:
    rows = textual_rows(source, mapping)
    if not mapping.grouped:
        return rows
    groups = mapping.gather(rows, of_any_record)
    return (RowsOfRecord(group.rows, group.problem) for group in groups)


def _textual(row: Row[Any] | BadRow, mapping: Mapping) -> AnyRow:
    """Say a row of typed values in the dialect's own texts."""
    if isinstance(row, BadRow):
        return row
    notes: list[str] = []
    try:
        texts = mapping.texts(row.cells, notes)
        return Row(row.number, texts, (*row.normalisations, *dict.fromkeys(notes)), row.identity)
    except RowRejected as error:
        said = mapping.said(row.cells)
        if said is None:
            return BadRow(row.number, row.cells, error.rule_id, error.reason, error.column, identity=row.identity)
        cells = [cell_text(cell) if text is None else text for cell, text in zip(row.cells, said, strict=True)]
        return _PlacedBadRow(row.number, cells, error.rule_id, error.reason, error.column, identity=row.identity)
