"""Tables of a database as a row source: any that SQLAlchemy has a driver for, streamed by a server-side cursor.

Names of tables and columns are taken from what the database says of itself, never from what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, column, or_, quoted_name, select
from sqlalchemy import table as table_clause
from sqlalchemy.types import Date, DateTime, NullType

from adapters.tables.errors import SourceRefused
from adapters.tables.rows import BadRow, Cell, CellWrong, Progress, Row, verify_precise
from adapters.tables.sql_cursor import CursorWrong, Incremental, Position, Serial
from adapters.tables.sql_database import FoundTable, connected, find_table, parsed_url, source_name, told_errors
from adapters.tables.sql_dates import Unsaid

_ROWS_AT_ONCE: Final = 1_000
_PLAIN: Final = frozenset((str, int, bool, date, datetime, type(None)))


class SqlSource:
    """The rows of one table or view, once.

    Args:
        connection: Open, in a transaction that only reads.
        name: The source's name.
        found: The table.
        columns: In the order in which cells are handed over.
        position: How far an incremental column was read, None to read all rows.
        order: Columns by which rows come before the primary key.

    Attributes:
        name: Stable name, without a password.
        typed: True: cells are values as the driver hands them over.

    Raises:
        SourceRefused: The table lacks a column.
    """

    typed: Final = True

    def __init__(
        self,
        connection: Connection,
        name: str,
        found: FoundTable,
        columns: Sequence[str],
        position: Position | None,
        order: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._connection = connection
        self._columns = columns
        self._position = position
        self._sqlite = connection.dialect.name == "sqlite"
        exact = [self._exact(found, column) for column in columns]
        types = [found.types[column] for column in exact]
        self._days = [isinstance(kind, Date) for kind in types]
        self._moments = [isinstance(kind, DateTime) for kind in types]
        self._query = self._select(found, exact, [self._exact(found, column) for column in order])
        self._rows = 0

    @property
    def progress(self) -> Progress:
        """Rows read; how many there are is not asked: counting costs as much as reading."""
        return Progress(self._rows, None, "rows")

    @property
    def cursor(self) -> str | None:
        """Where the next read goes on after the rows read so far: store it together with them, hand it back as it is.

        None before the first row, and where the source is not incremental.
        """
        return None if self._position is None else self._position.to_json()

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        """Hand over every row, good or bad.

        In the order that was asked for, or that of the incremental column, and then of the primary key.

        Raises:
            SourceRefused: The database refuses, or the incremental column holds what can be no cursor.
            SourceUnavailable: The database is gone.
        """
        width = len(self._columns)
        with (
            told_errors(self.name),
            self._connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(self._query) as result,
        ):
            for record in result:
                self._rows += 1
                identity = b""
                if self._position is not None:
                    self._advance(self._position, record[width])
                    identity = _identity(record[width + 1 :])
                yield self._read(self._rows, list(record[:width]), identity)

    def _exact(self, found: FoundTable, asked: str) -> str:
        exact = found.column(asked)
        if exact is None:
            raise SourceRefused(self.name, "sql.column", column=asked)
        return exact

    def _select(self, found: FoundTable, exact: list[str], first: list[str]) -> Select[Any]:
        """Build the query; every name is one that the database told, and quoted."""
        wanted, by = list(exact), self._position.by if self._position else None
        if by is not None:
            wanted.append(self._exact(found, by.column))
        clauses: dict[str, ColumnElement[Any]] = {
            name: column(quoted_name(name, True), NullType() if self._sqlite else found.types[name])
            for name in dict.fromkeys((*wanted, *found.primary_key))
        }
        schema = quoted_name(found.schema, True) if found.schema else None
        source = table_clause(quoted_name(found.name, True), *clauses.values(), schema=schema)  # type: ignore[arg-type]
        # Labels, since the incremental column may be one of the columns as well.
        # Only a read that goes on meets rows that it has read before, and must know them again.
        known_by = self._known_by(found, wanted[-1]) if by is not None else ()
        read = (*wanted, *known_by)
        query = select(*(source.c[name].label(f"c{place}") for place, name in enumerate(read)))
        order = dict.fromkeys((*first, *wanted[len(exact) :], *found.primary_key))
        query = query.order_by(*(source.c[name] for name in order))
        bound = None if self._position is None else self._position.bound()
        if by is None or bound is None:
            return query
        mark = source.c[wanted[-1]]
        return query.where(or_(mark > bound if isinstance(by, Serial) else mark >= bound, mark.is_(None)))

    def _known_by(self, found: FoundTable, mark: str) -> tuple[str, ...]:
        """Columns that say which row it is: those of the primary key; where there is none, a serial number."""
        serial = self._position is not None and isinstance(self._position.by, Serial)
        return tuple(found.primary_key) or ((mark,) if serial else ())

    def _advance(self, position: Position, value: object) -> None:
        if isinstance(value, Unsaid):
            return  # like no time at all: a bad row or not, it comes again every time
        try:
            position.advance(value)
        except CursorWrong:
            raise SourceRefused(self.name, "sql.cursor_type", row=self._rows) from None

    def _read(self, number: int, cells: list[Any], identity: bytes) -> Row[Cell] | BadRow:
        """Take a record; SQLite has no dates, so its texts are read as such where the column is declared so."""
        if self._sqlite:
            cells = [self._sqlite_cell(place, cell) for place, cell in enumerate(cells)]
        if set(map(type, cells)) <= _PLAIN:
            return Row(number, cells, (), identity)
        values: list[Cell] = []
        for name, cell in zip(self._columns, cells, strict=True):
            try:
                values.append(_value(cell))
            except CellWrong as wrong:
                shown = [cell if type(cell) in _PLAIN else str(cell) for cell in cells]
                return BadRow(number, shown, wrong.rule_id, wrong.reason, name, identity=identity)
        return Row(number, values, (), identity)

    def _sqlite_cell(self, place: int, cell: Any) -> Any:  # noqa: ANN401 - whatever SQLite holds
        if type(cell) is not str or not (self._days[place] or self._moments[place]):
            return cell
        try:
            return date.fromisoformat(cell) if self._days[place] else datetime.fromisoformat(cell)
        except ValueError:
            return cell


def _identity(key: Sequence[Any]) -> bytes:
    """Say which row it is, without what its key says; the lengths keep ("a", "bc") and ("ab", "c") apart."""
    if not key:
        return b""
    texts = [str(part).encode() for part in key]
    return blake2b(b"".join(len(text).to_bytes(4) + text for text in texts), digest_size=16, person=b"row").digest()


def _value(cell: Any) -> Cell:  # noqa: ANN401 - whatever the driver hands over
    if type(cell) in _PLAIN:
        value: Cell = cell
        return value
    if isinstance(cell, Decimal):
        if not cell.is_finite():
            raise CellWrong("sql.number")
        return cell
    if isinstance(cell, float):
        return verify_precise(cell, "sql")
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, Unsaid):
        raise CellWrong("sql.date")
    raise CellWrong("sql.type", type=type(cell).__name__)


@contextmanager
def open_query(
    url: str,
    table: str,
    columns: Sequence[str],
    *,
    incremental: Incremental | None = None,
    cursor: str | None = None,
    order: Sequence[str] = (),
) -> Iterator[SqlSource]:
    """Open a table or view of a database as a row source; see ``sources.open_query``."""
    parsed = parsed_url(url)
    name = source_name(parsed, table)
    try:
        position = None if incremental is None else Position(incremental, cursor)
    except CursorWrong as error:
        raise SourceRefused(name, "sql.cursor") from error
    with connected(parsed, name) as connection:
        with told_errors(name):
            found = find_table(connection, table, name)
        yield SqlSource(connection, name, found, columns, position, order)
