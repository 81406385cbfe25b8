"""Excel as a sink: what is written is read back, text is text, and a file is whole or not there."""

from __future__ import annotations

import os
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.tables import Cell, RejectedCells, RowNotWritten, TableLayout, open_rejects, open_sink, open_table
from adapters.tables.excel_sink import ExcelSink

LAYOUT = TableLayout(("a", "b"))


def written(path: Path, *rows: list[Cell], layout: TableLayout = LAYOUT) -> list[list[Cell]]:
    """Rows as they are read back."""
    with ExcelSink(path, layout) as sink:
        for row in rows:
            sink.row(row)
    with open_table(path, layout) as source:
        return [row.cells for row in source]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"), min_size=1, max_size=20)
awkward = st.sampled_from(
    ["=1+1", "'=1", "-5.00", "--", "_x000D_", "_x0000_", "a\r\nb", " a ", "\t", "\x01", "&lt;", "]]>"]
)
moments = st.datetimes(datetime.fromisoformat("1900-03-01"), datetime.fromisoformat("9999-12-30"))
values = (
    st.integers(-(10**15) + 1, 10**15 - 1)
    | st.booleans()
    | st.dates(date(1900, 3, 1))
    | moments.map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, second=1))
    | st.integers(-(10**14), 10**14).map(lambda fen: (fen * 10 + 1) / 1000)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(texts | awkward, texts | awkward | values).map(list), max_size=5))
def test_what_is_written_is_read_back(rows: list[list[Cell]], tmp_path: Path) -> None:
    """Any text and any value that Excel holds survive, each as what it is."""
    back = written(tmp_path / "x.xlsx", *rows)
    assert [[(type(cell), cell) for cell in row] for row in back] == [
        [(type(cell), cell) for cell in row] for row in rows
    ]


def test_nothing_is_nothing(tmp_path: Path) -> None:
    """Empty text is an empty cell."""
    assert written(tmp_path / "x.xlsx", ["x", ""], [None, "y"]) == [["x", None], [None, "y"]]


def test_text_stays_text(tmp_path: Path) -> None:
    """Digits are no number, nothing is a formula or a link, and what a clerk types into a cell stays text too."""
    cells: list[Cell] = ["320612199001011234", "=1+1"]
    written(tmp_path / "x.xlsx", cells, ["@SUM(A1)", "https://example.invalid"])
    sheet: Any = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    for row in sheet.iter_rows():
        assert all((cell.data_type, cell.number_format, cell.hyperlink) == ("s", "@", None) for cell in row)
    with ZipFile(tmp_path / "x.xlsx") as archive:
        assert b'<col min="1" max="2" width="20.7109375" style="1"' in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("cell", "rule_id"),
    [
        ("x\0", "sink.nul"),
        ("\ud800", "sink.encoding"),
        ("\uffff", "sink.encoding"),
        ("x" * 32_768, "sink.too_long"),
        ("𠮷" * 16_384, "sink.too_long"),
        (10**15, "sink.precision"),
        (1e15, "sink.precision"),
        (float("nan"), "sink.precision"),
        (Decimal("1234567890.1234567"), "sink.precision"),
        (date(1900, 2, 28), "sink.date"),
        (datetime(2026, 1, 1, tzinfo=UTC), "sink.date"),
    ],
)
def test_what_excel_cannot_hold(cell: Cell, rule_id: str, tmp_path: Path) -> None:
    """Such a cell is an error of its row, named by row and column; nothing of the row is written."""
    with ExcelSink(tmp_path / "x.xlsx", LAYOUT) as sink:
        sink.row(["1", "2"])
        with pytest.raises(RowNotWritten) as raised:
            sink.row(["x", cell])
        assert (raised.value.row, raised.value.column, raised.value.rule_id) == (3, "b", rule_id)
        sink.row(["3", "4"])
        assert sink.rows == 2
    with open_table(tmp_path / "x.xlsx", LAYOUT) as source:
        assert [row.cells for row in source] == [["1", "2"], ["3", "4"]]


def test_the_longest_text(tmp_path: Path) -> None:
    """As much as Excel holds is written whole."""
    assert written(tmp_path / "x.xlsx", ["x" * 32_767, "𠮷" * 16_383]) == [["x" * 32_767, "𠮷" * 16_383]]


def write_half(path: Path) -> None:
    """Write one row and fail at the next."""
    with ExcelSink(path, LAYOUT) as sink:
        sink.row(["3", "4"])
        sink.row(["5"])


def test_whole_or_not_there(tmp_path: Path) -> None:
    """Leaving by an exception leaves the former file, and nothing beside it; mode 0600 whatever the umask."""
    path = tmp_path / "x.xlsx"
    before = os.umask(0)
    try:
        written(path, ["1", "2"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    former = path.read_bytes()
    with pytest.raises(ValueError, match="2 cells expected"):
        write_half(path)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    """Nothing in a file tells when it was written."""
    for name in ("1.xlsx", "2.xlsx"):
        written(tmp_path / name, ["1", "2"])
    assert (tmp_path / "1.xlsx").read_bytes() == (tmp_path / "2.xlsx").read_bytes()


def test_rejects_of_an_excel_source(tmp_path: Path) -> None:
    """The source's sheet and columns, the reasons beside; once mended it is a source of the same layout."""
    path = tmp_path / "rejects.xlsx"
    layout = TableLayout(("a", "b"), sheet="明细")
    with open_rejects(path, layout) as rejects:
        rejects.row(["x", date(2026, 1, 31)], RejectedCells(7, "a", "x.y", "原因 / reason", "3"))
        rejects.row([], RejectedCells(9, "", "excel.merged", "…", "3"))
        rejects.row(["x", date(1900, 1, 1)], RejectedCells(10, "", "x", "…", "3"))
        assert rejects.rows == 3
        assert not path.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sheet: Any = openpyxl.load_workbook(path)["明细"]
    assert [cell.value for cell in sheet[1]] == ["a", "b", "行号", "列", "规则", "拒绝原因", "编号"]
    assert [cell.value for cell in sheet[2]][2:] == ["7", "a", "x.y", "原因 / reason", "3"]
    with open_table(path, layout) as source:
        assert [row.cells for row in source] == [["x", date(2026, 1, 31)], ["x", "1900-01-01"]]
    assert list(tmp_path.iterdir()) == [path]


def test_sinks_by_suffix(tmp_path: Path) -> None:
    """Both kinds of file take the same rows."""
    for name in ("x.csv", "x.xlsx"):
        with open_sink(tmp_path / name, LAYOUT) as sink:
            sink.row(["320612199001011234", "=1"])
        with open_table(tmp_path / name, LAYOUT) as source:
            assert [row.cells for row in source] == [["320612199001011234", "=1"]]
