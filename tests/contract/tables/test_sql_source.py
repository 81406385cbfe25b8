"""Tables of a city's database: every row once, new ones found again, nothing written, no password shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.tables import (
    BadRow,
    Cell,
    Incremental,
    Progress,
    Row,
    Serial,
    SourceRefused,
    SourceUnavailable,
    UpdateTime,
    open_query,
)
from tests.databases import Database

TABLE = "CREATE TABLE jf (id BIGINT PRIMARY KEY, sfzh VARCHAR(18), je NUMERIC(12,2), csrq DATE, gxsj TIMESTAMP)"
COLUMNS = ("sfzh", "je", "csrq")
NOON = datetime.fromisoformat("2026-03-01 12:00:00")


def inserted(number: int, time: datetime | None = NOON) -> str:
    """A row of the table."""
    moment = f"'{time}'" if time else "NULL"
    return f"INSERT INTO jf VALUES ({number}, 'p{number}', {number}.50, '2026-01-31', {moment})"


def read(
    database: Database,
    columns: Sequence[str] = COLUMNS,
    *,
    table: str = "jf",
    by: Incremental | None = None,
    cursor: str | None = None,
) -> tuple[list[Row[Cell] | BadRow], str | None]:
    """All rows, and the cursor behind them."""
    with open_query(database.url, table, columns, incremental=by, cursor=cursor) as source:
        return list(source), source.cursor


def people(database: Database, by: Incremental, cursor: str | None) -> tuple[list[Cell], str | None]:
    """The first cell of each row that is read, and the cursor behind them."""
    rows, behind = read(database, by=by, cursor=cursor)
    return [row.cells[0] for row in rows], behind


class TestRows:
    """What is handed over."""

    def test_values(self, database: Database) -> None:
        """Values keep their types; rows come by primary key, in the columns' order, whatever the case of names."""
        database.execute(TABLE, inserted(2), inserted(1), "INSERT INTO jf (id) VALUES (3)")
        rows, cursor = read(database, ("SFZH", "csrq", "id"))
        assert [row.number for row in rows] == [1, 2, 3]
        day = date(2026, 1, 31)
        assert [row.cells for row in rows] == [["p1", day, 1], ["p2", day, 2], [None, None, 3]]
        assert cursor is None

    def test_money(self, database: Database) -> None:
        """Decimals are exact where the database has them; SQLite has doubles."""
        database.execute(TABLE, inserted(1))
        ((row,), _) = read(database, ("je", "gxsj"))
        assert row.cells == [Decimal("1.50") if database.kind == "postgresql" else 1.5, NOON]

    def test_name_and_progress(self, database: Database) -> None:
        """The source says what it is and how far it is read."""
        database.execute(TABLE, *map(inserted, range(1, 4)))
        with open_query(database.url, "jf", COLUMNS) as source:
            assert source.typed
            assert source.name.startswith(database.kind)
            assert source.name.endswith("#jf")
            assert source.progress == Progress(0, None, "rows")
            assert [row.number for row in source] == [1, 2, 3]
            assert source.progress == Progress(3, None, "rows")

    def test_views_and_awkward_names(self, database: Database) -> None:
        """Views are read as well; names that need quoting, or try to get out of it, are but names."""
        database.execute(
            'CREATE TABLE "明细 ""x""" ("order" TEXT PRIMARY KEY, "a;b" TEXT)',
            'INSERT INTO "明细 ""x""" VALUES (\'1\', \'2\')',
            'CREATE VIEW "v" AS SELECT "a;b", "order" FROM "明细 ""x"""',
        )
        for table in ('明细 "x"', "v"):
            assert read(database, ("a;b", "order"), table=table) == ([Row(1, ["2", "1"])], None)

    def test_bad_values(self, database: Database) -> None:
        """Bytes and doubles that lost digits are bad rows, named by row and column; the rows around them are good."""
        kind = "BYTEA" if database.kind == "postgresql" else "BLOB"
        database.execute(
            f"CREATE TABLE t (id INT PRIMARY KEY, a {kind}, b DOUBLE PRECISION)",
            "INSERT INTO t (id, a) VALUES (1, '12')" if kind == "BYTEA" else "INSERT INTO t (id, a) VALUES (1, X'31')",
            "INSERT INTO t (id, b) VALUES (2, 320612199001011234)",
            "INSERT INTO t (id, b) VALUES (3, 269.44)",
        )
        first, second, third = read(database, ("a", "b"), table="t")[0]
        assert isinstance(first, BadRow)
        assert isinstance(second, BadRow)
        assert (first.number, first.rule_id, first.column) == (1, "sql.type", "a")
        assert (second.number, second.rule_id, second.column) == (2, "sql.precision", "b")
        assert "3206" not in second.reason
        assert third == Row(3, [None, 269.44])

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("csrq", "infinity"),
            ("csrq", "0044-03-15 BC"),
            ("gxsj", "-infinity"),
            ("gxsj", "10000-01-01"),
            ("z", "infinity"),
        ],
    )
    def test_dates_that_python_cannot_say(self, column: str, value: str, postgresql: Database) -> None:
        """Such a date is a bad row; the rows around it are good."""
        postgresql.execute(
            TABLE,
            "ALTER TABLE jf ADD COLUMN z TIMESTAMPTZ",
            inserted(1).replace(")", ", NULL)"),
            f"INSERT INTO jf (id, {column}) VALUES (2, '{value}')",
            "INSERT INTO jf (id, csrq) VALUES (3, '2026-01-31')",
        )
        first, second, third = read(postgresql, ("id", "csrq", "gxsj", "z"))[0]
        assert isinstance(second, BadRow)
        assert (second.number, second.rule_id, second.column) == (2, "sql.date", column)
        day = date(2026, 1, 31)
        assert (first.cells, third.cells) == ([1, day, NOON, None], [3, day, None, None])

    def test_order(self, database: Database) -> None:
        """Rows of one record follow one another where their columns are named, and keep the primary key's order."""
        database.execute(TABLE, *(inserted(number) for number in (4, 1, 3, 2)))
        database.execute("UPDATE jf SET sfzh = 'a' WHERE id IN (2, 4)", "UPDATE jf SET sfzh = 'b' WHERE id IN (1, 3)")
        with open_query(database.url, "jf", ("id", "sfzh"), order=("SFZH",)) as source:
            assert [row.cells for row in source] == [[2, "a"], [4, "a"], [1, "b"], [3, "b"]]

    def test_many_rows(self, database: Database) -> None:
        """More rows than are fetched at once."""
        database.execute(
            TABLE,
            "INSERT INTO jf (id, sfzh) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
            "SELECT i, 'p' || i FROM n",
        )
        rows, _ = read(database)
        assert [row.number for row in rows] == list(range(1, 5001))
        assert rows[-1].cells[0] == "p5000"


class TestSerial:
    """New rows by a number that rises."""

    BY = Serial("id")

    def test_only_new_rows(self, database: Database) -> None:
        """Each row is read once, and an empty read keeps the cursor."""
        database.execute(TABLE, inserted(1), inserted(2))
        first, cursor = people(database, self.BY, None)
        assert (first, json.loads(cursor or "")["last"]) == (["p1", "p2"], 2)
        assert people(database, self.BY, cursor) == ([], cursor)
        database.execute(inserted(3))
        assert people(database, self.BY, cursor)[0] == ["p3"]

    def test_after_the_rows_read_so_far(self, database: Database) -> None:
        """Whoever stops in the middle goes on behind the row taken last."""
        database.execute(TABLE, *map(inserted, range(1, 6)))
        with open_query(database.url, "jf", COLUMNS, incremental=self.BY) as source:
            assert source.cursor is None
            rows = iter(source)
            next(rows)
            next(rows)
            cursor = source.cursor
        assert people(database, self.BY, cursor)[0] == ["p3", "p4", "p5"]

    def test_late_commits(self, database: Database) -> None:
        """With an overlap, a lower number that appears late is found; the cursor is not set back by it."""
        by = Serial("id", overlap=3)
        database.execute(TABLE, inserted(1), inserted(2), inserted(5))
        _, cursor = people(database, by, None)
        database.execute(inserted(4))
        again, behind = people(database, by, cursor)
        assert again == ["p4", "p5"]
        assert behind == cursor

    def test_no_serial(self, database: Database) -> None:
        """Text is no serial."""
        database.execute(TABLE, inserted(1))
        with pytest.raises(SourceRefused) as raised:
            read(database, by=Serial("sfzh"))
        assert (raised.value.rule_id, raised.value.row) == ("sql.cursor_type", 1)
        assert "p1" not in str(raised.value)


class TestUpdateTime:
    """New and changed rows by when they were changed."""

    BY = UpdateTime("gxsj", overlap_s=60)

    def test_changed_rows(self, database: Database) -> None:
        """Rows come by time; those since the last time less the overlap come again, others do not."""
        times = [NOON + timedelta(seconds=seconds) for seconds in (200, 0, 141, 139)]
        database.execute(TABLE, *(inserted(number, time) for number, time in enumerate(times, 1)))
        first, cursor = people(database, self.BY, None)
        assert first == ["p2", "p4", "p3", "p1"]
        assert people(database, self.BY, cursor) == (["p3", "p1"], cursor)
        later = NOON + timedelta(seconds=300.5)
        database.execute(f"UPDATE jf SET je = 9, gxsj = '{later}' WHERE id = 2")
        again, behind = people(database, self.BY, cursor)
        assert again == ["p3", "p1", "p2"]
        assert people(database, self.BY, behind)[0] == ["p2"]

    def test_the_same_time(self, database: Database) -> None:
        """Without an overlap, rows of the last time still come again: others of that time may have come late."""
        database.execute(TABLE, inserted(1), inserted(2))
        _, cursor = people(database, UpdateTime("gxsj", overlap_s=0), None)
        database.execute(inserted(3))
        assert people(database, UpdateTime("gxsj", overlap_s=0), cursor)[0] == ["p1", "p2", "p3"]

    def test_rows_without_a_time(self, database: Database) -> None:
        """They come every time."""
        database.execute(TABLE, inserted(1, NOON - timedelta(days=1)), inserted(2, None), inserted(3))
        first, cursor = people(database, self.BY, None)
        assert set(first) == {"p1", "p2", "p3"}
        assert set(people(database, self.BY, cursor)[0]) == {"p2", "p3"}

    def test_times_that_python_cannot_say(self, postgresql: Database) -> None:
        """A time of update behind all times is passed over, and its row comes every time."""
        postgresql.execute(TABLE, inserted(1), inserted(2).replace(f"'{NOON}'", "'infinity'"))
        first, cursor = people(postgresql, self.BY, None)
        assert first == ["p1", "p2"]
        assert people(postgresql, self.BY, cursor) == (first, cursor)

    def test_dates(self, database: Database) -> None:
        """A date alone is a time of update too: its whole day comes again."""
        database.execute(TABLE, inserted(1), inserted(2))
        by = UpdateTime("csrq", overlap_s=60)
        _, cursor = people(database, by, None)
        database.execute("UPDATE jf SET csrq = '2026-01-29' WHERE id = 1")
        assert people(database, by, cursor)[0] == ["p2"]

    def test_times_with_zones(self, postgresql: Database) -> None:
        """PostgreSQL keeps the zone, and so does the cursor."""
        postgresql.execute(
            "CREATE TABLE t (a TEXT, gxsj TIMESTAMPTZ)", "INSERT INTO t VALUES ('x', '2026-03-01 12:00+08')"
        )
        rows, cursor = read(postgresql, ("a",), table="t", by=self.BY)
        assert len(rows) == 1
        postgresql.execute("INSERT INTO t VALUES ('old', '2026-03-01 03:58:59+00'), ('new', '2026-03-01 03:59:01+00')")
        assert [row.cells for row in read(postgresql, ("a",), table="t", by=self.BY, cursor=cursor)[0]] == [
            ["new"],
            ["x"],
        ]

    @pytest.mark.parametrize("text", ["yesterday", "20260301120000", "2026-03-01 12:00:00+08:00"])
    def test_no_time(self, text: str, sqlite_file: Database) -> None:
        """Text that cannot be compared as a time is refused, not guessed."""
        sqlite_file.execute(TABLE, f"INSERT INTO jf (id, gxsj) VALUES (1, '{text}')")
        with pytest.raises(SourceRefused) as raised:
            read(sqlite_file, by=self.BY)
        assert raised.value.rule_id == "sql.cursor_type"
        assert text not in raised.value.reason


class TestRefusals:
    """What stops a table, told in our own words."""

    @pytest.mark.parametrize(
        ("table", "columns", "rule_id", "column"),
        [
            ("none", COLUMNS, "sql.table", ""),
            ("none.jf", COLUMNS, "sql.table", ""),
            ("jf; DROP TABLE jf", COLUMNS, "sql.table", ""),
            ("jf", ("sfzh", "none"), "sql.column", "none"),
            ("jf", ("sfzh, je",), "sql.column", "sfzh, je"),
        ],
    )
    def test_names(self, table: str, columns: tuple[str, ...], rule_id: str, column: str, database: Database) -> None:
        """Tables and columns that the database does not know."""
        database.execute(TABLE)
        with pytest.raises(SourceRefused) as raised:
            read(database, columns, table=table)
        assert (raised.value.rule_id, raised.value.column) == (rule_id, column)
        assert read(database) == ([], None)

    def test_incremental_column(self, database: Database) -> None:
        """A lacking incremental column is named as well."""
        database.execute(TABLE)
        with pytest.raises(SourceRefused) as raised:
            read(database, by=Serial("none"))
        assert (raised.value.rule_id, raised.value.column) == ("sql.column", "none")

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "[]",
            "{}",
            '{"column": "id", "kind": "int"}',
            '{"column": "other", "kind": "int", "last": 1}',
            '{"column": "id", "kind": "int", "last": "1"}',
            '{"column": "id", "kind": "int", "last": true}',
            '{"column": "id", "kind": "datetime", "last": "2026-03-01T12:00:00"}',
            "[" * 100_000,
        ],
    )
    def test_cursors(self, cursor: str, sqlite_file: Database) -> None:
        """A cursor of another column or kind is refused, not guessed."""
        sqlite_file.execute(TABLE)
        with pytest.raises(SourceRefused) as raised:
            read(sqlite_file, by=Serial("id"), cursor=cursor)
        assert raised.value.rule_id == "sql.cursor"

    def test_schemas(self, postgresql: Database) -> None:
        """A table is found in its schema; the same name elsewhere is another table."""
        postgresql.execute(
            "CREATE SCHEMA rs", "CREATE TABLE rs.jf (sfzh TEXT)", "INSERT INTO rs.jf VALUES ('x')", TABLE
        )
        assert read(postgresql, ("sfzh",), table="rs.jf")[0] == [Row(1, ["x"])]
        assert read(postgresql, ("sfzh",), table="RS.JF")[0] == [Row(1, ["x"])]
        assert read(postgresql, ("sfzh",))[0] == []

    def test_nothing_is_written(self, postgresql: Database) -> None:
        """Even a view that would write cannot."""
        postgresql.execute(
            TABLE,
            "CREATE FUNCTION f() RETURNS TEXT LANGUAGE SQL AS $$ INSERT INTO jf (id) VALUES (1) RETURNING 'x' $$",
            "CREATE VIEW v AS SELECT f() AS a",
        )
        with pytest.raises(SourceRefused) as raised:
            read(postgresql, ("a",), table="v")
        assert raised.value.rule_id == "sql.failed"
        assert "25006" in raised.value.reason

    @pytest.mark.parametrize(
        ("url", "kind", "rule_id"),
        [
            ("no url", SourceRefused, "sql.url"),
            ("postgresql://u:secret@/x?host=/nowhere", SourceUnavailable, "sql.unreachable"),
            ("postgresql://u:secret@127.0.0.1:1/x", SourceUnavailable, "sql.unreachable"),
            ("oracle://u:secret@127.0.0.1/x", SourceRefused, "sql.driver"),
            ("nothing://u:secret@127.0.0.1/x?password=secret", SourceRefused, "sql.driver"),
            ("sqlite:////nowhere/x.sqlite?key=secret", SourceRefused, "file.missing"),
        ],
    )
    def test_databases(self, url: str, kind: type[SourceRefused], rule_id: str) -> None:
        """Wrong addresses, missing drivers, unreachable servers: never with a password."""
        with pytest.raises(kind) as raised, open_query(url, "jf", COLUMNS):
            pass
        assert raised.value.rule_id == rule_id
        assert "secret" not in f"{raised.value!r}{raised.value}"
        assert raised.value.__cause__ is None

    def test_another_login(self, postgresql: Database) -> None:
        """A user whom the server does not know."""
        with (
            pytest.raises(SourceUnavailable) as raised,
            open_query(postgresql.url.replace("yrdx@", "nobody:secret@"), "jf", COLUMNS),
        ):
            pass
        assert raised.value.rule_id == "sql.unreachable"
        assert "nobody" not in str(raised.value)

    def test_no_database_file(self, sqlite_file: Database) -> None:
        """A file that is no database."""
        Path(sqlite_file.address).write_bytes(b"a,b\n" * 1000)
        with pytest.raises(SourceRefused) as raised:
            read(sqlite_file)
        assert raised.value.rule_id == "sql.failed"
