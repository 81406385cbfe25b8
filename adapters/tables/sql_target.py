"""The database behind a sink: reaching it, what its table looks like, and what its errors mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import URL, BigInteger, Column, DateTime, Engine, MetaData, String, Table, create_engine, inspect, types
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)

from adapters.tables.errors import SinkRefused, SinkUnavailable, SourceRefused
from adapters.tables.sql_database import error_code, find_table, match_name, parsed_url

# It warns of every page in which a row was refused; which rows those are we tell ourselves.
logging.getLogger("psycopg").setLevel(logging.ERROR)

_CONNECT_S_MAX: Final = 10
_LOCK_S_MAX: Final = 10.0
_REASON_CHARACTERS_MAX: Final = 80


def target_engine(url: str) -> Engine:
    """Connect lazily to a database.

    Raises:
        SinkRefused: The URL names none that can be used here.
    """
    options: dict[str, Any] = {}
    try:
        parsed = parsed_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        if parsed.drivername == "postgresql+psycopg":
            # No prepared statements: behind PgBouncer the next one may run on another server connection.
            options = {"connect_args": {"connect_timeout": _CONNECT_S_MAX, "prepare_threshold": None}}
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, **options)
    except (SourceRefused, NoSuchModuleError, ModuleNotFoundError):
        raise SinkRefused(
            "sql.url", "不是可用的数据库地址 · no usable database URL: sqlite:///path or postgresql://user@host/db"
        ) from None


def _sqlite_engine(url: URL) -> Engine:
    path = Path(url.database or "").absolute()
    if not path.is_file():
        raise SinkRefused("file.missing", f"目标数据库文件不存在 · there is no such database file: {path}")
    # rw: SQLite would make a file that has gone meanwhile, and a table cannot be in it.
    address = f"file:{quote(str(path))}?mode=rw"
    return create_engine(
        "sqlite://",
        module=sqlite,
        creator=lambda: sqlite.connect(address, uri=True, timeout=_LOCK_S_MAX, check_same_thread=False),
        hide_parameters=True,
    )


@contextmanager
def told() -> Iterator[None]:
    """Tell a database that is away from one that is wrong; a driver's text may quote rows and passwords.

    Raises:
        SinkUnavailable: It cannot be reached, is busy, or takes nothing now, as a standby.
        SinkRefused: It refuses what was asked: a table that has gone, a permission that lacks.
    """
    try:
        yield
    except DBAPIError as error:
        code = error_code(error)
        if _is_away(error):
            raise SinkUnavailable(f"目标数据库暂不可用 · the target database is not available: {code}") from None
        raise SinkRefused(
            "sql.failed",
            "目标数据库拒绝，请检查表与权限 · the target database refuses, look at its tables and permissions: " + code,
        ) from None


def _is_away(error: DBAPIError) -> bool:
    """Say whether waiting helps; SQLite calls a missing table an operational error too."""
    passing = isinstance(error, OperationalError | InterfaceError | InternalError)
    return error.connection_invalidated or (passing and error_code(error) != "SQLITE_ERROR")


def is_rows_fault(error: StatementError) -> bool:
    """Say whether a row is to blame: SQLSTATE classes 22 (data) and 23 (constraints), or what no driver can say."""
    if not isinstance(error, DBAPIError):
        return True
    if error.connection_invalidated:
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state[:2] in ("22", "23") if state else type(error.orig).__name__ in ("IntegrityError", "DataError")


def told_fault(error: StatementError) -> str:
    """Return why a row was refused: a code, and the column or constraint where the database names one; no value."""
    code = error_code(error) if isinstance(error, DBAPIError) else "value"
    facts = getattr(error.orig, "diag", None)
    place = (facts.column_name or facts.constraint_name) if facts is not None else ""
    return f"{code} {place or ''}".strip()[:_REASON_CHARACTERS_MAX]


def reflect_table(engine: Engine, name: str, columns: Sequence[str]) -> tuple[Table, tuple[str, ...]]:
    """Read a table from its database.

    Args:
        engine: Its database.
        name: "table" or "schema.table"; upper and lower case count only where both exist, as with a source.
        columns: Columns that will be written, likewise.

    Returns:
        The table, and the columns as it names them.

    Raises:
        SinkRefused: There is none of that name, it lacks a column, or has one that needs a value and would get none.
    """
    with engine.connect() as connection:
        try:
            found = find_table(connection, name, name)
        except SourceRefused:
            raise SinkRefused("sql.table", f"目标数据库没有表 · no such table in the target database: {name}") from None
    table = Table(found.name, MetaData(), schema=found.schema, autoload_with=engine)
    exact = {column: match_name(column, table.c.keys()) for column in columns}
    lacking = [column for column, own in exact.items() if own is None]
    if lacking:
        names = ", ".join(lacking)
        raise SinkRefused("sql.column", f"表 {name} 缺少列 · the table lacks columns: {names}")
    own_names = tuple(filter(None, exact.values()))
    unfilled = [c.name for c in table.c if c.name not in own_names and not c.nullable and not _fills_itself(c)]
    if unfilled:
        names = ", ".join(unfilled)
        raise SinkRefused(
            "sql.unfilled", f"表 {name} 的列必填而无来源 · columns need a value that no record has: {names}"
        )
    return table, own_names


def _fills_itself(column: Column[Any]) -> bool:
    if column.server_default is not None or column.identity is not None or column.computed is not None:
        return True
    # SQLite's alone: PostgreSQL says of its serials that they have a default.
    return column.primary_key and isinstance(column.type, types.INTEGER) and len(column.table.primary_key) == 1


def key_is_indexed(engine: Engine, table: Table, key_columns: Sequence[str]) -> bool:
    """Say whether an index begins with the key's columns: without one, every change looks through the whole table."""
    inspector = inspect(engine)
    indexed: list[list[Any]] = [index["column_names"] for index in inspector.get_indexes(table.name, table.schema)]
    indexed += [unique["column_names"] for unique in inspector.get_unique_constraints(table.name, table.schema)]
    indexed.append(inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"])
    return any(set(columns[: len(key_columns)]) == set(key_columns) for columns in indexed)


def make_technical_tables(engine: Engine, schema: str | None) -> tuple[Table, Table]:
    """Make what the sink keeps beside its target, if it is not there: cursors, and records that the target refused."""
    metadata = MetaData(schema=schema)
    names = (Column("sink", String(40), primary_key=True), Column("stream", String(80), primary_key=True))
    cursor = Table("yrdx_sink", metadata, *names, Column("position", BigInteger, nullable=False))
    names = (Column("sink", String(40), primary_key=True), Column("stream", String(80), primary_key=True))
    place = Column("position", BigInteger, primary_key=True, autoincrement=False)
    facts = (
        Column("reason", String(_REASON_CHARACTERS_MAX), nullable=False),
        Column("refused_time", DateTime, nullable=False),
    )
    refused = Table("yrdx_refused", metadata, *names, place, *facts)
    try:
        metadata.create_all(engine)
    except DBAPIError:
        metadata.create_all(engine)  # another sink made them at the same moment; else it is refused once more
    return cursor, refused
