from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path
from services.store.errors import MigrationsPending, SchemaTooNew
from services.store.opening import open_store
from services.store.schema import migrate, pending_migrations
from services.store.tables import METADATA
from tests.postgres import PostgresServer

EVERY = ["0001", "0003"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that does not exist yet, or an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect behind the store's back."""
    engine = sqlite_engine(sqlite_path(url), writes=True) if is_sqlite(url) else postgresql_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_an_empty_store_lacks_every_migration(empty_url: str) -> None:
    """It is not opened, and the message names the command."""
    assert pending_migrations(empty_url) == EVERY
    with pytest.raises(MigrationsPending, match="yrdx db migrate"):
        open_store(empty_url)


def test_migrating_makes_exactly_our_tables(empty_url: str) -> None:
    """After the migrations the database has what the tables' module declares, no more and no less."""
    assert migrate(empty_url) == EVERY
    with connected(empty_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    """A migrated store lacks nothing and opens."""
    migrate(empty_url)
    assert (pending_migrations(empty_url), migrate(empty_url)) == ([], [])
    open_store(empty_url).close()


def test_a_newer_store_is_refused(empty_url: str) -> None:
    """A store that a newer version has migrated is neither opened nor migrated."""
    migrate(empty_url)
    with connected(empty_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (pending_migrations, migrate, open_store):
        with pytest.raises(SchemaTooNew, match="9999"):
            attempt(empty_url)


def test_a_failed_migration_leaves_nothing(empty_url: str) -> None:
    """Migrations are all or nothing: a table in the way stops them, and none of ours is left behind."""
    if is_sqlite(empty_url):
        sqlite_path(empty_url).touch()
    with connected(empty_url) as connection:
        connection.execute(text("CREATE TABLE agreement (id INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        migrate(empty_url)
    assert pending_migrations(empty_url) == EVERY
    with connected(empty_url) as connection:
        connection.execute(text("DROP TABLE agreement"))
    assert migrate(empty_url) == EVERY


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The store holds personal data: nobody else may read the file or its log."""
    path = tmp_path / "new.sqlite"
    migrate(f"sqlite:///{path}")
    store = open_store(f"sqlite:///{path}")
    store.write(lambda tx: tx.streams()).result(30)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    store.close()
    assert set(modes.values()) == {0o600}
    assert {"new.sqlite", "new.sqlite-wal"} <= set(modes)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    """Only a SQLite file and PostgreSQL are stores."""
    with pytest.raises(ValueError, match="sqlite:///path"):
        open_store(url)
