from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from services.node.bench.postgres import PostgresServer
from services.store import files
from services.store.backup import backup
from services.store.engines import sqlite_path
from services.store.errors import BackupUnfit, SchemaTooNew, ToolFailed
from services.store.opening import open_store
from services.store.restore import place, staged
from tests.contract.store.samples import Sender


@pytest.fixture
def copy(sqlite_url: str, tmp_path: Path) -> Path:
    """A backup of a store with five pending rows; the store went on to eight."""
    store = open_store(sqlite_url)
    sender = Sender(store)
    sender.submit(*range(5))
    path = tmp_path / "copy"
    backup(sqlite_url, path)
    sender.submit(5, 6, 7)
    store.close()
    return path


def pending_in(url: str) -> int:
    """Return how many rows are pending in a store."""
    store = open_store(url)
    count = len(Sender(store).pending(100))
    store.close()
    return count


def test_the_copy_stands_in_the_place_and_the_former_store_is_kept(sqlite_url: str, copy: Path, tmp_path: Path) -> None:
    """Both open, each with what it held; nothing else is left, and the backup itself is as it was."""
    kept, content = tmp_path / "kept", copy.read_bytes()
    with staged(sqlite_url, copy) as url:
        assert place(sqlite_url, url, kept)
    assert (pending_in(sqlite_url), pending_in(f"sqlite:///{kept / 'store.sqlite'}")) == (5, 8)
    assert copy.read_bytes() == content
    names = {path.name for path in tmp_path.iterdir()} - {"store.sqlite-wal", "store.sqlite-shm"}
    assert names == {"copy", "kept", "store.sqlite"}
    assert sqlite_path(sqlite_url).stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_log_of_the_former_store_goes_with_it(sqlite_url: str, copy: Path, tmp_path: Path) -> None:
    """What was committed and stands in the log alone, as after kill -9, is kept; the new store is not read with it."""
    kept, path = tmp_path / "kept", sqlite_path(sqlite_url)
    writer = open_store(sqlite_url)
    Sender(writer).submit(8, 9)
    crashed = {part: part.read_bytes() for part in (path, files.log_of(path))}
    writer.close()
    for part, content in crashed.items():
        part.write_bytes(content)
    with staged(sqlite_url, copy) as url:
        place(sqlite_url, url, kept)
    assert (pending_in(sqlite_url), pending_in(f"sqlite:///{kept / path.name}")) == (5, 10)


def test_cut_off_on_the_way_the_next_restore_finishes(sqlite_url: str, copy: Path, tmp_path: Path) -> None:
    """A crash after the former store is gone and before the new one stands: its log is no part of the new store."""
    path = sqlite_path(sqlite_url)
    path.unlink()
    files.log_of(path).write_bytes(b"a log without its store")
    path.with_name(f".{path.name}.restoring").write_bytes(b"half a copy")
    with staged(sqlite_url, copy) as url:
        assert place(sqlite_url, url, tmp_path / "kept")
    assert pending_in(sqlite_url) == 5
    assert (tmp_path / "kept" / "store.sqlite-wal").read_bytes() == b"a log without its store"


def test_without_a_former_store_nothing_is_kept(copy: Path, tmp_path: Path) -> None:
    """After a disk was lost there is only the backup."""
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    with staged(url, copy) as staged_url:
        assert not place(url, staged_url, tmp_path / "kept")
    assert pending_in(url) == 5
    assert not (tmp_path / "kept").exists()


def test_what_is_not_placed_leaves_nothing(sqlite_url: str, copy: Path, tmp_path: Path) -> None:
    """Whoever does not like what a copy holds changes nothing."""
    with staged(sqlite_url, copy) as url:
        assert pending_in(url) == 5
    assert pending_in(sqlite_url) == 8
    assert not list(tmp_path.glob(".*"))


def cut(path: Path) -> None:
    """Half of it."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """A page in the middle is not what it was."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 8_192 * 8_192
    content[middle : middle + 512] = bytes(512)
    path.write_bytes(content)


def other(path: Path) -> None:
    """Another program's file."""
    path.unlink()
    with closing(sqlite.connect(str(path))) as connection:
        connection.execute("CREATE TABLE notes (text)")


def newer(path: Path) -> None:
    """A newer version's."""
    with closing(sqlite.connect(str(path))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def text(path: Path) -> None:
    """No database."""
    path.write_text("lsh;xm\n1;2\n")


def by_hand(path: Path) -> None:
    """A store copied with cp: what it had committed last stands in the log beside it."""
    files.log_of(path).write_bytes(b"frames")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "is damaged"),
        (flip, "is damaged"),
        (other, "holds no store of yrdx"),
        (text, "is no backup of a SQLite store"),
        (by_hand, "take what `yrdx db backup` wrote"),
        (newer, "upgrade yrdx"),
    ],
)
def test_what_is_no_whole_backup_changes_nothing(
    sqlite_url: str, copy: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    """The message says what is wrong with it."""
    spoil(copy)
    with pytest.raises((BackupUnfit, SchemaTooNew), match=message), staged(sqlite_url, copy):
        pass
    assert pending_in(sqlite_url) == 8
    assert not list(tmp_path.glob(".*"))


class TestPostgresql:
    """A dump goes into an empty database; the former one stays."""

    @pytest.fixture
    def dump(
        self, postgres: PostgresServer, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Path:
        """A backup of a store with five pending rows; the store went on to eight."""
        monkeypatch.setenv("PATH", str(postgres.binaries), prepend=":")
        store = open_store(postgresql_url)
        sender = Sender(store)
        sender.submit(*range(5))
        path = tmp_path / "dump"
        backup(postgresql_url, path)
        sender.submit(5, 6, 7)
        store.close()
        return path

    def test_an_empty_database_takes_it(self, postgres: PostgresServer, postgresql_url: str, dump: Path) -> None:
        """Both hold what they held."""
        url = postgres.create_database()
        with staged(url, dump) as staged_url:
            assert staged_url == url
            assert not place(url, staged_url, dump.with_name("kept"))
        assert (pending_in(url), pending_in(postgresql_url)) == (5, 8)

    def test_a_database_with_tables_is_left_alone(self, postgresql_url: str, dump: Path) -> None:
        """The store in use is never restored over."""
        with pytest.raises(BackupUnfit, match="not empty"), staged(postgresql_url, dump):
            pass
        assert pending_in(postgresql_url) == 8

    def test_half_a_dump_leaves_the_database_empty(self, postgres: PostgresServer, dump: Path) -> None:
        """All or nothing: the same database takes the whole dump afterwards."""
        url, half = postgres.create_database(), dump.with_name("half")
        half.write_bytes(dump.read_bytes()[: dump.stat().st_size * 3 // 4])
        with pytest.raises(ToolFailed, match="pg_restore ended with 1"), staged(url, half):
            pass
        with staged(url, dump):
            assert pending_in(url) == 5

    def test_a_sqlite_file_is_none(self, postgres: PostgresServer, migrated_file: Path, tmp_path: Path) -> None:
        """Nor is a dump one of SQLite's."""
        file = shutil.copy(migrated_file, tmp_path / "file")
        with pytest.raises(BackupUnfit, match="no backup of a PostgreSQL store"), staged(postgres.url(), Path(file)):
            pass
