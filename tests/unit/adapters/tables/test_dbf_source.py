"""DBF: values as the file has them, bad ones named, damaged files refused before a row is taken."""

from __future__ import annotations

import struct
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import BadRow, Cell, FileRefused, Progress, Row, TableLayout, open_table
from adapters.tables.dbf_source import DbfSource
from tests.unit.adapters.tables.dbf_files import F, dbf, record

VECTORS = Path(__file__).parents[3] / "vectors" / "tables"
LAYOUT = TableLayout(("a", "b"))


def values(number: int, *cells: Cell) -> Row[Cell]:
    """A row of values."""
    return Row(number, list(cells))


def read(content: bytes, layout: TableLayout = LAYOUT) -> list[Row[Cell] | BadRow]:
    """Every row of a content."""
    return list(DbfSource(BytesIO(content), "file.dbf", layout))


def only(kind: str, content: bytes, decimals: int = 0) -> Row[Cell] | BadRow:
    """The one row of a file whose field b has a type and content."""
    fields = [F("A", length=1), F("B", kind, len(content), decimals)]
    (row,) = read(dbf(fields, [record("1", content, lengths=(1, len(content)))]))
    return row


def value(kind: str, content: bytes, decimals: int = 0) -> Cell:
    """What a field of a type and content says."""
    row = only(kind, content, decimals)
    assert isinstance(row, Row)
    cell: Cell = row.cells[1]
    return cell


def refusal(content: bytes, layout: TableLayout = LAYOUT) -> FileRefused:
    """How a file is refused."""
    with pytest.raises(FileRefused) as raised:
        read(content, layout)
    assert raised.value.file == "file.dbf"
    return raised.value


class TestVectors:
    """Files that another program wrote."""

    def test_dbase(self) -> None:
        """Records keep their numbers, deleted ones are left out, numbers are exact, blanks say nothing."""
        columns = ("sfzh", "xm", "csrq", "jfjs", "ys", "yx")
        with open_table(VECTORS / "db3.dbf", TableLayout(columns)) as source:
            assert source.typed
            assert list(source) == [
                values(1, "110101190001010009", "示例甲", date(1900, 1, 1), Decimal("269.44"), 12, True),
                values(3, "11010119000101005X", "", date(2026, 2, 28), None, 0, None),
            ]
            size = (VECTORS / "db3.dbf").stat().st_size
            assert source.progress == Progress(size, size, "bytes")
            assert source.sha256() == sha256((VECTORS / "db3.dbf").read_bytes()).hexdigest()

    def test_visual_foxpro(self) -> None:
        """Binary types and null flags."""
        moment = datetime.fromisoformat("2026-01-02 03:04:05")
        columns = ("bz", "lsh", "xm", "sj", "je", "bl", "yx")
        with open_table(VECTORS / "vfp.dbf", TableLayout(columns)) as source:
            assert list(source) == [
                values(1, "备注", 1, "示例甲", moment, Decimal("1234.5678"), 0.25, True),
                values(2, "", -2, None, None, Decimal("-0.0001"), -0.75, None),
            ]


class TestCells:
    """What the bytes of a field say."""

    @pytest.mark.parametrize(
        ("kind", "content", "decimals", "expected"),
        [
            ("N", b" 320612199001011234 ", 0, 320612199001011234),
            ("N", b"  007", 0, 7),
            ("N", b" 1.50", 2, Decimal("1.50")),
            ("F", b"-.5 ", 0, Decimal("-0.5")),
            ("N", b"     ", 2, None),
            ("D", b"20260131", 0, date(2026, 1, 31)),
            ("D", b"        ", 0, None),
            ("D", b"00000000", 0, None),
            ("L", b"y", 0, True),
            ("L", b"F", 0, False),
            ("L", b"?", 0, None),
            ("C", "㛃𠮷  ".encode("gb18030"), 0, "㛃𠮷"),
            ("C", b"  x\0\0", 0, "  x"),
            ("I", struct.pack("<i", -5), 0, -5),
            ("B", struct.pack("<d", 269.44), 0, 269.44),
        ],
    )
    def test_values(self, kind: str, content: bytes, decimals: int, expected: Cell) -> None:
        """Every type, exactly."""
        found = value(kind, content, decimals)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("kind", "content", "rule_id"),
        [
            ("N", b"****", "dbf.number"),
            ("N", b"1 2", "dbf.number"),
            ("N", b"1,5", "dbf.number"),
            ("N", b"1e5", "dbf.number"),
            ("N", "１".encode("gb18030"), "dbf.number"),
            ("D", b"20260230", "dbf.date"),
            ("D", b"2026013x", "dbf.date"),
            ("T", struct.pack("<ii", 1, 0), "dbf.date"),
            ("L", b"x", "dbf.logical"),
            ("C", b"\xd5", "dbf.encoding"),
            ("C", b"a\0b", "dbf.nul"),
            ("B", struct.pack("<d", 320612199001011234.0), "dbf.precision"),
            ("B", struct.pack("<d", float("nan")), "dbf.number"),
        ],
    )
    def test_bad_values(self, kind: str, content: bytes, rule_id: str) -> None:
        """A bad value costs its row and is named with column and place, never shown in the reason."""
        row = only(kind, content)
        assert isinstance(row, BadRow)
        assert (row.number, row.rule_id, row.column) == (1, rule_id, "b")
        assert row.byte_offset == 32 + 2 * 32 + 1 + 2
        assert row.cells[0] == "1"
        assert content.decode("ascii", "ignore").strip() not in row.reason or len(content) < 3


class TestRefusedFiles:
    """What stops the file, before a row is taken."""

    FIELDS = (F("A", length=1), F("B", length=1))

    @pytest.mark.parametrize(
        ("names", "rule_id", "column"),
        [
            (("A",), "header.missing", ""),
            (("X", "Y"), "header.missing", ""),
            (("A", "B", "C"), "header.unknown", "C"),
            (("A", "B", "B"), "header.doubled", "b"),
        ],
    )
    def test_headers(self, names: tuple[str, ...], rule_id: str, column: str) -> None:
        """The rules of a header hold here too; case does not matter."""
        refused = refusal(dbf([F(name, length=1) for name in names], []))
        assert (refused.rule_id, refused.column) == (rule_id, column)

    def test_lacking(self) -> None:
        """A lacking column is named."""
        content = dbf([F("A", length=1), F("B", length=1)], [])
        refused = refusal(content, TableLayout(("a", "b", "c")))
        assert (refused.rule_id, refused.column) == ("header.lacking", "c")

    def test_memo_fields(self) -> None:
        """A memo lies in another file; its field is refused by name."""
        refused = refusal(dbf([F("A", length=1), F("B", "M", 10)], []))
        assert (refused.rule_id, refused.column) == ("dbf.type", "B")

    @pytest.mark.parametrize("declared", [0, 1, 3, 1000])
    def test_lacking_and_surplus_records(self, declared: int, tmp_path: Path) -> None:
        """A file that broke off must not pass for a short one."""
        path = tmp_path / "x.dbf"
        path.write_bytes(dbf(self.FIELDS, [b" 12", b" 34"], declared=declared))
        with pytest.raises(FileRefused) as raised, open_table(path, LAYOUT):
            pass
        assert raised.value.rule_id == "dbf.size"

    def test_broken_off_while_reading(self) -> None:
        """The same where the size is not known beforehand."""
        assert refusal(dbf(self.FIELDS, [b" 12"], declared=5)).rule_id == "dbf.size"

    @pytest.mark.parametrize(
        ("content", "rule_id"),
        [
            (b"", "file.empty"),
            (b"PK\x03\x04" + bytes(100), "file.kind"),
            (b"a,b\r\n", "dbf.header"),
            (bytes(500), "dbf.header"),
            (dbf(FIELDS, [])[:80], "dbf.header"),
            (dbf(FIELDS, []).replace(b"\r", b"\0"), "dbf.header"),
        ],
    )
    def test_no_dbf(self, content: bytes, rule_id: str) -> None:
        """Other files, and headers that break off."""
        assert refusal(content).rule_id == rule_id


def test_deletion_marks() -> None:
    """Deleted records are left out, a mark that is none makes a bad row."""
    content = dbf(TestRefusedFiles.FIELDS, [b" 12", b"*34", b"x56"])
    rows = read(content)
    assert rows[0] == Row(1, ["1", "2"])
    assert isinstance(rows[1], BadRow)
    assert (rows[1].number, rows[1].rule_id, rows[1].cells) == (3, "dbf.mark", ["5", "6"])


def test_many_records() -> None:
    """Records are read across pieces."""
    rows = read(dbf(TestRefusedFiles.FIELDS, [b" 12"] * 200_000))
    assert len(rows) == 200_000
    assert rows[-1].number == 200_000


texts = st.text(st.characters(codec="gb18030", exclude_characters="\0"), max_size=5).map(lambda text: text.rstrip(" "))
numbers = st.decimals(-99999, 99999, places=2)


@given(st.lists(st.tuples(texts, numbers, st.none() | st.dates(date(1, 1, 1))), max_size=5))
def test_what_is_written_is_read_back(rows: list[tuple[str, Decimal, date | None]]) -> None:
    """Text, numbers and dates survive exactly."""
    fields = [F("A", length=20), F("B", "N", 10, 2), F("C", "D", 8)]
    records = [
        record(text, f"{number:10}", f"{day:%Y}".zfill(4) + f"{day:%m%d}" if day else "", lengths=(20, 10, 8))
        for text, number, day in rows
    ]
    back = read(dbf(fields, records), TableLayout(("a", "b", "c")))
    assert [tuple(row.cells) for row in back if isinstance(row, Row)] == rows


VALID = dbf([F("A", length=4), F("B", "N", 6, 2), F("C", "D", 8)], [b" abcd  1.5020260131", b"*abcd  1.5020260131"])


@given(st.binary(max_size=300) | st.binary(max_size=120).map(lambda tail: VALID[:32] + tail))
def test_any_bytes_get_an_answer(content: bytes) -> None:
    """No content crashes the reader."""
    try:
        rows = read(content, TableLayout(("a", "b", "c")))
    except FileRefused:
        return
    assert all(len(row.cells) == 3 for row in rows)


@given(st.integers(0, len(VALID) - 1), st.integers(0, 255))
def test_any_wrong_byte_gets_an_answer(place: int, byte: int) -> None:
    """One wrong byte anywhere is a refusal, a bad row with its place, or another value; never a crash."""
    content = VALID[:place] + bytes([byte]) + VALID[place + 1 :]
    try:
        rows = read(content, TableLayout(("a", "b", "c")))
    except FileRefused:
        return
    assert all(row.reason and row.byte_offset is not None for row in rows if isinstance(row, BadRow))
