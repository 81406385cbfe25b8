"""A table of the city's own as a sink: each page of changes and the cursor behind it in one transaction.

The cursor stands in the target database, so a page is there once or not at all, whatever dies, and a database that is
restored from a backup is read into again from where the backup stood. Two technical tables are made beside the target:
``yrdx_sink`` holds the cursors, ``yrdx_refused`` the records that the table would not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError, StatementError

from adapters.tables.errors import SinkMoved
from adapters.tables.sql_target import (
    is_rows_fault,
    key_is_indexed,
    make_technical_tables,
    reflect_table,
    target_engine,
    told,
    told_fault,
)
from adapters.tables.sql_values import Fit, Value, fitting, is_textual

_DELETED_AT_ONCE: Final = 200


class Change(NamedTuple):
    """What one record does to the table.

    Attributes:
        position: The record's position in its stream.
        key: Values of the key columns, in their order.
        rows: Rows that stand afterwards; none when the record is withdrawn.
        problem: Why there are no rows of it for the table, as a rule's name; empty where there are.
    """

    position: int
    key: tuple[Value, ...]
    rows: Sequence[Sequence[Value]]
    problem: str = ""


class SqlSink:
    """One table, filled by one named sink.

    Args:
        url: SQLAlchemy URL.
        table: Its name, "schema.name" where the schema is not the default one.
        columns: Columns that are written, in the order of a change's rows.
        key_columns: Those that identify a record's rows.
        name: Name of the sink, at most 40 characters: its cursors are its own.

    Attributes:
        textual: By column, whether it takes texts as they are.

    Raises:
        SinkRefused: No such driver, table or column, or columns that need a value and get none.
        SinkUnavailable: The database cannot be reached.
    """

    def __init__(self, url: str, table: str, columns: Sequence[str], key_columns: Sequence[str], *, name: str) -> None:
        self._engine = target_engine(url)
        self._name = name
        try:
            with told():
                self._table, self._columns = reflect_table(self._engine, table, columns)
                self._cursor, self._refused = make_technical_tables(self._engine, self._table.schema)
        except BaseException:
            self.close()
            raise
        own = dict(zip(columns, self._columns, strict=True))
        self._key_columns = tuple(own[column] for column in key_columns)
        binary = self._engine.dialect.name == "sqlite"
        self._fits = {name: fitting(self._table.c[name], decimals_are_binary=binary) for name in self._columns}
        self.textual = tuple(is_textual(self._table.c[name]) for name in self._columns)

    @property
    def key_is_indexed(self) -> bool:
        """Whether an index begins with the key's columns: without one, every change looks through the whole table."""
        return key_is_indexed(self._engine, self._table, self._key_columns)

    def cursors(self) -> dict[str, int]:
        """Return the position of the last record written, by stream."""
        own = select(self._cursor.c.stream, self._cursor.c.position).where(self._cursor.c.sink == self._name)
        with told(), self._engine.connect() as connection:
            return {row.stream: row.position for row in connection.execute(own)}

    def apply(self, stream: str, changes: Sequence[Change], *, after: int) -> int:
        """Apply a page of changes, in order, and move the cursor behind it.

        Args:
            stream: Stream of the records.
            changes: By rising position.
            after: Where the cursor must stand.

        Returns:
            Records that the table refused; they are listed in ``yrdx_refused``.

        Raises:
            SinkMoved: The cursor stands elsewhere; nothing was written.
            SinkUnavailable: The database is not there; nothing was written, or it is not known: read the cursor.
        """
        try:
            with told(), self._engine.begin() as connection:
                self._move(connection, stream, after, changes[-1].position)
                refused = [change for change in changes if change.problem]
                self._write(connection, [change for change in changes if not change.problem])
                for change in refused:
                    self._refuse(connection, stream, change, change.problem)
                return len(refused)
        except _RowsRefused:
            return self._apply_one_by_one(stream, changes, after)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _apply_one_by_one(self, stream: str, changes: Sequence[Change], after: int) -> int:
        refused = 0
        with told(), self._engine.begin() as connection:
            self._move(connection, stream, after, changes[-1].position)
            for change in changes:
                try:
                    with connection.begin_nested():
                        if change.problem:
                            raise _RowsRefused(change.problem)
                        self._write(connection, [change])
                except _RowsRefused as error:
                    refused += 1
                    self._refuse(connection, stream, change, error.kind)
        return refused

    def _refuse(self, connection: Connection, stream: str, change: Change, kind: str) -> None:
        row = {"sink": self._name, "stream": stream, "position": change.position, "reason": kind}
        connection.execute(insert(self._refused).values(**row, refused_time=func.now()))

    def _move(self, connection: Connection, stream: str, after: int, upto: int) -> None:
        own = (self._cursor.c.sink == self._name, self._cursor.c.stream == stream)
        moved = update(self._cursor).where(*own, self._cursor.c.position == after).values(position=upto)
        if connection.execute(moved).rowcount == 1:
            return
        if after or connection.execute(select(self._cursor.c.position).where(*own)).first() is not None:
            raise self._moved(stream)
        try:
            connection.execute(insert(self._cursor), {"sink": self._name, "stream": stream, "position": upto})
        except IntegrityError:
            raise self._moved(stream) from None  # both began at the same moment

    def _moved(self, stream: str) -> SinkMoved:
        return SinkMoved(
            f"另一个同名 {self._name} 的任务也在写 {stream}，请各起名称 · another sink named {self._name} "
            f"writes {stream} too: give each its own --name"
        )

    def _write(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Write what stands after the changes: of several changes of one key only the last one counts."""
        last = {self._fitted(change.key, self._key_columns): change.rows for change in changes}
        try:
            for start in range(0, len(last), _DELETED_AT_ONCE):
                self._delete(connection, list(last)[start : start + _DELETED_AT_ONCE])
            rows = [self._fitted(row, self._columns) for rows in last.values() for row in rows]
            if rows:
                connection.execute(insert(self._table), [dict(zip(self._columns, row, strict=True)) for row in rows])
        except StatementError as error:
            if not is_rows_fault(error):
                raise
            raise _RowsRefused(told_fault(error)) from None  # its text quotes the row

    def _delete(self, connection: Connection, keys: Sequence[tuple[Value, ...]]) -> None:
        columns = [self._table.c[name] for name in self._key_columns]
        whole = [key for key in keys if None not in key]
        if whole:
            connection.execute(delete(self._table).where(tuple_(*columns).in_(whole)))
        for key in keys:
            if None in key:  # which IN never finds
                same = (column.is_not_distinct_from(value) for column, value in zip(columns, key, strict=True))
                connection.execute(delete(self._table).where(*same))

    def _fitted(self, row: Sequence[Value], columns: Sequence[str]) -> tuple[Value, ...]:
        return tuple(_fitted(self._fits[name], name, value) for name, value in zip(columns, row, strict=True))


def _fitted(fit: Fit, column: str, value: Value) -> Value:
    try:
        return fit(value)
    except (ValueError, ArithmeticError):
        raise _RowsRefused(f"value {column}") from None  # its text quotes the value


class _RowsRefused(Exception):
    """The table cannot take a row: too long, no such key, not a number.

    Attributes:
        kind: Why, as it stands in ``yrdx_refused``; never a value.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
