"""Rows from objects of JSON: flat ones are a row each; one with lists inside is as many rows as its longest list.

``{"setl_id": …, "setldetail": [{…}, {…}], "feedetail": [{…}]}``: what stands in the object itself, and in objects
inside it, repeats on every row; each row has at most one item of each list, in order. Names of lists do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from adapters.tables.errors import SourceRefused
from adapters.tables.header import column_places
from adapters.tables.reasons import REASONS
from adapters.tables.rows import BadRow, Cell, CellWrong, Row

_PLAIN: Final = frozenset((str, int, bool, type(None)))


class JsonObject(dict[str, Any]):
    """An object of JSON; ``doubled`` is a name that stands in it twice."""

    doubled: str | None = None

    def nested(self, columns: Sequence[str] = ()) -> bool:
        """Say whether lists or objects stand in it, but for those in place of a cell."""
        return any(isinstance(value, list | dict) and name not in columns for name, value in self.items())


def parsed(content: bytes) -> object:
    """Parse JSON exactly: numbers with a point or an exponent are Decimal, as doubles are sent.

    Raises:
        ValueError: It is none; not chained, since the parser's error holds the content.
    """
    try:
        return json.loads(
            content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise ValueError("not JSON") from None


class JsonRows:
    """Turns objects into rows, each counted from 1.

    Args:
        name: The source's.
        columns: In the order in which cells are handed over.
        ignored: Names that may stand in objects and are not read.

    Attributes:
        count: Rows so far.
    """

    def __init__(self, name: str, columns: Sequence[str], ignored: Collection[str]) -> None:
        self._name = name
        self._columns = columns
        self._known = {*columns, *ignored}
        self._ignored = ignored
        self._names: frozenset[str] | None = None
        self.count = 0

    def read(self, found: object) -> Iterator[Row[Cell] | BadRow]:
        """Yield the rows of an object, good or bad; the first object is the header as well.

        Raises:
            SourceRefused: The first one is none, or its names are not the columns.
        """
        if self._names is None:
            self._read_header(found)
        if isinstance(found, JsonObject) and found.nested(self._columns):
            yield from self._nested(found)
        else:
            yield self._flat(found)

    def bad(self, cells: Sequence[Any], rule_id: str, column: str = "", byte_offset: int | None = None) -> BadRow:
        """Count a row that is none."""
        self.count += 1
        shown = [cell if type(cell) in _PLAIN else str(cell) for cell in cells]
        return BadRow(self.count, shown, rule_id, REASONS[rule_id], column, byte_offset)

    def _read_header(self, found: object) -> None:
        if not isinstance(found, JsonObject):
            raise SourceRefused(self._name, "json.envelope")
        if found.nested(self._columns):
            # Lists may be empty: what is lacking is known by the mapping, in every row.
            names = {name for row in _flattened_or_form(found) for name in row}
            if 2 * len(names & set(self._columns)) <= len(names):
                raise SourceRefused(self._name, "header.missing", row=1)
            self._names = frozenset(self._columns)
            return
        column_places(list(found), self._columns, self._ignored, partial(SourceRefused, self._name, row=1))
        self._names = frozenset(found)

    def _flat(self, found: object) -> Row[Cell] | BadRow:
        if not isinstance(found, JsonObject):
            return self.bad([], "json.row")
        cells = [found.get(column) for column in self._columns]
        if found.doubled is not None:
            return self.bad(cells, "json.doubled", found.doubled)
        if found.keys() != self._names:
            lacking = next((column for column in self._columns if column not in found), None)
            if lacking is not None:
                return self.bad(cells, "json.lacking", lacking)
            if not found.keys() <= self._known:
                return self.bad(cells, "json.unknown")
        return self._row(cells)

    def _nested(self, found: JsonObject) -> Iterator[Row[Cell] | BadRow]:
        try:
            rows = _flattened(found)
        except CellWrong as wrong:
            yield self.bad([found.get(column) for column in self._columns], wrong.rule_id)
            return
        for row in rows:
            cells = [row.get(column) for column in self._columns]
            yield self._row(cells) if row.keys() <= self._known else self.bad(cells, "json.unknown")

    def _row(self, cells: list[Any]) -> Row[Cell] | BadRow:
        if not set(map(type, cells)) <= _PLAIN:
            for column, cell in zip(self._columns, cells, strict=True):
                rule_id = _wrong(cell)
                if rule_id is not None:
                    return self.bad(cells, rule_id, column)
        self.count += 1
        return Row(self.count, cells)


def _flattened(found: JsonObject) -> list[dict[str, Any]]:
    """Put the items of all lists beside one another, and the form before each.

    Raises:
        CellWrong: A name stands twice, or an item is no flat object.
    """
    form, lists = JsonObject(), list[list[Any]]()
    _take_apart(found, form, lists)
    rows = []
    for items in zip_longest(*lists, fillvalue=JsonObject()) if any(lists) else [()]:
        row = dict(form)
        for item in items:
            if not isinstance(item, JsonObject) or item.nested():
                raise CellWrong("json.nested")
            _add(row, item)
        rows.append(row)
    return rows


def _take_apart(found: JsonObject, form: JsonObject, lists: list[list[Any]]) -> None:
    plain = JsonObject({name: value for name, value in found.items() if not isinstance(value, list | dict)})
    plain.doubled = found.doubled
    _add(form, plain)
    for value in found.values():
        if isinstance(value, JsonObject):
            _take_apart(value, form, lists)
        elif isinstance(value, list):
            lists.append(value)


def _add(row: dict[str, Any], more: JsonObject) -> None:
    if more.doubled is not None or row.keys() & more.keys():
        raise CellWrong("json.doubled")
    row.update(more)


def _flattened_or_form(found: JsonObject) -> list[dict[str, Any]]:
    try:
        return _flattened(found)
    except CellWrong:
        return [dict(found)]


def _wrong(cell: object) -> str | None:
    """Return the rule that a cell breaks."""
    if type(cell) in _PLAIN:
        return None
    if isinstance(cell, Decimal):
        return "json.precision" if abs(cell) >= 10**15 else None
    return "json.type"


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = JsonObject(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        found.doubled = next(name for name in names if names.count(name) > 1)
    return found


def _refuse(_: str) -> object:
    raise ValueError
