"""Every way in which a CSV file can be bad, with its clear answer; good rows always get through."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import BadRow, CsvLayout, CsvSource, FileRefused, Row, open_csv
from adapters.tables.lines import PIECE_BYTES

LAYOUT = CsvLayout(("a", "b", "c"), "gb18030")
UTF8 = CsvLayout(("a", "b", "c"), "utf-8-sig", ";")


def read(content: bytes, layout: CsvLayout = LAYOUT, *, line_bytes_max: int = 1_048_576) -> list[Row[str] | BadRow]:
    """Every row of a content."""
    return list(CsvSource(BytesIO(content), "file.csv", layout, line_bytes_max=line_bytes_max))


def good(rows: list[Row[str] | BadRow]) -> list[tuple[int, list[str]]]:
    """Numbers and cells of the good rows."""
    return [(row.number, row.cells) for row in rows if isinstance(row, Row)]


def bad(rows: list[Row[str] | BadRow]) -> list[tuple[int, str]]:
    """Numbers and rules of the bad rows."""
    return [(row.number, row.rule_id) for row in rows if isinstance(row, BadRow)]


def refusal(content: bytes, layout: CsvLayout = LAYOUT) -> FileRefused:
    """How a file is refused."""
    with pytest.raises(FileRefused) as raised:
        read(content, layout)
    assert raised.value.file == "file.csv"
    assert str(raised.value).startswith("file.csv")
    return raised.value


class TestGoodFiles:
    """What RFC 4180 allows."""

    def test_rows_are_counted_as_people_count(self) -> None:
        """The header is row 1; empty rows are left out but counted."""
        assert good(read(b"a,b,c\r\n1,2,3\r\n\r\n4,5,6\r\n")) == [(2, ["1", "2", "3"]), (4, ["4", "5", "6"])]

    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    def test_line_ends(self, end: bytes) -> None:
        """Both line ends are read, and the last row may lack its own."""
        assert good(read(b"a,b,c" + end + b"1,2,3" + end + b"4,5,6")) == [(2, ["1", "2", "3"]), (3, ["4", "5", "6"])]

    def test_quotes(self) -> None:
        """Quoted cells hold delimiters, quotes and line breaks; they count as one row."""
        content = b'a,b,c\r\n"1,1","2""2","3\r\n3"\r\n4,"",6\r\n'
        assert good(read(content)) == [(2, ["1,1", '2"2', "3\r\n3"]), (3, ["4", "", "6"])]

    def test_columns_in_any_order(self) -> None:
        """Cells are handed over in the layout's order, whatever the file's."""
        assert good(read(b"c,a,b\r\n3,1,2\r\n")) == [(2, ["1", "2", "3"])]

    def test_a_mended_rejects_file_reads_as_it_is(self) -> None:
        """The reason columns of a rejects file are ignored."""
        content = "a,b,c,行号,列,规则,拒绝原因\r\n1,2,3,7,a,x,y\r\n".encode("gb18030")
        assert good(read(content)) == [(2, ["1", "2", "3"])]

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_byte_order_mark(self, mark: bytes) -> None:
        """UTF-8 is read with and without its mark."""
        assert good(read(mark + "a;b;c\r\n䶮;𠮷;㛃\r\n".encode(), UTF8)) == [(2, ["䶮", "𠮷", "㛃"])]

    @pytest.mark.parametrize("character", list("𠮷𬭎㛃䶮·"))
    def test_rare_characters(self, character: str) -> None:
        """GB18030 holds what GBK does not."""
        assert good(read(f"a,b,c\r\n{character},2,3\r\n".encode("gb18030"))) == [(2, [character, "2", "3"])]

    def test_marks_before_formulas_are_dropped(self) -> None:
        """The apostrophe of an export is taken away and named; other apostrophes stay."""
        rows = read(b"a,b,c\r\n'=1+1,'x,'--\r\n''=1,'-5,3\r\n")
        assert rows[0] == Row(2, ["=1+1", "'x", "'--"], ("formula_mark",))
        assert rows[1] == Row(3, ["'=1", "-5", "3"], ("formula_mark",))

    def test_header_only(self) -> None:
        """A file without rows is no error."""
        assert read(b"a,b,c\r\n") == []

    def test_digest_and_progress(self) -> None:
        """The digest is that of the whole file, known at its end; progress counts bytes."""
        content = b"a,b,c\r\n" + b"1,2,3\r\n" * 100_000
        source = CsvSource(BytesIO(content), "file.csv", LAYOUT)
        rows = iter(source)
        next(rows)
        assert 0 < source.bytes_read < len(content)
        with pytest.raises(ValueError, match="not read to its end"):
            source.sha256()
        assert sum(1 for _ in rows) == 99_999
        assert source.bytes_read == len(content)
        assert source.sha256() == sha256(content).hexdigest()


class TestRefusedFiles:
    """What stops the file."""

    def test_missing_and_not_a_file(self, tmp_path: Path) -> None:
        """A file that is not there, or is a folder, is refused by name."""
        for path, rule_id in ((tmp_path / "none.csv", "file.missing"), (tmp_path, "file.not_a_file")):
            with pytest.raises(FileRefused) as raised, open_csv(path, LAYOUT):
                pass
            assert (raised.value.file, raised.value.rule_id) == (path.name, rule_id)

    def test_path_through_a_file(self, tmp_path: Path) -> None:
        """A path that leads nowhere is refused, not raised as it comes."""
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(FileRefused) as raised, open_csv(tmp_path / "file" / "x.csv", LAYOUT):
            pass
        assert raised.value.rule_id == "file.unreadable"

    @pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
    def test_empty(self, content: bytes) -> None:
        """No bytes, or a byte order mark alone, is an empty file."""
        assert refusal(content, UTF8).rule_id == "file.empty"

    @pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest", b"%PDF-1.7"])
    def test_other_kinds(self, content: bytes) -> None:
        """Excel and PDF files are told for what they are."""
        assert refusal(content).rule_id == "file.kind"

    def test_utf8_instead_of_gb18030(self) -> None:
        """UTF-8 would read as garbled names; it is refused with the first byte that shows it."""
        content = "a,b,c\r\n1,2,汉族张三李四\r\n".encode()
        refused = refusal(content)
        assert (refused.rule_id, refused.byte_offset) == ("file.encoding", 11)
        assert "0xE6" in refused.reason
        assert "11" in refused.reason
        assert refusal(b"\xef\xbb\xbfa,b,c\r\n").byte_offset == 0

    def test_gb18030_instead_of_utf8(self) -> None:
        """GB18030 instead of UTF-8 is refused with the first wrong byte."""
        content = "a;b;c\r\n1;2;张三\r\n1;2;李四\r\n".encode("gb18030")
        refused = refusal(content, UTF8)
        assert (refused.rule_id, refused.byte_offset) == ("file.encoding", 11)
        assert f"0x{content[11]:02X}" in refused.reason

    def test_utf16(self) -> None:
        """UTF-16 is told by its mark."""
        assert refusal("a,b,c\r\n".encode("utf-16")).rule_id == "file.encoding"

    def test_short_files_are_not_judged(self) -> None:
        """Two characters of GB18030 that happen to be UTF-8 are no proof."""
        content = "a,b,c\r\n1,2,谩脕\r\n".encode("gb18030")
        assert len(good(read(content))) == 1

    @pytest.mark.parametrize(
        ("header", "rule_id", "column"),
        [
            ("a,b", "header.lacking", "c"),
            ("a,b,c,d", "header.unknown", "d"),
            ("a,b,c,b", "header.doubled", "b"),
            ("a,b,c,", "header.unknown", ""),
            ("1,张三,3", "header.missing", ""),
            ("a;b;c", "header.missing", ""),
            ('a,b,"c', "header.syntax", ""),
        ],
    )
    def test_headers(self, header: str, rule_id: str, column: str) -> None:
        """A missing, doubled, unknown or lacking column is named; cells of a first row without header never are."""
        refused = refusal(f"{header}\r\n1,2,3\r\n".encode("gb18030"))
        assert (refused.rule_id, refused.column, refused.row) == (rule_id, column, 1)
        assert "张三" not in str(refused)

    def test_undecodable_header(self) -> None:
        """A wrong byte in the header is named by its offset."""
        refused = refusal(b"a,b\xff,c\r\n")
        assert (refused.rule_id, refused.byte_offset) == ("header.syntax", 3)

    def test_a_first_line_without_end(self) -> None:
        """A file that is one endless line has no header."""
        assert refusal(b"a" * 3_000_000).rule_id == "header.missing"


class TestBadRows:
    """What rejects only the row."""

    def test_cells(self) -> None:
        """Too few and too many cells."""
        rows = read(b"a,b,c\r\n1,2\r\n1,2,3\r\n1,2,3,4\r\n1,2,3\r\n")
        assert bad(rows) == [(2, "csv.cells"), (4, "csv.cells")]
        assert [number for number, _ in good(rows)] == [3, 5]
        assert isinstance(rows[0], BadRow)
        assert "3" in rows[0].reason
        assert rows[0].byte_offset == 7
        assert rows[0].cells == ["1", "2"]

    def test_nul(self) -> None:
        """A NUL byte is named with column and offset."""
        row = read(b"a,b,c\r\n1,2\0,3\r\n4,5,6\r\n")[0]
        assert isinstance(row, BadRow)
        assert (row.rule_id, row.column, row.byte_offset) == ("csv.nul", "b", 10)

    def test_undecodable(self) -> None:
        """A wrong byte is named with column, offset and value; the next row is not touched by it."""
        content = "a,b,c\r\n张三,".encode("gb18030") + b"\xff,3\r\n4,5,6\r\n"
        rows = read(content)
        assert isinstance(rows[0], BadRow)
        assert (rows[0].rule_id, rows[0].column, rows[0].byte_offset) == ("csv.encoding", "b", 12)
        assert "0xFF" in rows[0].reason
        assert "张三" not in rows[0].reason
        assert good(rows) == [(3, ["4", "5", "6"])]

    def test_cells_of_a_bad_row_stand_in_the_layouts_order(self) -> None:
        """A rejects file gets the cells of a bad row under the right headings, whatever the file's order."""
        row = read(b"c,a,b\r\n3,1\xff,2\r\n")[0]
        assert isinstance(row, BadRow)
        assert (row.column, row.cells) == ("a", ["1\\xff", "2", "3"])

    def test_lead_byte_before_the_line_end(self) -> None:
        """A character cut in half does not swallow the line end."""
        rows = read(b"a,b,c\r\n1,2,\xd5\r\n4,5,6\r\n")
        assert (bad(rows), good(rows)) == ([(2, "csv.encoding")], [(3, ["4", "5", "6"])])

    def test_truncated(self) -> None:
        """A last row that breaks off is told as such."""
        assert bad(read(b"a,b,c\r\n1,2,3\r\n4,5")) == [(3, "csv.truncated")]
        assert bad(read(b'a,b,c\r\n1,2,3\r\n4,"5')) == [(3, "csv.quotes")]

    @pytest.mark.parametrize("cut", [1, 2, 3])
    def test_truncated_inside_a_character(self, cut: int) -> None:
        """A file that breaks off between the bytes of a character is torn there, not of another encoding."""
        for layout in (LAYOUT, UTF8):
            row = f"4{layout.delimiter}𠮷".encode(layout.codec)[:-cut]
            header = layout.delimiter.join(layout.columns).encode()
            assert bad(read(header + b"\r\n" + row, layout)) == [(2, "csv.truncated")]
        assert bad(read(b"a,b,c\r\n4,\xff,6")) == [(2, "csv.encoding")]

    @pytest.mark.parametrize("row", ['1,"2,3', '"1" x,2,3', '1,"2"",3', '1,2,"'])
    def test_a_stray_quote_costs_one_row(self, row: str) -> None:
        """Whatever a quote does to its row, the rows behind it are read."""
        rows = read(f"a,b,c\r\n{row}\r\n4,5,6\r\n7,8,9\r\n".encode())
        assert bad(rows) == [(2, "csv.quotes")]
        assert good(rows) == [(3, ["4", "5", "6"]), (4, ["7", "8", "9"])]

    def test_two_stray_quotes_do_not_swallow_what_lies_between(self) -> None:
        """Two rows with a stray quote each do not become one row that eats the good ones between them."""
        rows = read(b'a,b,c\r\n1,"2,3\r\n4,5,6\r\n7,"8,9\r\n10,11,12\r\n')
        assert bad(rows) == [(2, "csv.quotes"), (4, "csv.quotes")]
        assert [number for number, _ in good(rows)] == [3, 5]

    def test_bare_carriage_return(self) -> None:
        """A carriage return outside quotes is no line end."""
        rows = read(b'a,b,c\r\n1\r,2,3\r\n1\r,"2",3\r\n4,5,6\r\n')
        assert bad(rows) == [(2, "csv.line_break"), (3, "csv.line_break")]

    def test_a_row_over_the_limit(self) -> None:
        """A row over the limit is bad and skipped, within a piece and across many, with and without an end."""
        for length in (200, PIECE_BYTES, 3 * PIECE_BYTES + 17):
            rows = read(b"a,b,c\r\n1," + b"x" * length + b",3\r\n4,5,6\r\n", line_bytes_max=100)
            assert (bad(rows), good(rows)) == ([(2, "csv.too_long")], [(3, ["4", "5", "6"])])
            assert isinstance(rows[0], BadRow)
            assert (rows[0].cells, rows[0].byte_offset) == ([], 7)
            assert bad(read(b"a,b,c\r\n1," + b"x" * length, line_bytes_max=100)) == [(2, "csv.too_long")]

    def test_a_quote_that_stays_open_for_long(self) -> None:
        """Looking for the closing quote ends at the limit."""
        rows = read(b'a,b,c\r\n1,"2,3\r\n' + b"4,5,6\r\n" * 100, line_bytes_max=100)
        assert bad(rows) == [(2, "csv.quotes")]
        assert len(good(rows)) == 100

    def test_offsets_behind_a_long_row(self) -> None:
        """Byte offsets stay right behind a row that was skipped."""
        content = b"a,b,c\r\n1," + b"x" * (2 * PIECE_BYTES) + b"\r\n1,2\r\n"
        row = read(content, line_bytes_max=100)[-1]
        assert isinstance(row, BadRow)
        assert content[row.byte_offset :] == b"1,2\r\n"


class EndlessLine:
    """A file of one gibibyte in one line, made as it is read."""

    def __init__(self) -> None:
        self.left = 1 << 30
        self.head = b"a,b,c\r\n1,2,3\r\n4,"

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self.head:
            head, self.head = self.head, b""
            return head
        taken = min(size, self.left)
        self.left -= taken
        return b"x" * taken if taken else b""


def test_a_gibibyte_in_one_line_takes_no_memory() -> None:
    """A line of 1 GiB is refused by its row number, and never held."""
    tracemalloc.start()
    try:
        rows = list(CsvSource(EndlessLine(), "file.csv", LAYOUT))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (good(rows), bad(rows)) == ([(2, ["1", "2", "3"])], [(3, "csv.too_long")])
    assert peak < 8_000_000


@given(st.binary(max_size=400))
def test_any_bytes_get_an_answer(content: bytes) -> None:
    """No content crashes or hangs the reader; row numbers rise, and no reason quotes a cell."""
    rows = read(b"a,b,c\r\n" + content, line_bytes_max=64) if not content.startswith(b"\xff\xfe") else []
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(len(row.cells) == 3 for row in rows if isinstance(row, Row))


@given(st.lists(st.sampled_from([b"1,2,3", b'"1","2","3"', b'"', b'x"y,"z', b'""', b'"a"b', b",", b"\r"]), max_size=60))
def test_quotes_cost_linear_work(lines: list[bytes]) -> None:
    """However quotes lie, every row that is good by itself and not inside a quoted cell is read."""
    rows = read(b"a,b,c\r\n" + b"\n".join(lines))
    plain = sum(line == b"1,2,3" for line in lines)
    assert sum(row.cells == ["1", "2", "3"] for row in rows if isinstance(row, Row)) <= plain + lines.count(
        b'"1","2","3"'
    )
    if not any(b'"' in line for line in lines):
        assert len(good(rows)) == plain
