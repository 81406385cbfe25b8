"""The access log: it is found by subject and time, and only grows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from services.ports.store import Store
from services.store.engines import is_sqlite, postgresql_engine, sqlite_engine, sqlite_path
from tests.contract.store.samples import ACCESS, NOW, do

LATER = replace(ACCESS, time=NOW + timedelta(hours=1), subject=b"t" * 32, outcome="PURPOSE_NOT_AGREED", purpose="")


def test_an_access_comes_back_as_it_was(store: Store) -> None:
    """All of it, with the id that it got."""
    do(store, lambda tx: tx.append_accesses([ACCESS]))
    assert store.read(lambda tx: tx.accesses(after_id=0, limit=9)) == [replace(ACCESS, id=1)]


def test_the_same_question_stands_twice(store: Store) -> None:
    """A question repeated under its id is answered again and logged again."""
    for _ in range(2):
        do(store, lambda tx: tx.append_accesses([ACCESS]))
    assert len(store.read(lambda tx: tx.accesses(after_id=0, limit=9))) == 2


def test_accesses_are_found_by_subject_and_time_page_by_page(store: Store) -> None:
    """Who asked about this person, since when, a page at a time."""
    do(store, lambda tx: tx.append_accesses([ACCESS, LATER]))
    do(store, lambda tx: tx.append_accesses([ACCESS, LATER]))
    found = store.read(lambda tx: tx.accesses(after_id=0, limit=9, subject=LATER.subject))
    assert [one.id for one in found] == [2, 4]
    assert [one.id for one in store.read(lambda tx: tx.accesses(after_id=0, limit=9, since=LATER.time))] == [2, 4]
    assert [one.id for one in store.read(lambda tx: tx.accesses(after_id=1, limit=2))] == [2, 3]


@pytest.mark.parametrize("act", ["UPDATE access SET outcome = 'NOT_FOUND'", "DELETE FROM access"])
def test_the_log_only_grows(store: Store, url: str, act: str) -> None:
    """The database itself refuses to change or remove an access, also behind the store's back."""
    do(store, lambda tx: tx.append_accesses([ACCESS]))
    engine = sqlite_engine(sqlite_path(url), writes=True) if is_sqlite(url) else postgresql_engine(url)
    with pytest.raises(DatabaseError, match="only grows"), engine.begin() as connection:
        connection.execute(text(act))
    engine.dispose()
    assert [one.outcome for one in store.read(lambda tx: tx.accesses(after_id=0, limit=9))] == ["FOUND"]
