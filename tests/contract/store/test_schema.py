from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from services.domain.rejection import LocalRejection
from services.domain.standing import UNKNOWN_CONTENT
from services.node.bench.postgres import PostgresServer
from services.store import files, schema
from services.store.columns import from_micros
from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path
from services.store.errors import MigrationsPending, SchemaTooNew
from services.store.opening import open_store
from services.store.schema import migrate, pending_migrations
from services.store.tables import METADATA
from tests.contract.store.samples import do, merge_pass

EVERY = ["0001", "0002", "0003", "0004", "0005"]


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


def test_a_store_of_the_first_schema_keeps_everything(empty_url: str) -> None:
    """Rejections stay, with their stream and time; what old submissions said is unknown, so it differs from any row."""
    with connected(empty_url) if not is_sqlite(empty_url) else _new_file(empty_url) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_SCHEMA.split(";"):
            connection.execute(text(statement))
    assert migrate(empty_url) == EVERY[1:]
    store = open_store(empty_url)
    (row,) = store.read(lambda tx: tx.rejected_rows(after_id=0, limit=9))
    assert (row.id, row.stream, row.by, row.sequence, row.position) == (5, "a/b/c/0", "partner", 2, 8)
    assert (row.violation.rule_id, row.rejected_time, row.closed) == ("rule", from_micros(7), None)
    assert merge_pass(store, 1) == 0
    (stands,) = store.read(lambda tx: list(tx.standing_pages(1)))
    assert (stands.keys, stands.contents) == (b"k" * 16, UNKNOWN_CONTENT)
    assert do(store, lambda tx: tx.close_rejection(5, reason="x", now=from_micros(8)))
    do(store, lambda tx: tx.add_local_rejections(1, 1, [LocalRejection(3, "", row.violation)], now=from_micros(9)))
    assert [one.id for one in store.read(lambda tx: tx.rejected_rows(after_id=0, limit=9))][1] > 5
    store.close()


@contextmanager
def _new_file(url: str) -> Iterator[Connection]:
    files.create_private(sqlite_path(url))
    with connected(url) as connection:
        yield connection


FIRST_SCHEMA = """
INSERT INTO stream (id, name, direction, epoch, watermark, head, sealed_epoch, sealed_watermark, sealed_head, state,
    state_reason, hash_algorithm, fence, lease_holder)
    VALUES (1, 'a/b/c/0', 'outbound', 1, 2, '', 1, 2, '', 'OPEN', '', 'SHA256', 1, '');
INSERT INTO source (id, stream_id, name, label, position, submitted, acknowledged, rejected, void)
    VALUES (1, 1, 'sha256:1', 'a.csv', 8, 1, 0, 1, 0);
INSERT INTO submission (id, source_id, record_count, submitted_time, positions, record_keys)
    VALUES (1, 1, 1, 6, '12345678', 'kkkkkkkkkkkkkkkk');
INSERT INTO batch (id, stream_id, epoch, first_sequence, record_count, abandoned, header_hash, header, header_key_id,
    header_signature, record_runs, operations, record_keys, leaves)
    VALUES (1, 1, 1, 1, 2, false, '', '', '', '', '', '', '', '');
INSERT INTO receipt (batch_id, accepted_count, received_time, content, key_id, signature) VALUES (1, 1, 7, '', '', '');
INSERT INTO rejection (id, batch_id, sequence, source_id, position, field_path, rule_id, reason)
    VALUES (5, 1, 2, 1, 8, 'field', 'rule', 'reason')
"""


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
