from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from services.node.bench.postgres import PostgresServer
from services.ports.store import Store, Transaction
from services.store.backup import backup
from services.store.errors import ToolFailed
from services.store.opening import open_store
from services.store.restore import staged
from tests.contract.store.samples import NOW, Sender, a_row, do

ROWS = 50


@pytest.fixture(autouse=True)
def tools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own pg_dump and pg_restore come first on the PATH."""
    if "url" in request.fixturenames or "postgresql_url" in request.fixturenames:
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("PATH", str(server.binaries), prepend=":")


def test_a_backup_while_serving_is_one_moment(
    url: str, store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Copies made beside a busy writer open, and hold whole submissions up to some moment, none after another."""
    sender = Sender(store)

    def submit(after: int, tx: Transaction) -> None:
        assert tx.advance_source(sender.source.id, after=after, upto=after + ROWS, submitted=ROWS)
        rows = [a_row(number)._replace(body=bytes(2_000)) for number in range(ROWS)]
        tx.append_outbox(sender.stream.id, sender.source.id, rows, now=NOW)

    def feed(submissions: range) -> None:
        for number in submissions:
            do(store, partial(submit, number * ROWS))

    copies = [tmp_path / f"copy-{number}" for number in range(3)]
    with ThreadPoolExecutor(1) as feeder:
        for number, copy in enumerate(copies):
            feeding = feeder.submit(feed, range(40 * number, 40 * number + 40))
            backup(url, copy)
            feeding.result(60)
    positions = [position_in(copy, empty_place(url, copy, request)) for copy in copies]
    assert positions == sorted(positions)


def empty_place(url: str, copy: Path, request: pytest.FixtureRequest) -> str:
    """Return where a copy can be staged: a database without tables, or a file that is not there."""
    if url.startswith("sqlite"):
        return f"sqlite:///{copy}.place"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


def position_in(copy: Path, place: str) -> int:
    """Return where the source stands in a copy, which must hold exactly as many rows."""
    assert copy.stat().st_mode & 0o777 == 0o600
    with staged(place, copy) as url:
        store = open_store(url)
        sender = Sender(store)
        assert len(sender.pending(1_000_000)) == sender.source.position == sender.source.submitted
        store.close()
    return sender.source.position


def test_a_backup_overwrites_nothing(url: str, tmp_path: Path) -> None:
    """An existing file is left alone."""
    path = tmp_path / "copy"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        backup(url, path)
    assert path.read_text() == "mine"


def test_without_pg_dump_the_message_says_what_to_install(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is left that looks like a backup."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolFailed, match=r"pg_dump is not on the PATH: install PostgreSQL's client programs"):
        backup(postgresql_url, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_what_pg_dump_complains_about_is_not_repeated(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's programs quote rows in their messages; ours names the command to run by hand."""
    tool = tmp_path / "pg_dump"
    tool.write_text("#!/bin/sh\necho 'CONTEXT: COPY inbox, line 1: 320602199001011234' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ToolFailed, match=r"ended with 1; .* run it by hand: pg_dump --format=custom") as caught:
        backup(postgresql_url, tmp_path / "copy")
    assert "320602199001011234" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [tool]
