"""Sinks under kill -9 of themselves, of the node and of the database, and with a target restored from a backup."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from adapters.mapping import load_mapping
from adapters.tables import open_table
from services.node.bench.postgres import PostgresServer
from services.node.sync.inputs import layout_of
from services.wire.datasets import load_datasets
from tests.databases import Database, postgresql_database, sqlite_database
from tests.integration.sinks.targets import CONTRIBUTION, NAMES, TRANSFER, LocalFile, Rows, Table, expected_rows, send
from tests.integration.support.commands import finish, start_yrdx, yrdx
from tests.integration.support.nodes import SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.waiting import until

PEOPLE: Final = {CONTRIBUTION: 16_000, TRANSFER: 6_000}
FEW: Final = 60


def moved(table: Table) -> None:
    """Wait until a sink has written something more."""
    before = cursor_of(table)
    until("the sink writes", lambda: cursor_of(table) > before, timeout_s=60)


def cursor_of(table: Table) -> int:
    """Where the sink stands; 0 before it has made its tables."""
    kinds = {"sqlite": "sqlite_master WHERE name", "postgresql": "pg_tables WHERE tablename"}
    known = table.database.rows(f"SELECT 1 FROM {kinds[table.database.kind]} = 'yrdx_sink'")
    return table.cursor() if known else 0


def storm(pair: Pair, table: Table, kill: Callable[[], None], *, times: int) -> None:
    """Have one sink write while something else is killed, each time once it has written more; then it is killed."""
    process = start_yrdx(*table.words(pair.shanghai))
    for _ in range(times):
        moved(table)
        kill()
    assert process.poll() is None
    process.kill()
    finish(process, code=-9)


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("dataset", [CONTRIBUTION, TRANSFER])
def test_everything_dies_and_each_record_stands_once(
    pair: Pair, tmp_path: Path, postgres: PostgresServer, dataset: str
) -> None:
    """The sink, the node and PostgreSQL are killed with -9 in the middle; the same sink goes on after the last two."""
    file = LocalFile.make(tmp_path / "many.csv", dataset, seed=41_000 + len(dataset), people=PEOPLE[dataset])
    send(pair, file.path, dataset)
    table = Table(postgresql_database(postgres), dataset, typed=True)
    table.create(pair.shanghai)

    def kill_node() -> None:
        pair.shanghai.kill()
        pair.shanghai.restart()

    def kill_database() -> None:
        postgres.kill()
        postgres.start()

    storm(pair, table, kill_database, times=2)
    assert table.rows().total() < expected_rows(pair.shanghai, dataset).total()
    table.fill(pair.shanghai)
    assert table.rows() == table.expected(pair.shanghai)

    records = file.records()
    half = file.write(file.changed(records, 7, NAMES[dataset], "改名之后")[: len(records) // 2], name="half.csv")
    send(pair, half.path, dataset, "--snapshot", "--allow-retract", 100_000)
    storm(pair, table, kill_node, times=1)
    table.fill(pair.shanghai)
    assert table.rows() == table.expected(pair.shanghai)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restored_target_catches_up(pair: Pair, tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """An older backup holds rows and cursor of one moment: the next run adds exactly what is missing."""
    file = LocalFile.make(tmp_path / "a.csv", CONTRIBUTION, seed=42_000 + len(kind), people=FEW)
    send(pair, file.path, CONTRIBUTION)
    database = _database(kind, tmp_path, request)
    table = Table(database, CONTRIBUTION, typed=False)
    table.create(pair.shanghai)
    table.fill(pair.shanghai)
    _back_up(database)
    records = file.records()
    changed = file.changed(records, 1, "AAC003", "备份之后")
    send(pair, file.write(changed[:-3], name="b.csv").path, CONTRIBUTION, "--snapshot", "--allow-retract", 100_000)
    table.fill(pair.shanghai)
    newest = table.rows()

    _restore(database)
    assert table.rows() != newest
    table.fill(pair.shanghai)

    assert table.rows() == newest == table.expected(pair.shanghai)


@pytest.mark.long
def test_a_sink_waits_for_what_is_away(pair: Pair, tmp_path: Path) -> None:
    """A database that is locked and a node that is down end no sink without --once: it says so and goes on."""
    file = LocalFile.make(tmp_path / "a.csv", CONTRIBUTION, seed=43_000, people=FEW)
    send(pair, file.path, CONTRIBUTION)
    table = Table(sqlite_database(tmp_path / "hr.sqlite"), CONTRIBUTION, typed=False)
    table.create(pair.shanghai)
    process = start_yrdx(*table.words(pair.shanghai))
    moved(table)

    pair.shanghai.kill()
    time.sleep(2.0)
    pair.shanghai.restart()
    more = LocalFile.make(tmp_path / "b.csv", CONTRIBUTION, seed=43_001, people=FEW)
    send(pair, more.path, CONTRIBUTION)

    until("the sink goes on", lambda: table.rows() == table.expected(pair.shanghai), timeout_s=30)
    assert process.poll() is None
    process.kill()
    finish(process, code=-9)


class Folder:
    """A folder of CSV files and a consumer that takes them away in order and does what they say."""

    def __init__(self, path: Path, dataset: str) -> None:
        self.path = path
        self._mapping = load_mapping(SHANGHAI.dialect, dataset)
        self._places = self._mapping.places_of(load_datasets().find(dataset, "1").identifying_fields)
        self._standing: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        self.files: list[str] = []

    def words(self, pair: Pair, *more: object) -> list[object]:
        """Return the command line of its sink."""
        dataset = self._mapping.dataset
        return ["sink", "run", "--home", pair.shanghai.path, "--dataset", dataset, "--csv", self.path, "--json", *more]

    def take(self) -> None:
        """Take away what has its name."""
        for file in sorted(self.path.glob("*.csv")):
            self._do(file)
            self.files.append(file.name)
            file.unlink()

    def rows(self) -> Rows:
        """Return what stands after all files."""
        return Counter(row for rows in self._standing.values() for row in rows)

    def _do(self, file: Path) -> None:
        with open_table(file, layout_of(self._mapping)) as source:
            rows = [tuple(map(str, row.cells)) for row in source]
        subjects: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for row in rows:
            subjects.setdefault(self._key(row), []).append(row)
        withdrawn = file.stem.endswith("-withdrawn")
        for key, of_subject in subjects.items():
            self._standing[key] = [] if withdrawn else of_subject

    def _key(self, row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(row[place] for place in self._places)


@pytest.mark.parametrize("dataset", [CONTRIBUTION, TRANSFER])
def test_a_folder_of_csv(pair: Pair, tmp_path: Path, dataset: str) -> None:
    """Files in the dialect's own shape: whoever reads them in order, and takes them away, has what the inbox says."""
    file = LocalFile.make(tmp_path / "a.csv", dataset, seed=44_000 + len(dataset), people=FEW)
    send(pair, file.path, dataset)
    folder = Folder(tmp_path / "incoming", dataset)
    yrdx(*folder.words(pair, "--once"))
    folder.take()
    assert folder.rows() == expected_rows(pair.shanghai, dataset)

    fewer = file.write(file.changed(file.records(), 1, NAMES[dataset], "改名之后")[:-2], name="b.csv")
    send(pair, fewer.path, dataset, "--snapshot", "--allow-retract", 100_000)
    yrdx(*folder.words(pair, "--once"))
    folder.take()

    assert folder.rows() == expected_rows(pair.shanghai, dataset)
    assert any(name.endswith("-withdrawn.csv") for name in folder.files)
    yrdx(*folder.words(pair, "--once"))
    assert not list(folder.path.glob("*.csv"))


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_folder_whose_sink_is_killed(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed again and again at any moment while a consumer takes files away: no row is lost, no file comes twice."""
    file = LocalFile.make(tmp_path / "many.csv", CONTRIBUTION, seed=45_000, people=4_000)
    send(pair, file.path, CONTRIBUTION)
    folder = Folder(tmp_path / "incoming", CONTRIBUTION)
    for pause_ms in range(600, 2_400, 150):
        process = start_yrdx(*folder.words(pair, "--once"))
        time.sleep(pause_ms / 1_000)
        process.kill()
        finish(process, code=(0, -9))
        folder.take()
    yrdx(*folder.words(pair, "--once"))
    folder.take()

    assert folder.rows() == expected_rows(pair.shanghai, CONTRIBUTION)
    assert len(set(folder.files)) == len(folder.files)


def _database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    if kind == "sqlite":
        return sqlite_database(folder / "receiver.sqlite")
    return postgresql_database(request.getfixturevalue("postgres"))


def _back_up(database: Database) -> None:
    if database.kind == "sqlite":
        shutil.copy(database.address, f"{database.address}.backup")
    else:
        name = _name_of(database)
        _other(database).execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}")


def _restore(database: Database) -> None:
    if database.kind == "sqlite":
        shutil.copy(f"{database.address}.backup", database.address)
    else:
        name = _name_of(database)
        _other(database).execute(f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {name}_backup")


def _name_of(database: Database) -> str:
    return database.address.partition("@/")[2].partition("?")[0]


def _other(database: Database) -> Database:
    return Database("", database.kind, database.address.replace(_name_of(database), "postgres"))
