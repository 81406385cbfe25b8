"""Databases by URL: opened for reading alone, named without a password, their errors told without their texts.

A driver's message can quote rows and a URL holds a password, so neither is ever shown or chained.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import URL, Connection, Engine, create_engine, inspect, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SAWarning,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from adapters.tables.errors import SourceRefused, SourceUnavailable
from adapters.tables.sql_dates import read_all_dates

_CONNECT_S_MAX: Final = 10
_SQLITE_LOCK_S_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view as the database itself describes it.

    Attributes:
        schema: Its schema; None for the default one.
        name: Its name, exactly.
        types: Columns and their types, by exact names.
        primary_key: Columns of the primary key, in order; empty where there is none.
    """

    schema: str | None
    name: str
    types: dict[str, TypeEngine[Any]]
    primary_key: tuple[str, ...]

    def column(self, name: str) -> str | None:
        """Return the exact name of a column; None where there is none."""
        return match_name(name, list(self.types))


def parsed_url(url: str) -> URL:
    """Parse a SQLAlchemy URL; PostgreSQL means psycopg 3.

    Raises:
        SourceRefused: It is none.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SourceRefused("SQL", "sql.url") from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def source_name(url: URL, table: str) -> str:
    """Return the stable name of a table: without user, password, driver and options."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return f"sqlite:{_sqlite_path(url)}#{table}"
    option = url.query.get("host", "")
    host = url.host or (option if isinstance(option, str) else option[0])
    port = f":{url.port}" if url.port else ""
    return f"{backend}://{host}{port}/{url.database or ''}#{table}"


@contextmanager
def connected(url: URL, name: str) -> Iterator[Connection]:
    """Connect to a database, in one read-only transaction where the database knows such.

    Raises:
        SourceRefused: The driver or the file is missing.
        SourceUnavailable: The database cannot be reached, or refuses the login.
    """
    try:
        engine = _engine(url)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise SourceRefused(name, "sql.driver", driver=url.drivername) from None
    if url.get_backend_name() == "sqlite" and not _sqlite_path(url).is_file():
        raise SourceRefused(name, "file.missing")
    try:
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise SourceUnavailable(name, "sql.unreachable", code=error_code(error)) from None
        with connection:
            if url.get_backend_name() == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if url.drivername == "postgresql+psycopg":
                read_all_dates(connection)
            yield connection
    finally:
        engine.dispose()


@contextmanager
def told_errors(name: str) -> Iterator[None]:
    """Tell a database's errors in our own words.

    Raises:
        SourceUnavailable: The connection is gone, or the database is busy.
        SourceRefused: The database refuses what was asked, or holds what no value can say.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise SourceUnavailable(name, "sql.lost", code=error_code(error)) from None
    except DataError as error:
        raise SourceRefused(name, "sql.value", code=error_code(error)) from None
    except DBAPIError as error:
        raise SourceRefused(name, "sql.failed", code=error_code(error)) from None


def find_table(connection: Connection, table: str, name: str) -> FoundTable:
    """Find a table or view by asking the database.

    Args:
        connection: Open.
        table: "table" or "schema.table"; upper and lower case count only where both exist.
        name: The source's name in messages.

    Raises:
        SourceRefused: There is none.
    """
    asked_schema, _, asked_table = table.rpartition(".")
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # types that SQLAlchemy does not know are judged by their values
        schema = match_name(asked_schema, inspector.get_schema_names()) if asked_schema else None
        if asked_schema and schema is None:
            raise SourceRefused(name, "sql.table")
        found = match_name(asked_table, [*inspector.get_table_names(schema), *inspector.get_view_names(schema)])
        if found is None:
            raise SourceRefused(name, "sql.table")
        types = {str(column["name"]): column["type"] for column in inspector.get_columns(found, schema)}
        key = inspector.get_pk_constraint(found, schema)["constrained_columns"]
    return FoundTable(schema, found, types, tuple(key))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        path = _sqlite_path(url)
        # Read-only also keeps SQLite from making a file that is not there.
        address = f"file:{quote(str(path))}?mode=ro"
        return create_engine(
            "sqlite://",
            module=sqlite,
            creator=lambda: sqlite.connect(address, uri=True, timeout=_SQLITE_LOCK_S_MAX),
            poolclass=NullPool,
            hide_parameters=True,
        )
    options: dict[str, Any] = {}
    if url.drivername == "postgresql+psycopg":
        # No prepared statements: behind PgBouncer the next one may run on another server connection.
        options = {"connect_timeout": _CONNECT_S_MAX, "prepare_threshold": None}
    return create_engine(url, connect_args=options, poolclass=NullPool, hide_parameters=True)


def _sqlite_path(url: URL) -> Path:
    return Path(url.database or "").absolute()


def match_name(name: str, known: Sequence[str]) -> str | None:
    """Find a name exactly, or else without regard to case where that is unambiguous."""
    if name in known:
        return name
    alike = {other for other in known if other.casefold() == name.casefold()}
    return alike.pop() if len(alike) == 1 else None


def error_code(error: DBAPIError) -> str:
    """Return the database's code for an error, which quotes nothing."""
    original = error.orig
    for attribute in ("sqlstate", "sqlite_errorname"):
        code = getattr(original, attribute, None)
        if isinstance(code, str):
            return code
    return type(original).__name__
