"""The few places where SQLite and PostgreSQL must be spoken to differently: all of them move many rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

Plain = int | str | bytes | datetime | None
"""What a row of `Dialect.insert_rows` holds."""


class Records(NamedTuple):
    """Columns of records of one owner.

    Attributes:
        offsets: Rising offsets.
        salts: 16 bytes each.
        bodies: Any bytes.
    """

    offsets: Sequence[int]
    salts: Sequence[bytes]
    bodies: Sequence[bytes]


class Dialect(Hashable, Protocol):
    """What a transaction asks of its database beyond plain SQL."""

    def insert(self, table: Table) -> PostgresqlInsert | SqliteInsert:
        """Begin an insert that knows ``ON CONFLICT``."""
        ...

    def insert_records(self, connection: Connection, table: Table, first_id: int, records: Records) -> None:
        """Insert records into the outbox or the inbox.

        Args:
            connection: In a transaction.
            table: One with the columns id, salt and body.
            first_id: Id of offset 0.
            records: What to insert.

        Raises:
            ValueError: A salt has another length than 16 bytes.
        """
        ...

    def insert_rows(
        self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Plain]], *, skip_existing: bool = False
    ) -> None:
        """Insert rows, all with the same columns.

        Args:
            connection: In a transaction.
            table: Table.
            rows: At least one.
            skip_existing: Leave out rows that a unique index refuses.
        """
        ...

    def records(
        self, connection: Connection, table: Table, runs: str
    ) -> tuple[Sequence[int], Sequence[bytes], Sequence[bytes]]:
        """Fetch the records of the outbox or the inbox whose ids lie in some runs.

        Args:
            connection: In a transaction.
            table: One with the columns id, salt and body.
            runs: JSON of first and last ids (`services.store.runs.to_parameter`).

        Returns:
            Ids, salts and bodies of those that stand there, in the order of the runs.
        """
        ...

    def rows(self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
        """Fetch many rows of integers, texts and non-null bytes, in the statement's order.

        Args:
            connection: In a transaction.
            statement: A constant of its module: what is derived from it is kept.
            parameters: Its parameters.

        Returns:
            Sequences of the columns' raw values: types of ours are not applied.
        """
        ...

    def columns(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> list[bytes | list[int]]:
        """Fetch many rows of integers and of bytes of fixed length, column by column.

        Args:
            connection: In a transaction.
            statement: A constant of its module, as in `rows`.
            parameters: Its parameters.

        Returns:
            For each column a list of integers, or all bytes joined.
        """
        ...

    def holds(self, column: ColumnElement[bytes], piece: ColumnElement[bytes]) -> ColumnElement[bool]:
        """Return the condition that a column of bytes holds some bytes, anywhere."""
        ...

    @property
    def keys(self) -> FromClause:
        """The table ``keys(record_key)``: the parameter ``keys`` holds them, 16 bytes each."""
        ...

    @property
    def spans(self) -> FromClause:
        """The table ``spans(first, last)``: the parameter ``spans`` holds them, 16 bytes each, in turn."""
        ...

    @property
    def standing(self) -> FromClause:
        """The table ``said(record_key, content, record_id)``.

        The parameter ``said`` holds 16 bytes of key and 8 of content for each, ``record_ids`` a JSON list.
        """
        ...

    @property
    def runs(self) -> FromClause:
        """The table ``runs(first, last)`` that the parameter ``runs`` holds as JSON (`services.store.runs`)."""
        ...
