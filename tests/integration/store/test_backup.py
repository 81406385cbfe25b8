from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from services.ports.store import Transaction
from services.store.backup import backup
from services.store.opening import open_store
from tests.contract.store.samples import NOW, Sender, a_row

ROWS = 50


def test_a_backup_while_serving_is_one_moment(sqlite_url: str, tmp_path: Path) -> None:
    """Copies made beside a busy writer open, and hold whole submissions up to some moment, none after another."""
    store = open_store(sqlite_url)
    sender = Sender(store)

    def submit(after: int, tx: Transaction) -> None:
        assert tx.advance_source(sender.source.id, after=after, upto=after + ROWS, submitted=ROWS)
        rows = [a_row(number)._replace(body=bytes(2_000)) for number in range(ROWS)]
        tx.append_outbox(sender.stream.id, sender.source.id, rows, now=NOW)

    positions = []
    for copy in range(3):
        futures = [store.write(partial(submit, (copy * 40 + step) * ROWS)) for step in range(40)]
        path = tmp_path / f"copy-{copy}.sqlite"
        backup(sqlite_url, path)
        for future in futures:
            future.result(30)
        positions.append(position_in(path))
    store.close()
    assert positions == sorted(positions)


def position_in(path: Path) -> int:
    """Return where the source stands in a copy, which must hold exactly as many rows."""
    assert path.stat().st_mode & 0o777 == 0o600
    copy = open_store(f"sqlite:///{path}")
    sender = Sender(copy)
    assert len(sender.pending(1_000_000)) == sender.source.position == sender.source.submitted
    copy.close()
    return sender.source.position


def test_a_backup_overwrites_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """An existing file is left alone."""
    path = tmp_path / "copy.sqlite"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        backup(sqlite_url, path)
    assert path.read_text() == "mine"


def test_postgresql_has_its_own_tools(postgresql_url: str, tmp_path: Path) -> None:
    """PostgreSQL's backups are made by PostgreSQL."""
    with pytest.raises(ValueError, match="pg_dump"):
        backup(postgresql_url, tmp_path / "copy")
