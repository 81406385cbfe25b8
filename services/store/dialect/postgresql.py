"""PostgreSQL: COPY in, plain rows out. Its driver fetches a whole result at once, so nothing need be packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from psycopg import Connection as Driver
from psycopg import sql
from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, LargeBinary, Select, Table, func, select, text
from sqlalchemy.dialects.postgresql import Insert, insert

from services.store.dialect import Plain, Records

_RUNS: Final = (
    text(
        "SELECT CAST(run ->> 0 AS bigint) AS first, CAST(run ->> 1 AS bigint) AS last, place"
        " FROM jsonb_array_elements(CAST(:runs AS jsonb)) WITH ORDINALITY AS elements(run, place)"
    )
    .columns(first=BigInteger, last=BigInteger, place=BigInteger)
    .subquery("runs")
)
_KEYS: Final = (
    text(
        "SELECT substr(CAST(:keys AS bytea), place, 16) AS record_key"
        " FROM generate_series(1, length(CAST(:keys AS bytea)), 16) AS place"
    )
    .columns(record_key=LargeBinary)
    .subquery("keys")
)
_SPANS: Final = (
    text(
        "SELECT substr(CAST(:spans AS bytea), place, 16) AS first,"
        " substr(CAST(:spans AS bytea), place + 16, 16) AS last"
        " FROM generate_series(1, length(CAST(:spans AS bytea)), 32) AS place"
    )
    .columns(first=LargeBinary, last=LargeBinary)
    .subquery("spans")
)
_STANDING: Final = (
    text(
        "SELECT substr(CAST(:said AS bytea), CAST(place * 24 - 23 AS int), 16) AS record_key,"
        " substr(CAST(:said AS bytea), CAST(place * 24 - 7 AS int), 8) AS content, CAST(id AS bigint) AS record_id"
        " FROM jsonb_array_elements_text(CAST(:record_ids AS jsonb)) WITH ORDINALITY AS elements(id, place)"
    )
    .columns(record_key=LargeBinary, content=LargeBinary, record_id=BigInteger)
    .subquery("said")
)
_SALT_BYTES: Final = 16
_COPY: Final = sql.SQL("COPY {} (id, salt, body) FROM STDIN (FORMAT BINARY)")


@cache
def _records_of(table: Table) -> Select[Any]:
    within = table.c.id.between(_RUNS.c.first, _RUNS.c.last)
    rows = select(table.c.id, table.c.salt, table.c.body).select_from(_RUNS.join(table, within))
    return rows.order_by(_RUNS.c.place, table.c.id)


class PostgresqlDialect:
    """`services.store.dialect.Dialect` for PostgreSQL."""

    runs: FromClause = _RUNS
    keys: FromClause = _KEYS
    spans: FromClause = _SPANS
    standing: FromClause = _STANDING

    def insert(self, table: Table) -> Insert:
        """See the protocol."""
        return insert(table)

    def holds(self, column: ColumnElement[bytes], piece: ColumnElement[bytes]) -> ColumnElement[bool]:
        """See the protocol."""
        return func.position(piece.op("IN")(column)) > 0

    def insert_records(self, connection: Connection, table: Table, first_id: int, records: Records) -> None:
        """See the protocol. Binary, so that an error's context can never quote a row."""
        if set(map(len, records.salts)) != {_SALT_BYTES}:
            raise ValueError("a salt has 16 bytes")
        driver: Driver[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        with driver.cursor() as cursor, cursor.copy(_COPY.format(sql.Identifier(table.name))) as copy:
            copy.set_types(("int8", "bytea", "bytea"))
            for offset, salt, body in zip(*records, strict=True):
                copy.write_row((first_id + offset, salt, body))

    def insert_rows(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Plain]], *, skip_existing: bool = False
    ) -> None:
        """See the protocol."""
        statement = insert(table).on_conflict_do_nothing() if skip_existing else insert(table)
        connection.execute(statement, rows)

    def records(
        self, connection: Connection, table: Table, runs: str
    ) -> tuple[Sequence[int], Sequence[bytes], Sequence[bytes]]:
        """See the protocol."""
        rows = connection.execute(_records_of(table), {"runs": runs}).all()
        return tuple(zip(*rows, strict=True)) if rows else ((), (), ())  # type: ignore[return-value]

    def rows(self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
        """See the protocol."""
        return list(connection.execute(statement, parameters))

    def columns(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> list[bytes | list[int]]:
        """See the protocol."""
        is_bytes = [isinstance(column.type, LargeBinary) for column in statement.selected_columns]
        rows = connection.execute(statement, parameters).all()
        values = list(zip(*rows, strict=True)) if rows else [()] * len(is_bytes)
        return [b"".join(column) if bytes_ else list(column) for bytes_, column in zip(is_bytes, values, strict=True)]
