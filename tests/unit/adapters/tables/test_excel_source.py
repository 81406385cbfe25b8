"""Excel: what a sheet holds is read exactly; what it only shows is a bad row; what would cost too much is refused."""

from __future__ import annotations

import tracemalloc
from datetime import date, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from adapters.tables import BadRow, Cell, FileRefused, Row, TableLayout, open_table
from adapters.tables.excel_package import ExcelLimits
from adapters.tables.excel_sheet import column_letters, column_number
from adapters.tables.excel_source import ExcelSource
from tests.unit.adapters.tables.excel_files import parts, zipped

LAYOUT = TableLayout(("a", "b"))


def read(content: bytes, layout: TableLayout = LAYOUT, limits: ExcelLimits | None = None) -> list[Row[Cell] | BadRow]:
    """Every row of a content."""
    return list(ExcelSource(BytesIO(content), "file.xlsx", layout, limits=limits))


def only(cell: str, **more: str) -> Row[Cell] | BadRow:
    """The one row of a workbook with a text in a and a cell's XML in b."""
    row = f'<row r="2"><c r="A2" t="str"><v>x</v></c>{cell}</row>'
    (found,) = read(zipped(parts(row, **more)))
    return found


def value(cell: str, **more: str) -> Cell:
    """What a cell says."""
    row = only(cell, **more)
    assert isinstance(row, Row)
    assert row.cells[0] == "x"
    found: Cell = row.cells[1]
    return found


def bad(cell: str, **more: str) -> str:
    """By which rule a cell is bad; it is named by row and column."""
    row = only(cell, **more)
    assert isinstance(row, BadRow)
    assert (row.number, row.column, row.cells[0]) == (2, "b", "x")
    return row.rule_id


def refusal(content: bytes, layout: TableLayout = LAYOUT, limits: ExcelLimits | None = None) -> FileRefused:
    """How a file is refused."""
    with pytest.raises(FileRefused) as raised:
        read(content, layout, limits)
    assert raised.value.file == "file.xlsx"
    return raised.value


class TestCells:
    """What a cell says."""

    @pytest.mark.parametrize(
        ("cell", "expected"),
        [
            ('<c r="B2"><v>0</v></c>', 0),
            ('<c r="B2"><v>999999999999999</v></c>', 999999999999999),
            ('<c r="B2"><v>-5</v></c>', -5),
            ('<c r="B2"><v>1.1000000000000001</v></c>', 1.1),
            ('<c r="B2"><v>269.44</v></c>', 269.44),
            ('<c r="B2"><v>1E3</v></c>', 1000),
            ('<c r="B2" t="b"><v>1</v></c>', True),
            ('<c r="B2" t="s"><v>1</v></c>', "张三"),
            ('<c r="B2" t="s"><v>2</v></c>', "a\rb"),
            ('<c r="B2" t="inlineStr"><is><r><t>㛃</t></r><r><t xml:space="preserve"> 𠮷</t></r></is></c>', "㛃 𠮷"),
            ('<c r="B2" t="str"><f>A1</f><v></v></c>', ""),
            ('<c r="B2"><f>1+1</f><v>2</v></c>', 2),
            ('<c r="B2" t="d"><v>2026-01-31</v></c>', date(2026, 1, 31)),
            ('<c r="B2" t="str"><v>_x0000__xD800__xFFFE__x005F_x0041_</v></c>', "_x0000__xD800__xFFFE__x0041_"),
            ('<c r="B2" s="5"/>', None),
            ("", None),
        ],
    )
    def test_values(self, cell: str, expected: Cell) -> None:
        """Numbers as doubles say them, whole ones as int; texts with their runs, without how they are pronounced."""
        texts = (
            '<si><t>x</t></si><si><r><t>张</t></r><rPh sb="0" eb="1"><t>zhang</t></rPh><r><t>三</t></r></si>'
            "<si><t>a_x000D_b</t></si>"
        )
        found = value(cell, texts=texts)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("cell", "rule_id"),
        [
            ('<c r="B2"><v>320612199001011234</v></c>', "excel.precision"),
            ('<c r="B2"><v>3.20612199001011E+17</v></c>', "excel.precision"),
            ('<c r="B2"><v>1000000000000000</v></c>', "excel.precision"),
            ('<c r="B2" t="e"><v>#N/A</v></c>', "excel.error"),
            ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "excel.error"),
            ('<c r="B2"><f>1+1</f></c>', "excel.formula"),
            ('<c r="B2"><f>1+1</f><v/></c>', "excel.formula"),
            ('<c r="B2"><v>1e999</v></c>', "excel.number"),
            ('<c r="B2"><v>nan</v></c>', "excel.number"),
            ('<c r="B2"><v>1_0</v></c>', "excel.number"),
            ('<c r="B2" t="b"><v>yes</v></c>', "excel.kind"),
            ('<c r="B2" t="new"><v>1</v></c>', "excel.kind"),
            ('<c r="B2" t="d"><v>2026-02-30</v></c>', "excel.date"),
        ],
    )
    def test_bad_values(self, cell: str, rule_id: str) -> None:
        """Digits lost, errors, formulas without a result: named, never rounded or guessed."""
        assert bad(cell) == rule_id

    def test_digits_that_are_lost_are_not_taken_for_a_citizen_number(self) -> None:
        """In the rejects file such a number is written so that nothing reads it as one."""
        row = only('<c r="B2"><v>320612199001011200</v></c>')
        assert isinstance(row, BadRow)
        assert row.cells[1] == "3.206122E+17"
        assert "320612" not in row.reason

    def test_formulas_that_are_to_be_calculated_on_opening(self) -> None:
        """What stands beside them is no result, whatever it is."""
        cell = '<c r="B2"><f>1+1</f><v>0</v></c>'
        row = f'<row r="2"><c r="A2" t="str"><v>x</v></c>{cell}</row>'
        files = parts(row, workbook='<calcPr fullCalcOnLoad="1"/>')
        (found,) = read(zipped(files))
        assert isinstance(found, BadRow)
        assert (found.rule_id, found.column) == ("excel.formula", "b")

    @pytest.mark.parametrize(
        ("days", "expected"),
        [
            ("46053", date(2026, 1, 31)),
            ("46053.5", datetime.fromisoformat("2026-01-31 12:00:00")),
            ("46053.123456", datetime.fromisoformat("2026-01-31 02:57:46.598")),
            ("46053.999999999", date(2026, 2, 1)),
            ("1", date(1900, 1, 1)),
            ("59", date(1900, 2, 28)),
            ("61", date(1900, 3, 1)),
            ("2958465", date(9999, 12, 31)),
        ],
    )
    def test_dates(self, days: str, expected: Cell) -> None:
        """A number that is shown as a date is one, to the millisecond."""
        styles = '<xf numFmtId="14"/>'
        found = value(f'<c r="B2" s="1"><v>{days}</v></c>', styles=styles)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize("days", ["0", "0.5", "-1", "60", "60.5", "2958466", "1e14"])
    def test_no_dates(self, days: str) -> None:
        """Times without a day, the day that never was, and days out of range are no dates."""
        assert bad(f'<c r="B2" s="1"><v>{days}</v></c>', styles='<xf numFmtId="14"/>') == "excel.date"

    def test_dates_since_1904(self) -> None:
        """Old Macintoshes count from 1904."""
        more = {"styles": '<xf numFmtId="14"/>', "workbook": '<workbookPr date1904="1"/>'}
        assert value('<c r="B2" s="1"><v>44591</v></c>', **more) == date(2026, 1, 31)
        assert bad('<c r="B2" s="1"><v>2958465</v></c>', **more) == "excel.date"

    @pytest.mark.parametrize(
        ("code", "is_date"),
        [
            ("yyyy-mm-dd", True),
            ('yyyy"年"m"月"d"日";@', True),
            ("[$-804]yyyy年m月", True),
            ("[$-F800]dddd\\,\\ mmmm", True),
            ("0.00", False),
            ("[Red]0.00", False),
            ('0.00" yd"', False),
            ("#,##0\\d", False),
            ("General", False),
            ('_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', False),
            ("@", False),
        ],
    )
    def test_formats(self, code: str, is_date: bool) -> None:
        """Only the letters of a format count, not what it quotes, escapes or fills."""
        code = code.replace('"', "&quot;")
        formats = f'<numFmt numFmtId="164" formatCode="{code}"/>'
        found = value('<c r="B2" s="1"><v>46053</v></c>', formats=formats, styles='<xf numFmtId="164"/>')
        assert found == (date(2026, 1, 31) if is_date else 46053)


class TestRows:
    """What a sheet says of its rows."""

    def test_rows_are_counted_as_people_count(self) -> None:
        """Empty rows, written or not, are left out but counted; places may be left to the order."""
        rows = (
            '<row r="3"><c r="A3"><v>1</v></c></row><row><c s="1"/></row>'
            '<row><c t="str"><v>x</v></c><c><v>2</v></c></row>'
        )
        found = read(zipped(parts(rows)))
        assert [(row.number, row.cells) for row in found] == [(3, [1, None]), (5, ["x", 2])]

    def test_something_outside_the_header(self) -> None:
        """A value beyond the last column is told; empty cells there are nothing."""
        rows = (
            '<row><c r="A2"><v>1</v></c><c r="C2" s="1"/></row><row><c r="A3"><v>1</v></c><c r="D3"><v>2</v></c></row>'
        )
        first, second = read(zipped(parts(rows)))
        assert first == Row(2, [1, None])
        assert isinstance(second, BadRow)
        assert (second.number, second.rule_id, second.column) == (3, "excel.cells", "D")

    def test_merged_cells(self) -> None:
        """Every row that merged cells stand in is bad and names their column; rows around them are not."""
        rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="B{n}"><v>2</v></c></row>' for n in range(2, 8))
        behind = '<mergeCells count="2"><mergeCell ref="B3:B4"/><mergeCell ref="A6:B6"/></mergeCells>'
        found = read(zipped(parts(rows, behind=behind)))
        bads = [(row.number, row.rule_id, row.column) for row in found if isinstance(row, BadRow)]
        assert bads == [(3, "excel.merged", "b"), (4, "excel.merged", "b"), (6, "excel.merged", "a")]
        assert [row.number for row in found if isinstance(row, Row)] == [2, 5, 7]

    def test_merged_and_empty(self) -> None:
        """Where nothing stands, nothing is lost."""
        rows = '<row r="2"><c r="A2"><v>1</v></c></row><row r="3"><c r="A3" s="1"/></row>'
        behind = '<mergeCells><mergeCell ref="A3:B9"/></mergeCells>'
        assert read(zipped(parts(rows, behind=behind))) == [Row(2, [1, None])]

    def test_merged_header(self) -> None:
        """A merged header is none."""
        behind = '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'
        assert refusal(zipped(parts(behind=behind))).rule_id == "excel.merged"

    def test_prefixed_names(self) -> None:
        """Other programs put a prefix before every name."""
        files = parts('<row><c r="A2"><v>1</v></c></row>')
        sheet = files["xl/sheet1.xml"].replace("</", "</\0").replace("<", "<x:").replace("<x:/\0", "</x:")
        files["xl/sheet1.xml"] = sheet.replace("<x:?xml", "<?xml").replace("xmlns=", "xmlns:x=")
        assert read(zipped(files)) == [Row(2, [1, None])]

    def test_sheets(self) -> None:
        """The first sheet that is shown, or the one that the layout names."""
        files = parts('<row><c r="A2"><v>1</v></c></row>')
        files["xl/sheet2.xml"] = parts('<row><c r="A2"><v>2</v></c></row>')["xl/sheet1.xml"]
        files["xl/_rels/workbook.xml.rels"] = files["xl/_rels/workbook.xml.rels"].replace(
            "</Relationships>",
            '<Relationship Id="rId9" Type="http://purl.oclc.org/x/worksheet" Target="/xl/sheet2.xml"/></Relationships>',
        )
        for state, first in (("visible", 1), ("hidden", 2)):
            workbook = files["xl/workbook.xml"].replace(
                'r:id="rId1"/>', f'r:id="rId1" state="{state}"/><sheet name="二" sheetId="2" r:id="rId9"/>'
            )
            content = zipped({**files, "xl/workbook.xml": workbook})
            assert read(content) == [Row(2, [first, None])]
            assert read(content, TableLayout(("a", "b"), sheet="Sheet1")) == [Row(2, [1, None])]
            assert read(content, TableLayout(("a", "b"), sheet="二")) == [Row(2, [2, None])]
            assert refusal(content, TableLayout(("a", "b"), sheet="三")).rule_id == "excel.sheet"

    @pytest.mark.parametrize(
        ("columns", "rule_id", "column"),
        [
            (("a", "b", "c"), "header.lacking", "c"),
            (("a",), "header.unknown", "b"),
            (("x", "y"), "header.missing", ""),
        ],
    )
    def test_headers(self, columns: tuple[str, ...], rule_id: str, column: str) -> None:
        """The rules of a header hold here too."""
        refused = refusal(zipped(parts()), TableLayout(columns))
        assert (refused.rule_id, refused.column, refused.row) == (rule_id, column, 1)

    def test_a_header_in_another_order(self) -> None:
        """Cells are handed over in the layout's order, and bad ones named by their own column."""
        content = zipped(parts('<row><c r="A2"><v>1</v></c><c r="B2" t="e"><v>#N/A</v></c></row>'))
        (row,) = read(content, TableLayout(("b", "a")))
        assert isinstance(row, BadRow)
        assert (row.column, row.cells) == ("b", ["#N/A", 1])

    def test_no_header(self) -> None:
        """An empty sheet, and one that begins below row 1, have none."""
        files = parts()
        for sheet in ("<worksheet/>", '<worksheet><sheetData><row r="2"/></sheetData></worksheet>'):
            assert refusal(zipped({**files, "xl/sheet1.xml": sheet})).rule_id == "header.missing"


class TestOtherPrograms:
    """Workbooks that openpyxl wrote."""

    def test_values(self, tmp_path: Path) -> None:
        """Everything that a cell can be."""
        book = openpyxl.Workbook()
        sheet: Any = book.active
        sheet.append(["a", "b"])
        for cell in ("张三", "=1+1", 12, 269.44, True, date(2026, 1, 31), datetime.fromisoformat("2026-01-31T08:30")):
            sheet.append(["x", cell])
        sheet["B3"].data_type = "s"
        sheet["B7"].number_format = "yyyy年m月d日"
        book.save(tmp_path / "x.xlsx")
        with open_table(tmp_path / "x.xlsx", LAYOUT) as source:
            assert source.typed
            cells = [row.cells[1] for row in source]
            assert source.sha256() == sha256((tmp_path / "x.xlsx").read_bytes()).hexdigest()
            done, total, unit = source.progress
            assert (done, unit) == (total, "bytes")
        moment = datetime.fromisoformat("2026-01-31T08:30")
        assert cells == ["张三", "=1+1", 12, 269.44, True, date(2026, 1, 31), moment]

    def test_a_formula_and_merged_cells(self, tmp_path: Path) -> None:
        """Formulas that Excel never calculated, and merged cells, are bad rows."""
        book = openpyxl.Workbook()
        sheet: Any = book.active
        for row in (["a", "b"], ["x", "=SUM(1,2)"], ["x", "y"], ["x", 320612199001011234]):
            sheet.append(row)
        sheet.merge_cells("A3:B3")
        book.save(tmp_path / "x.xlsx")
        with open_table(tmp_path / "x.xlsx", LAYOUT) as source:
            found = [(row.number, row.rule_id, row.column) for row in source if isinstance(row, BadRow)]
        assert found == [(2, "excel.formula", "b"), (3, "excel.merged", "a"), (4, "excel.precision", "b")]


class TestLimits:
    """What would cost too much is refused before anything is inflated."""

    @pytest.mark.parametrize(
        ("limits", "what"),
        [
            (ExcelLimits(file_bytes=100), "file"),
            (ExcelLimits(parts=3), "parts"),
            (ExcelLimits(inflated_bytes=1000), "inflated"),
            (ExcelLimits(ratio=0), "ratio"),
            (ExcelLimits(strings_bytes=10), "sharedStrings"),
            (ExcelLimits(small_part_bytes=10), "rels"),
        ],
    )
    def test_each_limit(self, limits: ExcelLimits, what: str) -> None:
        """The limit is named, and the way out."""
        refused = refusal(zipped(parts()), limits=limits)
        assert refused.rule_id == "excel.too_large"
        assert what in refused.reason
        assert "CSV" in refused.reason

    def test_a_zip_bomb(self) -> None:
        """A part of zeros is refused by its ratio."""
        assert refusal(zipped({"x": bytes(50_000_000)})).rule_id == "excel.too_large"

    def test_many_parts(self) -> None:
        """A directory of very many parts is not even read."""
        content = zipped(dict.fromkeys((str(number) for number in range(20_000)), b""))
        assert refusal(content).rule_id in ("excel.damaged", "excel.too_large")

    @pytest.mark.parametrize(
        "rows",
        [
            "<row>" * 1_000_000,
            "<row><c>" + "<c>" * 1_000_000,
            '<row><c t="str"><v>' + "x" * 5_000_000,
            "<row a='" + "x" * 5_000_000,
            "<!--" + "x" * 5_000_000,
            "<row><c/></row>" * 10 + "<c/>" * 1_000_000,
        ],
        ids=lambda rows: rows[:12],
    )
    def test_what_never_ends(self, rows: str) -> None:
        """Elements, texts and tags that never end are not kept."""
        content = zipped(parts(rows))
        tracemalloc.start()
        try:
            refused = refusal(content, limits=ExcelLimits(ratio=10_000))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert refused.rule_id == "excel.damaged"
        assert peak < 60_000_000  # expat takes about 130 bytes for an open element

    def test_entities(self) -> None:
        """A document type could define entities that grow; no workbook has one."""
        files = parts()
        files["xl/sheet1.xml"] = '<!DOCTYPE x [<!ENTITY a "b">]>' + files["xl/sheet1.xml"].partition("?>")[2]
        assert refusal(zipped(files)).rule_id == "excel.damaged"

    @pytest.mark.parametrize(
        "rows",
        [
            '<row r="99999999"/>',
            '<row r="1"/>',
            '<row r="x"/>',
            '<row r="1048577"/>',
            '<row><c r="ZZZZ1"/></row>',
            '<row><c r="XFE1"/></row>',
            '<row><c r="1"/></row>',
            '<row><c r="B1"/><c r="A1"/></row>',
            '<row><c t="s"><v>1</v></c></row>',
            '<row><c t="s"><v>-1</v></c></row>',
            "<row></c></row>",
        ],
    )
    def test_places_that_do_not_exist(self, rows: str) -> None:
        """Rows and columns rise and end, texts exist: else the workbook is damaged, and the row named."""
        assert refusal(zipped(parts(rows))).rule_id == "excel.damaged"

    @pytest.mark.parametrize("part", ["_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/sheet1.xml"])
    def test_lacking_parts(self, part: str) -> None:
        """A workbook without one of its parts is damaged."""
        files = parts()
        del files[part]
        assert refusal(zipped(files)).rule_id == "excel.damaged"

    @pytest.mark.parametrize(
        ("content", "rule_id"),
        [
            (b"", "file.empty"),
            (b"a,b\r\n1,2\r\n", "file.kind"),
            (b"\xd0\xcf\x11\xe0" + bytes(600), "file.kind"),
            (b"PK\x03\x04" + bytes(100), "excel.damaged"),
            (zipped(parts())[:-30], "excel.damaged"),
        ],
    )
    def test_no_workbook(self, content: bytes, rule_id: str) -> None:
        """Other files, encrypted ones, and those that broke off."""
        assert refusal(content).rule_id == rule_id


@given(st.integers(0, 16_383))
def test_letters_of_columns(number: int) -> None:
    """Columns are lettered as Excel letters them."""
    assert column_number(column_letters(number)) == number
    assert column_letters(number) == get_column_letter(number + 1)


VALID = zipped(parts('<row r="2"><c r="A2" s="1"><v>46053</v></c></row>', styles='<xf numFmtId="14"/>'))


@given(st.integers(0, len(VALID) - 1), st.integers(0, 255))
def test_any_wrong_byte_gets_an_answer(place: int, byte: int) -> None:
    """One wrong byte anywhere is a refusal, or of no account; never a crash."""
    content = VALID[:place] + bytes([byte]) + VALID[place + 1 :]
    try:
        rows = read(content)
    except FileRefused:
        return
    assert len(rows) <= 1


MARKUP = """<row> </row> <c> <c~r="B2"~t="s"> <c~t="n"~s="1"> </c> <c/> <v> 1 46053.5 </v> <v/> <f> </f> <is> </is> <t>
    x </t> <rPh> <row~r="7"/> &#10; </sheetData>"""
markup = st.sampled_from([word.replace("~", " ") for word in MARKUP.split()])


@settings(deadline=None)
@given(st.lists(markup, max_size=40).map("".join))
def test_any_markup_gets_an_answer(rows: str) -> None:
    """However elements lie, rows rise and each is whole or bad with its place."""
    try:
        found = read(zipped(parts(rows, texts="<si><t>x</t></si>", styles='<xf numFmtId="14"/>')))
    except FileRefused:
        return
    assert [row.number for row in found] == sorted({row.number for row in found})
    assert all(len(row.cells) == 2 for row in found)
