"""A table as a sink: what was received stands in it once and exactly, and the cursor moves with it or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest

from adapters.tables import SinkMoved, SinkRefused, SinkUnavailable
from adapters.tables.sql_sink import Change, SqlSink
from adapters.tables.sql_values import Value
from tests.databases import Database

STREAM = "320600/310000/social.contribution/0"
TABLE = "CREATE TABLE jf (sfzh VARCHAR(18) NOT NULL, ny INTEGER, je NUMERIC(12,2), mc VARCHAR(4))"
COLUMNS = ("sfzh", "ny", "je", "mc")
KEY = ("sfzh", "ny")
_OPENED: list[SqlSink] = []
ALL = "SELECT sfzh, ny, je, mc FROM jf ORDER BY sfzh, ny, je"


def sink_of(database: Database, *, table: str = "jf", columns: Sequence[str] = COLUMNS, name: str = "hr") -> SqlSink:
    """Open a sink."""
    return opened(database.url, table, columns, [column for column in columns if column in KEY], name=name)


def opened(url: str, table: str, columns: Sequence[str], key: Sequence[str], *, name: str = "hr") -> SqlSink:
    """Open a sink that is closed after the test."""
    sink = SqlSink(url, table, columns, key, name=name)
    _OPENED.append(sink)
    return sink


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def stands(position: int, person: str, *more: tuple[Value, ...], month: int | None = 1) -> Change:
    """A record with a row for each amount and word."""
    rows = [(person, month, *cells) for cells in more]
    return Change(position, (person, month), rows)


def withdrawn(position: int, person: str, *, month: int | None = 1) -> Change:
    """A record that takes another back."""
    return Change(position, (person, month), ())


def one(number: int, word: str = "甲") -> tuple[Value, ...]:
    """The cells of a row behind its key."""
    return Decimal(number), word


def refused_rows(database: Database) -> list[tuple[int, str]]:
    """What ``yrdx_refused`` lists."""
    return [(row[0], row[1]) for row in database.rows("SELECT position, reason FROM yrdx_refused ORDER BY position")]


@pytest.fixture
def sink(database: Database) -> SqlSink:
    """A sink into an empty table."""
    database.execute(TABLE)
    return sink_of(database)


class TestChanges:
    """What changes do to the rows."""

    def test_upserts_and_deletes(self, database: Database, sink: SqlSink) -> None:
        """A record replaces its subject's rows, a withdrawal deletes them, others stay."""
        sink.apply(STREAM, [stands(1, "a", one(1)), stands(2, "b", one(2)), stands(3, "c", one(3))], after=0)
        sink.apply(STREAM, [stands(4, "a", one(9, "乙")), withdrawn(6, "b"), withdrawn(7, "nobody")], after=3)
        assert database.rows(ALL) == [("a", 1, 9, "乙"), ("c", 1, 3, "甲")]
        assert sink.cursors() == {STREAM: 7}

    def test_the_last_word_of_a_page_counts(self, database: Database, sink: SqlSink) -> None:
        """Of several changes of one subject in a page only the last one stands, a withdrawal too."""
        page = [stands(1, "a", one(1)), stands(2, "a", one(2)), stands(3, "b", one(3)), withdrawn(4, "b")]
        sink.apply(STREAM, [*page, withdrawn(5, "c"), stands(6, "c", one(6))], after=0)
        assert database.rows(ALL) == [("a", 1, 2, "甲"), ("c", 1, 6, "甲")]

    def test_records_of_several_rows(self, database: Database, sink: SqlSink) -> None:
        """All rows of a record are replaced together, be they more or fewer than before."""
        sink.apply(STREAM, [stands(1, "a", one(1), one(2), one(3)), stands(2, "b", one(1), one(1))], after=0)
        sink.apply(STREAM, [stands(3, "a", one(7))], after=2)
        assert database.rows(ALL) == [("a", 1, 7, "甲"), ("b", 1, 1, "甲"), ("b", 1, 1, "甲")]

    def test_keys_with_nothing_in_them(self, database: Database, sink: SqlSink) -> None:
        """NULL in a key is a key like any other: replaced and deleted, and not that of other rows."""
        nobody = [stands(1, "a", one(1), month=None), stands(2, "a", one(2)), stands(3, "b", one(3), month=None)]
        sink.apply(STREAM, nobody, after=0)
        sink.apply(STREAM, [stands(4, "a", one(9), month=None), withdrawn(5, "b", month=None)], after=3)
        assert set(database.rows(ALL)) == {("a", None, 9, "甲"), ("a", 1, 2, "甲")}

    def test_many_changes(self, database: Database, sink: SqlSink) -> None:
        """More keys than one statement deletes."""
        for start in (0, 1_000):
            sink.apply(STREAM, [stands(start + n, f"p{n:04}", one(n + start)) for n in range(1, 1_001)], after=start)
        found = database.rows("SELECT COUNT(*), COUNT(DISTINCT sfzh), SUM(je) FROM jf")
        assert found == [(1_000, 1_000, sum(range(1_001, 2_001)))]


class TestValues:
    """Values arrive as they are, or the record is refused."""

    def test_exact(self, database: Database) -> None:
        """Money, days, times and long texts are read back as they were written; the empty cell is NULL."""
        database.execute("CREATE TABLE jf (sfzh TEXT, je NUMERIC(18,2), rq DATE, sj TIMESTAMP, bl DECIMAL(9,6))")
        columns = ("sfzh", "je", "rq", "sj", "bl")
        noon, text = datetime.fromisoformat("2026-03-01T12:00:01"), "长" * 100_000 + "'\"\\%s\n𠮷"
        row: tuple[Value, ...] = (text, Decimal("9999999999999.99"), date(2026, 2, 28), noon, Decimal("0.080000"))
        sink = opened(database.url, "jf", columns, ("sfzh",))
        sink.apply(STREAM, [Change(1, (text,), [row]), Change(2, ("x",), [("x", None, None, None, None)])], after=0)
        assert database.rows("SELECT sfzh, rq FROM jf WHERE je IS NULL") == [("x", None)]
        ((found, amount, day, moment, rate),) = database.rows("SELECT * FROM jf WHERE je IS NOT NULL")
        assert (found, Decimal(str(amount)), Decimal(str(rate))) == (text, row[1], Decimal("0.08"))
        assert (str(day), str(moment)[:19]) == ("2026-02-28", "2026-03-01 12:00:01")

    def test_instants_with_zone(self, postgresql: Database) -> None:
        """A local time goes into a column with zone as the delta's, whatever the server's zone is."""
        postgresql.execute("CREATE TABLE jf (sfzh TEXT, sj TIMESTAMPTZ)")
        sink = opened(postgresql.url, "jf", ("sfzh", "sj"), ("sfzh",))
        sink.apply(STREAM, [Change(1, ("a",), [("a", datetime.fromisoformat("2026-03-01T08:00"))])], after=0)
        ((moment,),) = postgresql.rows("SELECT sj FROM jf")
        assert moment == datetime(2026, 3, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("NUMERIC(12,2)", Decimal("0.005")),
            ("INTEGER", Decimal("1.5")),
            ("INTEGER", 2**70),
            ("BIGINT", "x"),
            ("DATE", datetime.fromisoformat("2026-03-01T12:00")),
            ("DATE", "2026-02"),
            ("TIMESTAMP", "noon"),
            ("REAL", Decimal("12345678901234567.8")),
            ("DOUBLE PRECISION", Decimal("1234567890123456.7")),
        ],
    )
    def test_inexact(self, database: Database, kind: str, value: Value) -> None:
        """What a column would round, cut or misread is refused by the column's name; other records go on."""
        if database.kind == "sqlite" and kind == "NUMERIC(12,2)":
            pytest.skip("SQLite's decimals have no scale: 0.005 is kept as it is")
        database.execute(f"CREATE TABLE jf (sfzh TEXT, je {kind})")
        sink = opened(database.url, "jf", ("sfzh", "je"), ("sfzh",))
        page = [Change(1, ("a",), [("a", value)]), Change(2, ("b",), [("b", None)])]
        assert sink.apply(STREAM, page, after=0) == 1
        assert database.rows("SELECT sfzh FROM jf") == [("b",)]
        assert refused_rows(database) == [(1, "value je")]

    def test_sqlite_keeps_15_digits(self, sqlite_file: Database) -> None:
        """SQLite's decimals are binary: one of 16 digits would change, so it is refused."""
        sqlite_file.execute(TABLE)
        sink = sink_of(sqlite_file)
        assert sink.apply(STREAM, [stands(1, "a", (Decimal("12345678901234.56"), ""))], after=0) == 1

    def test_fixed_length_keys(self, database: Database) -> None:
        """Keys in columns that pad with blanks are found again."""
        database.execute(TABLE.replace("VARCHAR(18)", "CHAR(18)"))
        sink = sink_of(database)
        sink.apply(STREAM, [stands(1, "a", one(1)), stands(2, "b", one(1))], after=0)
        sink.apply(STREAM, [stands(3, "a", one(2)), withdrawn(4, "b")], after=2)
        assert [row[2] for row in database.rows(ALL)] == [2]

    def test_textual_columns(self, database: Database) -> None:
        """The sink says which columns take the dialect's own texts."""
        database.execute(TABLE)
        assert sink_of(database).textual == (True, False, False, True)


class TestRefused:
    """Records that the table does not take."""

    def test_the_rest_goes_on(self, database: Database) -> None:
        """Each is listed with its place and why, never with a value; the others stand, the cursor is behind all."""
        database.execute(TABLE.replace("mc VARCHAR(4)", "mc VARCHAR(4) NOT NULL CHECK (length(mc) < 3)"))
        sink = sink_of(database)
        page = [stands(1, "a", one(1)), stands(2, "b", one(2, "三个字")), stands(3, "c", (Decimal(3), None))]
        assert sink.apply(STREAM, [*page, stands(4, "d", one(4)), Change(5, (), (), "code.unknown")], after=0) == 3
        assert [row[0] for row in database.rows(ALL)] == ["a", "d"]
        assert sink.cursors() == {STREAM: 5}
        listed = refused_rows(database)
        assert [position for position, _ in listed] == [2, 3, 5]
        reasons = [reason for _, reason in listed]
        if database.kind == "postgresql":
            assert reasons == ["23514 jf_mc_check", "23502 mc", "code.unknown"]
        else:
            assert reasons == ["SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT", "code.unknown"]

    def test_a_refused_correction_leaves_what_stood(self, database: Database, sink: SqlSink) -> None:
        """A record is taken whole or not at all: of its rows none is written, none deleted."""
        sink.apply(STREAM, [stands(1, "a", one(1), one(2))], after=0)
        wrong = stands(2, "a", one(7), (Decimal("0.001") if database.kind == "postgresql" else "x", "甲"))
        assert sink.apply(STREAM, [wrong], after=1) == 1
        assert [row[2] for row in database.rows(ALL)] == [1, 2]

    def test_too_long(self, postgresql: Database) -> None:
        """PostgreSQL says which class of fault; the text itself is in no message."""
        postgresql.execute(TABLE)
        assert sink_of(postgresql).apply(STREAM, [stands(1, "a", one(1, "五个字的名"))], after=0) == 1
        assert refused_rows(postgresql) == [(1, "22001")]

    def test_nul(self, postgresql: Database) -> None:
        """PostgreSQL has no NUL in texts."""
        postgresql.execute(TABLE)
        assert sink_of(postgresql).apply(STREAM, [stands(1, "a\0", one(1)), stands(2, "b", one(2))], after=0) == 1
        assert [row[0] for row in postgresql.rows(ALL)] == ["b"]

    def test_columns_of_other_types(self, postgresql: Database) -> None:
        """Words of an enumeration and truths that the table does not know are refused, known ones written."""
        postgresql.execute("CREATE TYPE zt AS ENUM ('在保')", "CREATE TABLE jf (sfzh TEXT, z zt, b BOOLEAN)")
        sink = opened(postgresql.url, "jf", ("sfzh", "z", "b"), ("sfzh",))
        rows: list[tuple[Value, ...]] = [("a", "在保", True), ("b", "停保", True), ("c", "在保", "是")]
        page = [Change(number, (row[0],), [row]) for number, row in enumerate(rows, 1)]
        assert sink.apply(STREAM, page, after=0) == 2
        assert postgresql.rows("SELECT sfzh FROM jf") == [("a",)]


class TestCursor:
    """The cursor stands in the database, in the transaction of the rows."""

    def test_streams_and_names(self, database: Database, sink: SqlSink) -> None:
        """Each name has its own cursor for each stream."""
        other = sink_of(database, name="other")
        sink.apply(STREAM, [stands(4, "a", one(1))], after=0)
        sink.apply("320500/310000/social.contribution/0", [stands(2, "b", one(1))], after=0)
        assert sink.cursors() == {STREAM: 4, "320500/310000/social.contribution/0": 2}
        assert other.cursors() == {}

    def test_two_sinks_of_one_name(self, database: Database, sink: SqlSink) -> None:
        """The second one writes nothing, is told so in words, and may read the cursor and go on."""
        second = sink_of(database)
        sink.apply(STREAM, [stands(1, "a", one(1))], after=0)
        for after in (0, 7):
            with pytest.raises(SinkMoved, match=r"名称 · another sink named hr .* --name"):
                second.apply(STREAM, [stands(9, "b", one(2))], after=after)
        assert [row[0] for row in database.rows(ALL)] == ["a"]
        second.apply(STREAM, [stands(9, "b", one(2))], after=second.cursors()[STREAM])
        with pytest.raises(SinkMoved):
            sink.apply(STREAM, [stands(2, "c", one(3))], after=1)
        assert [row[0] for row in database.rows(ALL)] == ["a", "b"]

    def test_a_page_whose_transaction_dies(self, database: Database, sink: SqlSink) -> None:
        """When the last statement fails, neither rows nor cursor of the page are there."""
        sink.apply(STREAM, [stands(1, "a", one(1))], after=0)
        database.execute("DROP TABLE yrdx_refused")
        with pytest.raises(SinkRefused):
            sink.apply(STREAM, [withdrawn(2, "a"), stands(3, "b", one(1)), Change(4, (), (), "wrong")], after=1)
        assert [row[0] for row in database.rows(ALL)] == ["a"]
        assert sink.cursors() == {STREAM: 1}

    def test_technical_tables_stand_beside_their_target(self, postgresql: Database) -> None:
        """In the schema of the table, where its owner may make tables; a second sink finds them."""
        postgresql.execute("CREATE SCHEMA hr", TABLE.replace("jf", "hr.jf"), TABLE.replace("sfzh", "other"))
        for after in (0, 1):
            sink = sink_of(postgresql, table="hr.jf")
            sink.apply(STREAM, [stands(after + 1, "a", one(1))], after=after)
        assert postgresql.rows("SELECT sink, position FROM hr.yrdx_sink") == [("hr", 2)]
        assert postgresql.rows("SELECT sfzh FROM hr.jf") == [("a",)]

    def test_a_restored_target_is_filled_up(self, sqlite_file: Database, tmp_path: Path) -> None:
        """A copy of the database from before is read into again from its own cursor."""
        sqlite_file.execute(TABLE)
        sink_of(sqlite_file).apply(STREAM, [stands(1, "a", one(1))], after=0)
        before = Path(sqlite_file.address).read_bytes()
        sink_of(sqlite_file).apply(STREAM, [stands(2, "a", one(2))], after=1)
        Path(sqlite_file.address).write_bytes(before)
        again = sink_of(sqlite_file)
        assert again.cursors() == {STREAM: 1}
        again.apply(STREAM, [stands(2, "a", one(2))], after=1)
        assert sqlite_file.rows(ALL) == [("a", 1, 2, "甲")]


class TestRefusals:
    """Targets that cannot be used, each told in words and before anything is written."""

    @pytest.mark.parametrize(
        ("table", "columns", "rule_id", "named"),
        [
            ("none", COLUMNS, "sql.table", "none"),
            ("none.jf", COLUMNS, "sql.table", "none.jf"),
            ("jf; DROP TABLE jf", COLUMNS, "sql.table", "DROP"),
            ("jf", (*COLUMNS, "xm", "xb"), "sql.column", "xm, xb"),
            ("jf", ("ny", "je"), "sql.unfilled", "sfzh"),
        ],
    )
    def test_tables(self, database: Database, table: str, columns: tuple[str, ...], rule_id: str, named: str) -> None:
        """A table or columns that are not there, a column that would stay empty and must not."""
        database.execute(TABLE)
        with pytest.raises(SinkRefused) as raised:
            sink_of(database, table=table, columns=columns)
        assert raised.value.rule_id == rule_id
        assert named in str(raised.value)
        assert " · " in str(raised.value)
        assert not _has_technical_tables(database)

    def test_columns_that_fill_themselves(self, database: Database) -> None:
        """A key of its own and defaults are no reason to refuse, and names may be in upper case."""
        key = "SERIAL" if database.kind == "postgresql" else "INTEGER"
        database.execute(f"CREATE TABLE Jf (id {key} PRIMARY KEY, t TEXT NOT NULL DEFAULT 'x', sfzh TEXT, Ny INT)")
        sink = opened(database.url, "JF", ("SFZH", "NY"), ("SFZH",))
        sink.apply(STREAM, [Change(1, ("a",), [("a", 1)])], after=0)
        assert database.rows("SELECT id, t, sfzh, ny FROM jf") == [(1, "x", "a", 1)]

    def test_index(self, database: Database, sink: SqlSink) -> None:
        """Whether an index begins with the key, in any order; a wider one does, a narrower one does not."""
        assert not sink.key_is_indexed
        database.execute("CREATE INDEX few ON jf (ny)")
        assert not sink_of(database).key_is_indexed
        database.execute("CREATE INDEX more ON jf (ny, sfzh, je)")
        assert sink_of(database).key_is_indexed

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("no url", SinkRefused),
            ("oracle://u:secret@127.0.0.1/x", SinkRefused),
            ("sqlite:////nowhere/x.sqlite?key=secret", SinkRefused),
            ("postgresql://u:secret@127.0.0.1:1/x", SinkUnavailable),
            ("postgresql://u:secret@/x?host=/nowhere", SinkUnavailable),
        ],
    )
    def test_databases(self, url: str, kind: type[Exception]) -> None:
        """Wrong addresses, missing drivers and files, unreachable servers: in words, never with a password."""
        with pytest.raises(kind) as raised:
            SqlSink(url, "jf", COLUMNS, KEY, name="hr")
        assert " · " in str(raised.value)
        assert "secret" not in f"{raised.value!r}{raised.value}"
        assert raised.value.__cause__ is None

    def test_no_file_is_made(self, tmp_path: Path) -> None:
        """A mistyped path is told, and no empty database stands there afterwards."""
        path = tmp_path / "mistyped.sqlite"
        with pytest.raises(SinkRefused, match=r"不存在 · .*mistyped"):
            SqlSink(f"sqlite:///{path}", "jf", COLUMNS, KEY, name="hr")
        assert not path.exists()

    def test_permissions(self, postgresql: Database) -> None:
        """Who may not write is told so, and not that the database is away."""
        postgresql.execute(
            TABLE,
            f"DROP ROLE IF EXISTS reader_{os.getpid()}",
            f"CREATE ROLE reader_{os.getpid()} LOGIN",
            "CREATE TABLE yrdx_sink (sink VARCHAR(40), stream VARCHAR(80), position BIGINT)",
            "CREATE TABLE yrdx_refused (sink VARCHAR(40))",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_{os.getpid()}",
        )
        url = postgresql.url.replace("yrdx@", f"reader_{os.getpid()}@")
        sink = opened(url, "jf", COLUMNS, KEY)
        with pytest.raises(SinkRefused, match=r"look at its tables and permissions: 42501"):
            sink.apply(STREAM, [stands(1, "a", one(1))], after=0)


class TestAway:
    """A database that is busy or gone: nothing was written, and the same again succeeds."""

    def test_lost_connections(self, postgresql: Database) -> None:
        """The server ends every connection; the next page finds a new one."""
        postgresql.execute(TABLE)
        sink = sink_of(postgresql)
        sink.apply(STREAM, [stands(1, "a", one(1))], after=0)
        postgresql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        sink.apply(STREAM, [stands(2, "b", one(1))], after=sink.cursors()[STREAM])
        assert [row[0] for row in postgresql.rows(ALL)] == ["a", "b"]

    def test_a_connection_that_is_lost_within_a_page(self, postgresql: Database) -> None:
        """Rows and cursor are undone together."""
        postgresql.execute(
            TABLE,
            "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
            "CREATE TRIGGER gone BEFORE INSERT ON jf FOR EACH ROW WHEN (NEW.sfzh = 'b') EXECUTE FUNCTION gone()",
        )
        sink = sink_of(postgresql)
        with pytest.raises(SinkUnavailable, match=r"不可用 · the target database is not available"):
            sink.apply(STREAM, [stands(1, "a", one(1)), stands(2, "b", one(2))], after=0)
        assert (postgresql.rows(ALL), sink.cursors()) == ([], {})

    def test_a_locked_row(self, postgresql: Database) -> None:
        """Whoever waits too long for the city's own transaction is told to come again."""
        postgresql.execute(TABLE, f"ALTER DATABASE {_name(postgresql)} SET lock_timeout = '100ms'")
        sink = sink_of(postgresql)
        with psycopg.connect(postgresql.address) as other:
            other.execute("LOCK TABLE jf IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(SinkUnavailable, match="55P03"):
                sink.apply(STREAM, [stands(1, "a", one(1))], after=0)
        sink.apply(STREAM, [stands(1, "a", one(1))], after=0)

    def test_a_locked_file(self, sqlite_file: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same of SQLite."""
        monkeypatch.setattr("adapters.tables.sql_target._LOCK_S_MAX", 0.1)
        sqlite_file.execute(TABLE)
        sink = sink_of(sqlite_file)
        other = sqlite.connect(sqlite_file.address)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SinkUnavailable, match="SQLITE_BUSY"):
            sink.apply(STREAM, [stands(1, "a", one(1))], after=0)
        other.close()
        sink.apply(STREAM, [stands(1, "a", one(1))], after=0)

    def test_no_database_file(self, sqlite_file: Database) -> None:
        """A file that is no database is wrong, not away."""
        Path(sqlite_file.address).write_bytes(b"a,b\n" * 1000)
        with pytest.raises(SinkRefused, match="SQLITE_NOTADB"):
            sink_of(sqlite_file)


def _has_technical_tables(database: Database) -> bool:
    if database.kind == "sqlite":
        return bool(database.rows("SELECT 1 FROM sqlite_master WHERE name LIKE 'yrdx%'"))
    return bool(database.rows("SELECT 1 FROM pg_tables WHERE tablename LIKE 'yrdx%'"))


def _name(database: Database) -> str:
    ((name,),) = database.rows("SELECT current_database()")
    return str(name)
