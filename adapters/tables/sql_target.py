"""The database behind a sink: reaching it, what its table looks like, and how values are made fit for its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import BigInteger, Column, DateTime, Engine, MetaData, String, Table, create_engine, inspect, types
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError

from adapters.tables.errors import SourceRefused
from adapters.tables.rows import Cell
from adapters.tables.sql_database import error_code, parsed_url

_CONNECT_S_MAX: Final = 10
_LOCK_S_MAX: Final = 10.0

Value = Cell


class SinkRefused(Exception):
    """The target cannot be used as it is; the message says why and what to do, and never holds a value or a password.

    Attributes:
        rule_id: Stable name of what is wrong.
    """

    def __init__(self, rule_id: str, message: str) -> None:
        super().__init__(message)
        self.rule_id = rule_id


class SinkUnavailable(Exception):
    """The target cannot be reached, or is busy: the same again succeeds later."""


class SinkMoved(Exception):
    """Another sink of the same name has written meanwhile: read the cursor again."""


def target_engine(url: str) -> Engine:
    """Connect lazily to a database.

    Raises:
        SinkRefused: The URL names none that can be used here.
    """
    options: dict[str, Any] = {}
    try:
        parsed = parsed_url(url)
        if parsed.get_backend_name() == "sqlite":
            options = {"module": sqlite, "connect_args": {"timeout": _LOCK_S_MAX}}
        elif parsed.drivername == "postgresql+psycopg":
            options = {"connect_args": {"connect_timeout": _CONNECT_S_MAX, "prepare_threshold": None}}
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, **options)
    except (SourceRefused, NoSuchModuleError, ModuleNotFoundError):
        raise SinkRefused(
            "sql.url", "不是可用的数据库地址 · no usable database URL: sqlite:///path or postgresql://user@host/db"
        ) from None


@contextmanager
def told() -> Iterator[None]:
    """Tell a database that is away from one that is wrong; a driver's text may quote rows and passwords."""
    try:
        yield
    except DBAPIError as error:
        raise SinkUnavailable(
            f"目标数据库暂不可用 · the target database is not available: {error_code(error)}"
        ) from None
    except NoSuchTableError as error:
        raise SinkRefused("sql.table", f"目标数据库没有表 · no such table in the target database: {error}") from None


def _kind(error: DBAPIError) -> str:
    return type(error.orig).__name__


def is_rows_fault(error: DBAPIError) -> bool:
    """Say whether a row is to blame: SQLSTATE classes 22 (data) and 23 (constraints), or SQLite's constraints."""
    state = getattr(error.orig, "sqlstate", None)
    return state[:2] in ("22", "23") if state else _kind(error) in ("IntegrityError", "DataError", "InterfaceError")


def reflect_table(engine: Engine, name: str, columns: Sequence[str]) -> Table:
    """Read a table from its database.

    Args:
        engine: Its database.
        name: "table" or "schema.table".
        columns: Columns that will be written.

    Raises:
        NoSuchTableError: There is none of that name.
        SinkRefused: It lacks a column, or has one that needs a value and would get none.
    """
    schema, _, plain = name.rpartition(".")
    table = Table(plain, MetaData(), schema=schema or None, autoload_with=engine)
    lacking = [column for column in columns if column not in table.c]
    if lacking:
        names = ", ".join(lacking)
        raise SinkRefused("sql.column", f"表 {name} 缺少列 · the table lacks columns: {names}")
    unfilled = [c.name for c in table.c if c.name not in columns and not c.nullable and not _fills_itself(c)]
    if unfilled:
        names = ", ".join(unfilled)
        raise SinkRefused(
            "sql.unfilled", f"表 {name} 的列必填而无来源 · columns need a value that no record has: {names}"
        )
    return table


def _fills_itself(column: Column[Any]) -> bool:
    own_key = column.primary_key and isinstance(column.type, types.Integer)
    return own_key or column.server_default is not None or column.identity is not None or column.computed is not None


def key_is_indexed(engine: Engine, table: Table, key_columns: Sequence[str]) -> bool:
    """Say whether an index begins with the key's columns: without one, every change looks through the whole table."""
    inspector = inspect(engine)
    indexed: list[list[Any]] = [index["column_names"] for index in inspector.get_indexes(table.name, table.schema)]
    indexed += [unique["column_names"] for unique in inspector.get_unique_constraints(table.name, table.schema)]
    indexed.append(inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"])
    return any(set(columns[: len(key_columns)]) == set(key_columns) for columns in indexed)


def technical_tables() -> tuple[Table, Table]:
    """Return the tables that the sink keeps beside its target: cursors, and records that the target refused."""
    metadata = MetaData()
    names = (Column("sink", String(40), primary_key=True), Column("stream", String(80), primary_key=True))
    cursor = Table("yrdx_sink", metadata, *names, Column("position", BigInteger, nullable=False))
    names = (Column("sink", String(40), primary_key=True), Column("stream", String(80), primary_key=True))
    place = Column("position", BigInteger, primary_key=True, autoincrement=False)
    facts = (Column("reason", String(80), nullable=False), Column("refused_time", DateTime, nullable=False))
    return cursor, Table("yrdx_refused", metadata, *names, place, *facts)


def fitting(column: Column[Any]) -> Callable[[Value], Value]:
    """Return how a value is made fit for a column: what the column cannot hold exactly is refused, never changed."""
    kind = column.type
    if isinstance(kind, types.DateTime):
        return lambda value: value if isinstance(value, datetime | None) else datetime.fromisoformat(_day(value))
    if isinstance(kind, types.Date):
        return lambda value: value if isinstance(value, date | None) else date.fromisoformat(_day(value))
    if isinstance(kind, types.Integer):
        return lambda value: None if value in (None, "") else _whole(Decimal(value))  # type: ignore[arg-type]
    if isinstance(kind, types.Numeric):
        return lambda value: None if value in (None, "") else Decimal(value)  # type: ignore[arg-type]
    return lambda value: None if value is None else _text(value)


def _day(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _whole(value: Decimal) -> int:
    if value != value.to_integral_value():
        raise ValueError("not a whole number")
    return int(value)


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
