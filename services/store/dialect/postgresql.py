"""PostgreSQL: COPY in, plain rows out. Its driver fetches a whole result at once, so nothing need be packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import Connection as Driver
from psycopg import sql
from sqlalchemy import BigInteger, Connection, FromClause, Select, Table, text
from sqlalchemy.dialects.postgresql import Insert, insert

from services.store.dialect import Records

_RUNS: Final = (
    text(
        "SELECT CAST(run ->> 0 AS bigint) AS first, CAST(run ->> 1 AS bigint) AS last"
        " FROM jsonb_array_elements(CAST(:runs AS jsonb)) AS run"
    )
    .columns(first=BigInteger, last=BigInteger)
    .subquery("runs")
)
_SALT_BYTES: Final = 16
_COPY: Final = sql.SQL("COPY {} (id, salt, body) FROM STDIN (FORMAT BINARY)")


class PostgresqlDialect:
    """`services.store.dialect.Dialect` for PostgreSQL."""

    runs: FromClause = _RUNS

    def insert(self, table: Table) -> Insert:
        """See the protocol."""
        return insert(table)

    def insert_records(self, connection: Connection, table: Table, first_id: int, records: Records) -> None:
        """See the protocol. Binary, so that an error's context can never quote a row."""
        if set(map(len, records.salts)) != {_SALT_BYTES}:
            raise ValueError("a salt has 16 bytes")
        driver: Driver[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        with driver.cursor() as cursor, cursor.copy(_COPY.format(sql.Identifier(table.name))) as copy:
            copy.set_types(("int8", "bytea", "bytea"))
            for offset, salt, body in zip(*records, strict=True):
                copy.write_row((first_id + offset, salt, body))

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, int | str]]) -> None:
        """See the protocol."""
        connection.execute(insert(table), rows)

    def rows(self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
        """See the protocol."""
        return list(connection.execute(statement, parameters))
