"""A table as a source: what is new or changed goes out once, what is wrong is mended, a password is in no message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from tests.databases import Database
from tests.integration.sources.tables import CONTRIBUTION, NOON, TABLE, TRANSFER, Table, arriving, invented
from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import NANTONG
from tests.integration.support.pairs import Pair
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import Arrivals

UPDATED: Final = ("--updated", "gxsj")
SERIAL: Final = ("--serial", "xh")
NAME: Final = "AAC003"


def told(report: dict[str, Any], *names: str) -> list[int]:
    """Return some counts of a report."""
    return [report[name] for name in names]


def test_new_and_changed_rows(pair: Pair, database: Database) -> None:
    """By time of update: the first run sends all, the next ones what is new or changed, and rows that came late."""
    rows, table, new = invented(30), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    table.create(rows[:20])

    assert told(table.sync(pair, *UPDATED), "read", "submitted", "acknowledged") == [20, 20, 20]
    assert new.records() == arriving(rows[:20])
    assert told(table.sync(pair, *UPDATED), "read", "unchanged") == [20, 20]  # within the overlap
    assert new.count() == 20
    table.change(3, NAME, "改名之后", minutes=30)
    table.insert(rows[20:25], at=NOON + timedelta(minutes=30))
    assert told(table.sync(pair, *UPDATED), "read", "corrected", "unchanged") == [25, 1, 19]
    table.insert(rows[25:], at=NOON + timedelta(minutes=26))  # their transaction began before the last read
    table.insert(rows[:1], at=NOON + timedelta(minutes=24))  # out of the overlap of five minutes
    assert told(table.sync(pair, *UPDATED), "read", "corrected", "unchanged") == [11, 0, 6]
    assert new.count() == 31
    assert arriving(rows) <= new.records()


def test_new_numbers(pair: Pair, database: Database) -> None:
    """By a rising number: old rows are not read again, but those a little below the last, which may come late."""
    rows, table, new = invented(30), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    table.create(rows[:5])
    table.insert(rows[5:10], first=5_000)

    assert told(table.sync(pair, *SERIAL), "read", "submitted") == [10, 10]
    table.insert(rows[10:20], first=4_500)
    assert told(table.sync(pair, *SERIAL), "read", "unchanged", "acknowledged") == [15, 5, 20]
    table.insert(rows[20:], first=6_000)
    assert told(table.sync(pair, *SERIAL, "--overlap", "3"), "read", "unchanged") == [13, 3]
    assert new.records() == arriving(rows)


def test_a_row_that_is_committed_late(pair: Pair, postgres: Any) -> None:
    """A transaction that took its number before others and commits after the read: its rows are found next time."""
    database = Database("", "postgresql", postgres.create_database())
    database.url = database.address
    rows, table, new = invented(6), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    table.create(rows[:2])
    names = ", ".join(table.mapping.columns)
    with psycopg.connect(database.address) as late:
        late.execute(f"CREATE TEMPORARY TABLE waiting AS SELECT * FROM {TABLE} WHERE xh = 1".encode())
        late.execute(f"DELETE FROM {TABLE} WHERE xh = 1".encode())
        late.execute(f"INSERT INTO {TABLE} (gxsj, {names}) SELECT gxsj, {names} FROM waiting".encode())
        table.insert(rows[2:], at=NOON)
        assert told(table.sync(pair, *SERIAL), "submitted") == [6]
        late.execute(f"UPDATE {TABLE} SET {NAME} = '晚到' WHERE xh = 3".encode())
    assert told(table.sync(pair, *SERIAL), "read", "corrected", "unchanged") == [6, 1, 5]
    assert new.count() == 7


def test_a_whole_table_as_a_snapshot(pair: Pair, database: Database) -> None:
    """Read whole every time: changes are sent, and with --snapshot what was deleted is withdrawn."""
    rows, table, new = invented(40), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    table.create(rows)
    assert told(table.sync(pair), "read", "submitted") == [40, 40]

    table.change(3, NAME, "改名之后", minutes=1)
    table.database.execute(f"DELETE FROM {TABLE} WHERE xh IN (7, 8)")
    plan = yrdx(*table.words(pair, verb="plan"), "--snapshot", "--allow-retract", 10_000).json
    report = table.sync(pair, "--snapshot", "--allow-retract", "10000")

    assert told(report, "read", "unchanged", "corrected") == [38, 37, 1]
    assert report["retracted"] == plan["retracted"] >= 2
    assert new.count() == 40 + 1 + report["retracted"]
    assert table.sync(pair, "--snapshot")["submitted"] == 0


def test_grouped_rows_lie_anywhere(pair: Pair, database: Database) -> None:
    """A record's rows need not follow one another in the table; an incremental read, which tears them, is refused."""
    rows, table = invented(12, TRANSFER), Table(database, TRANSFER)
    table.create([*rows[::2], *rows[1::2]])

    report = table.sync(pair)
    assert told(report, "read", "rejected_local", "acknowledged") == [len(rows), 0, 24]
    assert told(table.sync(pair), "unchanged", "submitted") == [24, 0]
    for words in (UPDATED, SERIAL):
        refused = table.ran(pair, *words, code=2)
        assert refused.reason == "USAGE"
        assert "读整表" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("column", "bad", "words"),
    [
        ("AAE140", "999", UPDATED),  # part of the key: nobody knows whose row it is
        ("AAE180", "-1.00", UPDATED),
        *(pytest.param("AAE140", "999", words, marks=pytest.mark.long) for words in ((), SERIAL)),
    ],
)
def test_rejected_rows_are_mended(
    pair: Pair, database: Database, words: tuple[str, ...], column: str, bad: str
) -> None:
    """They stand in a CSV of the dialect with their cells; mended it is sent, and the next run opens none again."""
    rows, table, new = invented(12), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    wrong = [list(row) for row in rows]
    place = table.mapping.columns.index(column)
    good = wrong[4][place]
    wrong[4][place] = bad
    table.create(wrong)

    report = table.sync(pair, *words, code=3)
    assert told(report, "read", "rejected_local", "acknowledged") == [12, 1, 11]
    again = table.sync(pair, *words, code=3)
    assert told(again, "rejected_local", "unchanged") == [1, 11]
    rejects = Sheet.read(Path(again["rejects_file"]), "local")
    assert [cell.lstrip("'") for cell in rejects.column(column)] == [bad]  # no spreadsheet takes it for a formula
    assert rejects.column("AAC002") == [rows[4][table.mapping.columns.index("AAC002")]]
    mended = with_rows(rejects, [rejects.with_cell(2, column, good)]).write(Path(again["rejects_file"]))
    sent = yrdx("rejections", "resubmit", mended, "--home", pair.nantong.path, "--json").json

    assert sent["report"]["acknowledged"] == 1
    assert new.records() == arriving(rows)
    table.database.execute(f"UPDATE {TABLE} SET {column} = '{good}' WHERE xh = 5")
    assert told(table.sync(pair, *words), "rejected_local", "unchanged") == [0, 12]
    listed = yrdx("rejections", "ls", "--home", pair.nantong.path, "--open", "--json").json
    assert not [one for one in listed if one["source"].startswith(report["source"].partition("#")[0])]


@pytest.mark.parametrize("words", [UPDATED, SERIAL])
def test_a_row_that_nobody_could_know_is_mended_in_the_table(
    pair: Pair, database: Database, words: tuple[str, ...]
) -> None:
    """Part of its key is wrong, so its table's own key is what it is known by: read again and good, nothing is open."""
    rows, table, new = invented(6), Table(database), Arrivals(pair.shanghai, NANTONG.code)
    place = table.mapping.columns.index("AAE140")
    wrong = [list(row) for row in rows]
    wrong[2][place] = "999"
    table.create(wrong)
    report = table.sync(pair, *words, code=3)
    assert told(report, "rejected_local", "acknowledged") == [1, 5]

    table.change(3, "AAE140", "998", minutes=1)
    assert told(table.sync(pair, *words, code=3), "rejected_local") == [1]
    (one,) = _open(pair, report)
    table.change(3, "AAE140", rows[2][place], minutes=2)
    mended = table.sync(pair, *words)

    assert told(mended, "rejected_local") == [0]
    assert _open(pair, report) == []
    listed = yrdx("rejections", "ls", "--home", pair.nantong.path, "--json").json
    (closed,) = [found for found in listed if found["id"] == one["id"]]
    assert (closed["open"], closed["closed_reason"]) == (False, "again")
    assert new.records() == arriving(rows)


def _open(pair: Pair, report: dict[str, Any]) -> list[dict[str, Any]]:
    listed = yrdx("rejections", "ls", "--home", pair.nantong.path, "--open", "--json").json
    return [one for one in listed if one["source"] == report["source"]]


def test_where_a_record_comes_from(pair: Pair, database: Database) -> None:
    """Its lineage names table, row and mapping, without user and password."""
    table = Table(database)
    table.create(invented(3))
    table.sync(pair, *SERIAL)
    (stream,) = (one for one in yrdx("outbox", "ls", "--home", pair.nantong.path, "--json").json
                 if one["stream"].endswith(f"{CONTRIBUTION}/0"))  # fmt: skip

    line = ("outbox", "show", stream["stream"], "--sequence", stream["watermark"], "--home", pair.nantong.path)
    found = yrdx(*line, "--json").json

    assert (found["file"], found["row"], found["mapping"]) == (TABLE, 3, table.mapping.version)
    assert found["source"].startswith(f"sql:{database.kind}:")
    assert "yrdx@" not in found["source"]
    assert f"{TABLE}" in yrdx(*line).out


@pytest.mark.parametrize(
    ("words", "code", "reason", "named"),
    [
        (["--sql", "postgresql://u:geheim@127.0.0.1:1/x", "--table", "t"], 2, "USAGE", "env:NAME"),
        (["--sql", "env:TARGET_NONE", "--table", "t"], 2, "USAGE", "TARGET_NONE"),
        (["--sql", "env:TARGET_DATABASE", "--table", "t"], 6, "SOURCE_UNAVAILABLE", "sql.unreachable"),
        (["--sql", "env:TARGET_DATABASE"], 2, "USAGE", "--table"),
        (["--sql", "sqlite:////nowhere/x.sqlite", "--table", "t"], 4, "SOURCE_REFUSED", "file.missing"),
        (["--sql", "hr.sqlite", "--table", "t"], 1, "SOURCE_REFUSED", "sql.url"),
        (["--sql", "sqlite:///x", "--table", "t", "--updated", "u", "--snapshot"], 2, "USAGE", "--snapshot"),
        (["--sql", "sqlite:///x", "--table", "t", "--updated", "u", "--overlap", "x"], 2, "USAGE", "--overlap"),
        (["--sql", "sqlite:///x", "--table", "t", "--serial", "u", "--overlap", "5m"], 2, "USAGE", "--overlap"),
        (["--sql", "sqlite:///x", "--table", "t", "--overlap", "5m"], 2, "USAGE", "--overlap"),
        (["--sql", "sqlite:///x", "--table", "t", "--serial", "a", "--updated", "b"], 2, "USAGE", "--serial"),
        (["--serial", "a"], 2, "USAGE", "FILE"),
    ],
)
def test_mistakes(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, reason: str, named: str
) -> None:
    """Each says in words what to do, ends with its code, and holds no password."""
    monkeypatch.setenv("TARGET_DATABASE", "postgresql://u:geheim@127.0.0.1:1/x")
    home = ("--home", pair.nantong.path, "--to", "310000", "--dataset", CONTRIBUTION)

    ran = yrdx("sync", "run", *words, *home, "--json", code=code)

    assert ran.reason == reason
    assert named in ran.json["error"]["message"]
    assert "geheim" not in ran.out + ran.err
