"""Which store a URL means."""

from __future__ import annotations

from collections.abc import Callable

from services.domain.errors import StoreFailed
from services.ports.store import Store
from services.store.engines import is_sqlite, sqlite_path
from services.store.errors import MigrationsPending
from services.store.failures import end_process
from services.store.postgresql import PostgresqlStore
from services.store.schema import pending_migrations
from services.store.sqlite import SqliteStore


def open_store(url: str, *, on_failure: Callable[[StoreFailed], object] = end_process) -> Store:
    """Open a store that has this software's schema.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``.
        on_failure: SQLite: called when a commit reports an I/O error; by default it ends the process. PostgreSQL
            panics by itself then.

    Raises:
        ValueError: The URL names neither.
        services.store.errors.StoreRefused: Migrations are pending, or the database would lose data.
        services.domain.errors.StoreUnavailable: The database is locked or not reachable.
    """
    if not is_sqlite(url):
        return PostgresqlStore(url)
    if not sqlite_path(url).exists():
        raise MigrationsPending(pending_migrations(url))
    return SqliteStore(sqlite_path(url), on_failure=on_failure)
