"""Stores that former versions wrote (`tests/vectors/stores`), as files and in PostgreSQL."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from sqlalchemy import Connection, MetaData, Table, select, text

from services.store import files, schema
from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path

FOLDER: Final = Path(__file__).parents[2] / "vectors" / "stores"
REVISIONS: Final = tuple(sorted(folder.name for folder in FOLDER.iterdir()))
CITIES: Final = ("320600", "310000")

Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect behind the store's back."""
    engine = sqlite_engine(sqlite_path(url), writes=True) if is_sqlite(url) else postgresql_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def former_file(folder: Path, revision: str, city: str) -> Path:
    """Unpack the store that a city had under a former schema."""
    path = folder / f"{city}-{revision}.sqlite"
    files.create_private(path)
    path.write_bytes(gzip.decompress((FOLDER / revision / f"{city}.sqlite.gz").read_bytes()))
    return path


def said_of(revision: str, city: str) -> dict[str, Any]:
    """Return what that version said of the store: its receipts, rejections, streams and records."""
    said: dict[str, Any] = json.loads(gzip.decompress((FOLDER / revision / f"{city}.json.gz").read_bytes()))
    return said


def load_former(url: str, file: Path, revision: str) -> None:
    """Bring the rows of a former file into an empty PostgreSQL database, under the same former schema."""
    with connected(url) as target, connected(f"sqlite:///{file}") as source:
        upgrade_to(target, revision)
        for table in _tables(target).sorted_tables:
            if rows := [dict(row) for row in source.execute(select(table)).mappings()]:
                target.execute(table.insert(), rows)
                _go_on_counting(target, table)


def upgrade_to(connection: Connection, revision: str) -> None:
    """Carry migrations out up to a revision, as its version did."""
    config = schema._config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def rows_of(url: str) -> Rows:
    """Return everything in a store, table by table, ordered by primary key."""
    with connected(url) as connection:
        return {
            table.name: [
                {name: _plain(value) for name, value in row.items()}
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in _tables(connection).sorted_tables
        }


def _tables(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name != "alembic_version")
    return found


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers new rows from where the former ones ended, as it does in a store that lived."""
    sequence = (
        connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
        if "id" in table.c
        else None
    )
    if sequence:
        connection.execute(text(f"SELECT setval('{sequence}', max(id)) FROM {table.name}"))


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
