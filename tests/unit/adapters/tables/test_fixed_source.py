"""Fixed width: bytes are counted, and half a character is nobody's name."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import BadRow, FileRefused, Progress, Row, TableLayout, open_table
from adapters.tables.fixed_source import FixedSource

LAYOUT = TableLayout(("a", "name", "b"), widths_bytes=(4, 8, 3))
UTF8 = TableLayout(("a", "name", "b"), widths_bytes=(4, 9, 3), fixed_encoding="utf-8")


def read(content: bytes, layout: TableLayout = LAYOUT) -> list[Row[str] | BadRow]:
    """Every row of a content."""
    return list(FixedSource(BytesIO(content), "file.txt", layout))


def only_bad(content: bytes, layout: TableLayout = LAYOUT) -> BadRow:
    """The one row of a content, which is bad."""
    (row,) = read(content, layout)
    assert isinstance(row, BadRow)
    return row


def written(rows: list[list[str]], layout: TableLayout) -> bytes:
    """Rows as a fixed width file."""
    lines = []
    for row in rows:
        cells = zip(row, layout.widths_bytes, strict=True)
        lines.append(b"".join(cell.encode(layout.fixed_encoding).ljust(width) for cell, width in cells))
    return b"".join(line + b"\r\n" for line in lines)


cells = st.text(st.characters(codec="gb18030", exclude_characters=" \0\n\r\x1a"), max_size=4)


@given(st.lists(st.tuples(cells, cells, cells).map(list), max_size=5))
def test_what_is_written_is_read_back(rows: list[list[str]]) -> None:
    """Any cells that fit survive, padding does not."""
    layout = TableLayout(("a", "b", "c"), widths_bytes=(16, 17, 18))
    back = read(written(rows, layout), layout) if rows else []
    assert [row.cells for row in back if isinstance(row, Row)] == rows
    assert [row.number for row in back] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_rows_are_counted_from_the_first_line(end: bytes) -> None:
    """There is no header; empty lines are left out but counted, and the last line may lack its end."""
    name = "张三".encode("gb18030").ljust(8)
    content = b"1   " + name + b"  9" + end + end + b"2   " + name + b" 10"
    assert read(content) == [Row(1, ["1", "张三", "9"]), Row(3, ["2", "张三", "10"])]


def test_the_end_mark_of_old_systems_is_no_row() -> None:
    """Ctrl-Z ends files of DOS."""
    assert read(b"1   name    abc\r\n\x1a") == [Row(1, ["1", "name", "abc"])]


@pytest.mark.parametrize(("line", "found"), [(b"1   name    ab", 14), (b"1   name    abcd", 16)])
def test_another_length(line: bytes, found: int) -> None:
    """A line of another length is bad: nobody knows which column lost or won a byte."""
    row = only_bad(line + b"\n")
    assert (row.number, row.rule_id, row.column, row.byte_offset) == (1, "fixed.length", "", 0)
    assert "15" in row.reason
    assert str(found) in row.reason
    assert row.cells[:2] == ["1", "name"]


def test_truncated_and_too_long() -> None:
    """A last line that breaks off is told as such; an endless one is skipped, not kept."""
    assert only_bad(b"1   na").rule_id == "fixed.truncated"
    rows = read(b"x" * 500_000 + b"\n1   name    abc\n")
    assert [row.number for row in rows] == [1, 2]
    assert isinstance(rows[0], BadRow)
    assert (rows[0].rule_id, rows[0].cells) == ("fixed.too_long", [])


def test_a_character_cut_by_a_width() -> None:
    """Half a character is named with its column, in either encoding."""
    row = only_bad(b"1   " + "张三李四王".encode("gb18030")[:9] + b"  ")
    assert (row.rule_id, row.column, row.byte_offset) == ("fixed.encoding", "b", 12)
    row = only_bad(b"1   x" + "张三李四".encode("gb18030")[:8] + b"  ")
    assert (row.rule_id, row.column, row.byte_offset) == ("fixed.cut", "name", 11)
    assert "张" not in row.reason
    row = only_bad(b"1   " + "张三a𠮷".encode() + b"1", UTF8)
    assert (row.rule_id, row.column) == ("fixed.cut", "name")


def test_wrong_bytes() -> None:
    """A byte that is no character, and NUL, are named with column and offset."""
    row = only_bad(b"1   a\xff a    abc\n")
    assert (row.rule_id, row.column, row.byte_offset) == ("fixed.encoding", "name", 5)
    assert "0xFF" in row.reason
    row = only_bad(b"1   name    a\0c\n")
    assert (row.rule_id, row.column, row.byte_offset, row.cells[2]) == ("fixed.nul", "b", 13, "a\\x00c")


def test_other_encoding_and_kind() -> None:
    """A file in another encoding or of another kind is refused as a whole."""
    for content, rule_id in (
        ("1   汉族张三李四王五".encode() + b"\n", "file.encoding"),
        (b"PK\x03\x04", "file.kind"),
        (b"", "file.empty"),
    ):
        with pytest.raises(FileRefused) as raised:
            read(content)
        assert raised.value.rule_id == rule_id


def test_opened_by_suffix(tmp_path: Path) -> None:
    """.txt and .dat are fixed width where the dialect declares widths."""
    path = tmp_path / "x.dat"
    path.write_bytes(b"1   name    abc\n")
    with open_table(path, LAYOUT) as source:
        assert (source.typed, list(source)) == (False, [Row(1, ["1", "name", "abc"])])
        assert source.progress == Progress(16, 16, "bytes")
        assert source.sha256() == sha256(path.read_bytes()).hexdigest()
    with pytest.raises(FileRefused) as raised, open_table(path, TableLayout(("a",))):
        pass
    assert raised.value.rule_id == "file.no_widths"


def test_widths_for_every_column() -> None:
    """More or fewer widths than columns are our own mistake."""
    with pytest.raises(ValueError, match="3 widths expected"):
        read(b"x", TableLayout(("a", "b", "c"), widths_bytes=(1, 2)))


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(content: bytes) -> None:
    """No content crashes the reader; row numbers rise, bad rows say what and where, good ones are whole."""
    try:
        rows = read(content)
    except FileRefused:
        return
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    for row in rows:
        assert len(row.cells) in ((3,) if isinstance(row, Row) else (0, 3))
