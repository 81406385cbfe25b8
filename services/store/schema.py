"""The schema's versions: which migrations a store lacks, and carrying them out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from services.store import files
from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path
from services.store.errors import MigrationsPending, SchemaTooNew, StoreRefused
from services.store.failures import DATABASE_ERRORS, to_domain_error

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x79726478  # "yrdx": replicas that start together migrate one after the other


def pending_migrations(url: str) -> list[str]:
    """Return the revisions that a store lacks, oldest first; all of them for an empty or missing one.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``.

    Raises:
        SchemaTooNew: A newer version of this software has migrated it.
    """
    if is_sqlite(url) and not sqlite_path(url).exists():
        return _revisions()
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return _pending(connection)
    finally:
        engine.dispose()


def is_empty(url: str) -> bool:
    """Say whether a store holds nothing: no migration was ever carried out on it.

    Raises:
        SchemaTooNew: A newer version of this software has migrated it.
    """
    return pending_migrations(url) == _revisions()


def migrate(url: str) -> list[str]:
    """Bring a store to this software's schema, all or nothing; makes a SQLite file that does not exist.

    Returns:
        The revisions that were carried out, oldest first.

    Raises:
        SchemaTooNew: A newer version of this software has migrated it.
    """
    if is_sqlite(url):
        files.create_private(sqlite_path(url))
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            if not is_sqlite(url):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            pending = _pending(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return pending
    finally:
        engine.dispose()


def verify_schema(engine: Engine) -> None:
    """Check that a store has exactly this software's schema.

    Raises:
        MigrationsPending: It lacks migrations.
        SchemaTooNew: A newer version of this software has migrated it.
        services.domain.errors.StoreUnavailable: It is locked or not reachable.
    """
    try:
        with engine.connect() as connection:
            pending = _pending(connection)
        if pending:
            raise MigrationsPending(pending)
    except DATABASE_ERRORS as error:
        engine.dispose()
        raise to_domain_error(error) from None  # see services.store.failures
    except StoreRefused:
        engine.dispose()
        raise


def _engine(url: str) -> Engine:
    return sqlite_engine(sqlite_path(url), writes=True) if is_sqlite(url) else postgresql_engine(url)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revisions() -> list[str]:
    """Return all revisions that this software knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _pending(connection: Connection) -> list[str]:
    known = _revisions()
    present = MigrationContext.configure(connection).get_current_heads()
    if unknown := set(present).difference(known):
        raise SchemaTooNew(f"the store has migrations this version does not know ({', '.join(unknown)}): upgrade yrdx")
    return known[max((known.index(head) + 1 for head in present), default=0) :]
