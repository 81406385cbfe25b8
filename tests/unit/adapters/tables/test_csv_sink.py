"""What is written is read back as it was; a file is whole or not there."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import CsvLayout, CsvSink, CsvSource, Row, RowNotWritten, open_csv
from adapters.tables.csv_marks import marked, unmarked
from adapters.tables.csv_sink import CsvRows

GB18030 = CsvLayout(("a", "b"), "gb18030")
LAYOUTS = [GB18030, CsvLayout(("a", "b"), "utf-8-sig", ";"), CsvLayout(("a", "b"), "utf-8", "\t", "LF")]
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
awkward = st.sampled_from(
    ["", "=1+1", "'=1", "''@x", "-5.00", "--", "—", "+86", "@", "\tx", "\rx", '"', "a\r\nb", "\ufeff"]
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.encoding)
@given(rows=st.lists(st.lists(cells | awkward, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_back(layout: CsvLayout, rows: list[list[str]]) -> None:
    """Any cells survive, formula-like or not, in every layout."""
    file = BytesIO()
    sheet = CsvRows(file, layout)
    for row in rows:
        sheet.row(row)
    file.seek(0)
    back = list(CsvSource(file, "x", layout))
    assert [row.cells for row in back if isinstance(row, Row)] == rows
    assert [row.number for row in back] == list(range(2, len(rows) + 2))


@given(cells | awkward)
def test_marks_are_exact(cell: str) -> None:
    """Marking is undone exactly, and what was never marked is left alone."""
    assert unmarked(marked(cell)) == cell
    assert marked(cell)[:1] not in set("=+@\t\r")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=cmd|"/c calc"!A0', "-1+1"])
def test_formulas_are_neutralised(cell: str, tmp_path: Path) -> None:
    """A cell that a spreadsheet would run begins with an apostrophe in the file (CWE-1236)."""
    with CsvSink(tmp_path / "x.csv", GB18030) as sink:
        sink.row([cell, "2"])
    line = (tmp_path / "x.csv").read_bytes().split(b"\r\n", 1)[1]
    assert line.lstrip(b'"').startswith(b"'")


@pytest.mark.parametrize("cell", ["--", "—", "-", "张三", "'", "5-1", "1=1", ""])
def test_other_cells_are_not(cell: str) -> None:
    """Dashes that mean nothing, and everything else, stay as they are."""
    assert marked(cell) == cell


def test_shape_of_the_file(tmp_path: Path) -> None:
    """Header, byte order mark, delimiter and line ends are the layout's."""
    with CsvSink(tmp_path / "x.csv", LAYOUTS[1]) as sink:
        sink.row(["张三", "a;b"])
        assert sink.rows == 1
    assert (tmp_path / "x.csv").read_bytes() == '\ufeffa;b\r\n张三;"a;b"\r\n'.encode()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """An export has mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with CsvSink(tmp_path / "x.csv", GB18030) as sink:
            sink.row(["1", "2"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) == 0o600


def write_half(path: Path) -> None:
    """Write one row and fail at the next."""
    with CsvSink(path, GB18030) as sink:
        sink.row(["3", "4"])
        sink.row(["5"])


def test_whole_or_not_there(tmp_path: Path) -> None:
    """Leaving by an exception leaves the former file, and nothing beside it."""
    path = tmp_path / "x.csv"
    with CsvSink(path, GB18030) as sink:
        sink.row(["1", "2"])
    former = path.read_bytes()
    with pytest.raises(ValueError, match="2 cells expected"):
        write_half(path)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def test_characters_that_the_encoding_cannot_hold(tmp_path: Path) -> None:
    """A lone surrogate or NUL is an error of its row, named by row and column; the rows around it stand."""
    path = tmp_path / "x.csv"
    with CsvSink(path, GB18030) as sink:
        sink.row(["1", "2"])
        for cell, rule_id in (("\ud800", "sink.encoding"), ("x\0", "sink.nul")):
            with pytest.raises(RowNotWritten) as raised:
                sink.row(["1", cell])
            assert (raised.value.row, raised.value.column, raised.value.rule_id) == (3, "b", rule_id)
            assert raised.value.__cause__ is None
        sink.row(["3", "4"])
    with open_csv(path, GB18030) as source:
        assert [row.cells for row in source] == [["1", "2"], ["3", "4"]]


def test_wrong_number_of_cells(tmp_path: Path) -> None:
    """A row of another length is our own mistake."""
    with CsvSink(tmp_path / "x.csv", GB18030) as sink, pytest.raises(ValueError, match="2 cells expected"):
        sink.row(["1"])
