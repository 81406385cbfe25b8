"""The access log of a store that is replaced goes on in the copy that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from services.domain.access import Access
from services.domain.errors import StoreUnavailable
from services.store import files
from services.store.backup import backup
from services.store.engines import sqlite_path
from services.store.former_log import CarriedAccesses, FormerLog, carry_accesses
from services.store.opening import open_store
from tests.contract.store.samples import ACCESS, do

PAGE_BYTES = 8_192
MANY = 200  # some pages of them


def log_access(url: str, *outcomes: str) -> None:
    """Append accesses, told apart by their outcomes."""
    store = open_store(url)
    do(store, lambda tx: tx.append_accesses([replace(ACCESS, outcome=one) for one in outcomes]))
    store.close()


def accesses(url: str) -> list[Access]:
    """Return the whole log."""
    store = open_store(url)
    found = store.read(lambda tx: list(tx.accesses(after_id=0, limit=1_000)))
    store.close()
    return found


def outcomes(url: str) -> list[str]:
    """Return what tells accesses apart."""
    return [one.outcome for one in accesses(url)]


def execute(path: Path, *statements: str) -> None:
    """Do behind the store's back what it would refuse."""
    with closing(sqlite.connect(str(path), isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def former(sqlite_url: str) -> Path:
    """The store in place, with two accesses."""
    log_access(sqlite_url, "FOUND", "NOT_FOUND")
    return sqlite_path(sqlite_url)


@pytest.fixture
def copy(sqlite_url: str, former: Path, tmp_path: Path) -> str:
    """A copy with these two; the store in place has many since."""
    path = tmp_path / "copy.sqlite"
    backup(sqlite_url, path)
    log_access(sqlite_url, *(f"AMBIGUOUS_{number}" for number in range(MANY)))
    return f"sqlite:///{path}"


def test_the_log_goes_on_where_the_copys_ends(former: Path, copy: str) -> None:
    """Every access of since, with its id and all that it says; the next one gets the next id."""
    before = accesses(f"sqlite:///{former}")
    assert carry_accesses(former, copy) == CarriedAccesses(FormerLog.CONTINUED, MANY)
    assert accesses(copy) == before
    log_access(copy, "FAULT")
    assert accesses(copy)[-1].id == MANY + 3


def test_once_is_as_good_as_twice(former: Path, copy: str) -> None:
    """What stands there already is not copied again."""
    carry_accesses(former, copy)
    assert carry_accesses(former, copy) == CarriedAccesses(FormerLog.CONTINUED, 0)
    assert len(accesses(copy)) == MANY + 2


def test_an_empty_log_is_the_beginning_of_every_other(former: Path, migrated_file: Path, tmp_path: Path) -> None:
    """A copy from before the first access takes all; a new store in place adds nothing to what the copy has."""
    new = tmp_path / "new.sqlite"
    new.write_bytes(migrated_file.read_bytes())
    assert carry_accesses(new, f"sqlite:///{former}") == CarriedAccesses(FormerLog.CONTINUED, 0)
    assert carry_accesses(former, f"sqlite:///{new}") == CarriedAccesses(FormerLog.CONTINUED, 2)
    assert outcomes(f"sqlite:///{new}") == outcomes(f"sqlite:///{former}") == ["FOUND", "NOT_FOUND"]


def test_a_former_log_that_is_behind_adds_nothing(former: Path, copy: str) -> None:
    """A newer backup than the store in place: the copy's log holds all of it."""
    assert carry_accesses(sqlite_path(copy), f"sqlite:///{former}") == CarriedAccesses(FormerLog.CONTINUED, 0)
    assert len(accesses(f"sqlite:///{former}")) == MANY + 2


def test_what_stands_in_the_write_ahead_log_alone_is_carried(former: Path, copy: str, sqlite_url: str) -> None:
    """As after kill -9; the former files are only read, so they stay as they were."""
    store = open_store(sqlite_url)
    do(store, lambda tx: tx.append_accesses([replace(ACCESS, outcome="LAST")]))
    crashed = {part: part.read_bytes() for part in (former, files.log_of(former))}
    store.close()
    for part, content in crashed.items():
        part.write_bytes(content)

    assert carry_accesses(former, copy).count == MANY + 1

    assert outcomes(copy)[-1] == "LAST"
    assert {part: part.read_bytes() for part in crashed} == crashed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE access SET outcome = 'AMBIGUOUS' WHERE id = 1",
        "DELETE FROM access WHERE id = 1",
        "UPDATE access SET id = 1000 WHERE id = 2",
    ],
)
def test_another_history_is_not_mixed_in(former: Path, copy: str, change: str) -> None:
    """Whichever of the two differs where they must be the same, nothing is copied."""
    here = sqlite_path(copy)
    execute(here, "DROP TRIGGER access_update", "DROP TRIGGER access_delete", change)
    before = accesses(copy)
    assert carry_accesses(former, copy) == CarriedAccesses(FormerLog.DIVERGED)
    assert accesses(copy) == before
    assert carry_accesses(here, f"sqlite:///{former}") == CarriedAccesses(FormerLog.DIVERGED)


def cut(path: Path) -> None:
    """Half of it."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_a_page(path: Path) -> None:
    """One page of the log is not what it was; everything else is."""
    content = bytearray(path.read_bytes())
    begin = content.index(f"AMBIGUOUS_{MANY // 2}".encode()) // PAGE_BYTES * PAGE_BYTES
    content[begin : begin + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(content)


def write_text(path: Path) -> None:
    """No database."""
    path.write_text("lsh;xm\n")


def lose_a_column(path: Path) -> None:
    """Another form of the log."""
    execute(path, "ALTER TABLE access DROP COLUMN outcome")


@pytest.mark.parametrize("spoil", [cut, lose_a_page, write_text, lose_a_column])
def test_what_cannot_be_read_stops_no_restore(former: Path, copy: str, spoil: Callable[[Path], None]) -> None:
    """Nothing of it is copied, and that is said."""
    spoil(former)
    assert carry_accesses(former, copy) == CarriedAccesses(FormerLog.UNREADABLE)
    assert outcomes(copy) == ["FOUND", "NOT_FOUND"]


def test_a_store_from_before_the_log_has_none(copy: str, tmp_path: Path) -> None:
    """A schema before 0004, and no store at all."""
    old = tmp_path / "old.sqlite"
    execute(old, "CREATE TABLE stream (id INTEGER PRIMARY KEY)")
    assert carry_accesses(old, copy) == carry_accesses(None, copy) == CarriedAccesses(FormerLog.ABSENT)


def test_a_newer_schema_may_say_more(former: Path, copy: str) -> None:
    """The columns of this version are carried."""
    execute(former, "ALTER TABLE access ADD COLUMN remark TEXT NOT NULL DEFAULT ''")
    assert carry_accesses(former, copy) == CarriedAccesses(FormerLog.CONTINUED, MANY)


def test_a_copy_that_cannot_be_written_is_an_error(former: Path, copy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: nothing is restored, and nothing is said to be carried over."""
    connect = sqlite.connect

    def connect_to_a_full_disk(*arguments: object, **more: object) -> sqlite.Connection:
        connection = connect(*arguments, **more)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(sqlite, "connect", connect_to_a_full_disk)
    with pytest.raises(StoreUnavailable, match="full"):
        carry_accesses(former, copy)
    monkeypatch.undo()
    assert outcomes(copy) == ["FOUND", "NOT_FOUND"]
