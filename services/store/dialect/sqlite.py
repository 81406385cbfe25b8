"""SQLite: as few steps as possible.

Python's driver gives up the interpreter lock at every step of a statement and every row fetched; beside a busy
thread each time costs up to the interpreter's switch interval. Measured with 1,000 rows beside one busy thread:
inserting row by row 600 rows/s, fetching row by row 250 rows/s. So a thousand records cross in one step, as JSON
and blobs, in both directions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import accumulate, chain, pairwise
from struct import unpack
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Select,
    Table,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects.sqlite import Insert, insert, pysqlite

from services.store.columns import to_micros
from services.store.dialect import Plain, Records


def _places(parameter: str, size: int) -> str:
    """The table ``(place)``: where each piece of a parameter begins, which holds pieces of some bytes."""
    return (
        f"(WITH RECURSIVE places(place) AS (SELECT 1 UNION ALL SELECT place + {size} FROM places"  # noqa: S608 - ours
        f" WHERE place + {size} < length(:{parameter})) SELECT place FROM places)"
    )


_SALT_BYTES: Final = 16
_LENGTH_BITS: Final = 32
_RUNS: Final = (
    text("SELECT value ->> 0 AS first, value ->> 1 AS last FROM json_each(:runs)")
    .columns(first=BigInteger, last=BigInteger)
    .subquery("runs")
)
_KEYS: Final = (
    text(f"SELECT substr(:keys, place, 16) AS record_key FROM {_places('keys', 16)}")  # noqa: S608 - its names are ours
    .columns(record_key=LargeBinary)
    .subquery("keys")
)
_SPANS: Final = (
    text(
        f"SELECT substr(:spans, place, 16) AS first, substr(:spans, place + 16, 16) AS last FROM {_places('spans', 32)}"  # noqa: S608 - the same
    )
    .columns(first=LargeBinary, last=LargeBinary)
    .subquery("spans")
)
_STANDING: Final = (
    text(
        "SELECT substr(:said, key * 24 + 1, 16) AS record_key, substr(:said, key * 24 + 17, 8) AS content,"
        " value AS record_id FROM json_each(:record_ids)"
    )
    .columns(record_key=LargeBinary, content=LargeBinary, record_id=BigInteger)
    .subquery("said")
)


_JSON_OF: Final[Mapping[type, Callable[[Any], int | str]]] = {bytes: bytes.hex, datetime: to_micros}
"""What is no JSON value, and how it crosses."""


class SqliteDialect:
    """`services.store.dialect.Dialect` for SQLite."""

    runs: FromClause = _RUNS
    keys: FromClause = _KEYS
    spans: FromClause = _SPANS
    standing: FromClause = _STANDING

    def insert(self, table: Table) -> Insert:
        """See the protocol."""
        return insert(table)

    def holds(self, column: ColumnElement[bytes], piece: ColumnElement[bytes]) -> ColumnElement[bool]:
        """See the protocol."""
        return func.instr(column, piece) > 0

    def insert_records(self, connection: Connection, table: Table, first_id: int, records: Records) -> None:
        """See the protocol. All salts and bodies cross as one blob, with the places in it as JSON, by offset."""
        if set(map(len, records.salts)) != {_SALT_BYTES}:
            raise ValueError("a salt has 16 bytes")
        content = b"".join(chain.from_iterable(zip(records.salts, records.bodies, strict=True)))
        places: list[int | None] = [None] * (records.offsets[-1] + 1)
        start = 1
        for offset, length in zip(records.offsets, map(len, records.bodies), strict=True):
            places[offset] = start << _LENGTH_BITS | length
            start += _SALT_BYTES + length
        parameters = (first_id, content, json.dumps(places))
        _execute(connection, _insert_records(table.name), parameters)

    def insert_rows(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Plain]], *, skip_existing: bool = False
    ) -> None:
        """See the protocol. Bytes cross as hex."""
        values = json.dumps(
            [[make(value) if (make := _JSON_OF.get(type(value))) else value for value in row.values()] for row in rows]
        )
        statement = _insert_rows(table, tuple(rows[0]), skip_existing=skip_existing)
        _execute(connection, statement, (values,))

    def records(
        self, connection: Connection, table: Table, runs: str
    ) -> tuple[Sequence[int], Sequence[bytes], Sequence[bytes]]:
        """See the protocol. All salts and all bodies come back as one blob each."""
        ids, salts, lengths, bodies = _execute(connection, _select_records(table.name), (runs,)).fetchone()
        return json.loads(ids), unpack(f"{_SALT_BYTES}s" * (len(salts) // _SALT_BYTES), salts), _split(bodies, lengths)

    def rows(self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
        """See the protocol. One row comes back: a JSON list for all integers and texts, a blob for each of bytes."""
        kinds, packed = _packed(statement)
        scalars, *blobs = packed.one(connection, parameters)
        plain = iter(zip(*json.loads(scalars), strict=True))
        pairs = iter(zip(blobs[::2], blobs[1::2], strict=True))
        columns = [_split(*next(pairs)) if is_bytes else next(plain, ()) for is_bytes in kinds]
        return list(zip(*columns, strict=True))

    def columns(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> list[bytes | list[int]]:
        """See the protocol."""
        kinds, joined = _joined(statement)
        row = joined.one(connection, parameters)
        return [value if is_bytes else json.loads(value) for is_bytes, value in zip(kinds, row, strict=True)]


def _execute(connection: Connection, statement: str, values: Sequence[Any]) -> Any:  # noqa: ANN401 - the driver's cursor
    """Let the driver execute a statement; what SQLAlchemy does around one takes longer than most of ours."""
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.driver_connection
    return driver.execute(statement, values)


class _Compiled:
    """A statement as the driver takes it: SQLAlchemy would look at all of it again at every execution."""

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=pysqlite.dialect())
        self._text = str(compiled)
        self._names = compiled.positiontup or []
        self._constants = compiled.params

    def one(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        values = tuple(parameters[name] if name in parameters else self._constants[name] for name in self._names)
        row: Sequence[Any] = _execute(connection, self._text, values).fetchone()
        return row


@cache
def _joined(statement: Select[Any]) -> tuple[list[bool], _Compiled]:
    """Wrap a statement so that each of its columns comes back as one value; see `_packed` for their order."""
    rows = statement.subquery()
    is_bytes = [isinstance(column.type, LargeBinary) for column in rows.c]
    values = [
        func.coalesce(cast(func.group_concat(column, ""), LargeBinary), b"")
        if bytes_
        else func.json_group_array(column)
        for column, bytes_ in zip(rows.c, is_bytes, strict=True)
    ]
    return is_bytes, _Compiled(select(*values))


@cache
def _select_records(table: str) -> str:
    # CROSS JOIN: SQLite keeps the order of the tables, and so of the runs.
    return (
        f"SELECT json_group_array({table}.id), coalesce(CAST(group_concat(salt, '') AS BLOB), x''),"  # noqa: S608 - the same
        " json_group_array(length(body)), coalesce(CAST(group_concat(body, '') AS BLOB), x'')"
        f" FROM json_each(?1) AS run CROSS JOIN {table} ON {table}.id BETWEEN run.value ->> 0 AND run.value ->> 1"
    )


@cache
def _insert_records(table: str) -> str:
    return (
        f"INSERT INTO {table} (id, salt, body)"  # noqa: S608 - a table's name of ours
        f" SELECT ?1 + key, substr(?2, value >> {_LENGTH_BITS}, {_SALT_BYTES}),"
        f" substr(?2, (value >> {_LENGTH_BITS}) + {_SALT_BYTES}, value & {(1 << _LENGTH_BITS) - 1})"
        f" FROM json_each(?3) WHERE value IS NOT NULL"
    )


@cache
def _insert_rows(table: Table, columns: tuple[str, ...], *, skip_existing: bool) -> str:
    is_bytes = [isinstance(table.c[name].type, LargeBinary) for name in columns]
    values = [f"unhex(value ->> {i})" if hexed else f"value ->> {i}" for i, hexed in enumerate(is_bytes)]
    otherwise = " WHERE true ON CONFLICT DO NOTHING" if skip_existing else ""
    columns_text, values_text = ", ".join(columns), ", ".join(values)
    select_rows = f"SELECT {values_text} FROM json_each(?1){otherwise}"  # noqa: S608 - a table's names of ours
    return f"INSERT INTO {table.name} ({columns_text}) {select_rows}"


@cache
def _packed(statement: Select[Any]) -> tuple[list[bool], _Compiled]:
    """Wrap a statement so that all its rows come back as one.

    SQLite keeps a subquery's order for every aggregate but count, min and max; a group_concat of blobs concatenates
    their bytes, since text is UTF-8 here and so never converted.
    """
    rows = statement.subquery()
    kinds = [isinstance(column.type, LargeBinary) for column in rows.c]
    scalars = [column for column, is_bytes in zip(rows.c, kinds, strict=True) if not is_bytes]
    blobs = [
        (
            func.coalesce(cast(func.group_concat(column, ""), LargeBinary), b""),
            func.json_group_array(func.length(column)),
        )
        for column, is_bytes in zip(rows.c, kinds, strict=True)
        if is_bytes
    ]
    return kinds, _Compiled(select(func.json_group_array(func.json_array(*scalars)), *chain.from_iterable(blobs)))


def _split(content: bytes, lengths: str) -> list[bytes]:
    """Cut a blob into pieces."""
    ends = list(accumulate(json.loads(lengths), initial=0))
    return [content[start:end] for start, end in pairwise(ends)]
