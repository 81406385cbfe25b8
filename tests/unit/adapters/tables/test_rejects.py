"""The file that a clerk mends: the source's own shape, the reasons beside."""

from __future__ import annotations

import csv
import stat
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.tables import CsvLayout, FileRefused, RejectedCells, RejectsFile, open_csv, open_rejects, rejects_suffix

LAYOUT = CsvLayout(("AAC001", "AAC003", "AAE180"), "gb18030")


def test_shape_and_reasons(tmp_path: Path) -> None:
    """Columns, encoding and delimiter are the source's; five in Chinese say why, and its number."""
    path = tmp_path / "rejects.csv"
    with RejectsFile(path, LAYOUT) as rejects:
        rejects.row(["1", "𠮷明", "-5.00"], RejectedCells(7, "AAE180", "money.yuan2", "金额… / money…", "3"))
        assert rejects.rows == 1
    rows = list(csv.reader(path.read_bytes().decode("gb18030").splitlines()))
    assert rows == [
        ["AAC001", "AAC003", "AAE180", "行号", "列", "规则", "拒绝原因", "编号"],
        ["1", "𠮷明", "'-5.00", "7", "AAE180", "money.yuan2", "金额… / money…", "3"],
    ]


def test_reasons_stand_under_their_headings(tmp_path: Path) -> None:
    """Rows with too few, too many or no cells keep the reasons in place and lose nothing."""
    path = tmp_path / "rejects.csv"
    with RejectsFile(path, LAYOUT) as rejects:
        for cells in ([], ["1"], ["1", "2", "3", "4"]):
            rejects.row(cells, RejectedCells(2, "", "csv.cells", "…", "3"))
    rows = list(csv.reader(path.read_bytes().decode("gb18030").splitlines()))[1:]
    assert [row[:3] for row in rows] == [["", "", ""], ["1", "", ""], ["1", "2", "3,4"]]
    assert all(row[3:] == ["2", "", "csv.cells", "…", "3"] for row in rows)


def test_readable_as_a_source_once_mended(tmp_path: Path) -> None:
    """A mended rejects file is a source of the same layout."""
    path = tmp_path / "rejects.csv"
    with RejectsFile(path, LAYOUT) as rejects:
        rejects.row(["1", "=张三", "5.00"], RejectedCells(7, "AAC003", "x", "…", "3"))
    with open_csv(path, LAYOUT) as source:
        assert [row.cells for row in source] == [["1", "=张三", "5.00"]]


def test_header_first_and_owner_only(tmp_path: Path) -> None:
    """The header stands before any row is rejected; a former file's mode does not matter."""
    path = tmp_path / "rejects.csv"
    path.write_text("old")
    path.chmod(0o644)
    rejects = RejectsFile(path, LAYOUT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rejects.close()
    assert path.read_bytes().startswith(b"AAC001,")


def test_values_of_other_kinds(tmp_path: Path) -> None:
    """Rows of DBF, SQL and JSON are mended as CSV."""
    path = tmp_path / "rejects.csv"
    with open_rejects(path, LAYOUT) as rejects:
        rejects.row([1, None, Decimal("5.00")], RejectedCells(7, "", "x", "…", "3"))
        rejects.row(
            [date(2026, 1, 31), datetime.fromisoformat("2026-01-31 08:30"), True], RejectedCells(8, "", "x", "…", "3")
        )
    rows = [line.split(",")[:3] for line in path.read_text("gb18030").splitlines()[1:]]
    assert rows == [["1", "", "5.00"], ["2026-01-31", "2026-01-31 08:30:00", "True"]]


@pytest.mark.parametrize(
    ("source", "suffix"), [("x.XLSX", ".xlsx"), ("x.csv", ".csv"), ("x.dbf", ".csv"), ("x.txt", ".csv")]
)
def test_kinds(source: str, suffix: str, tmp_path: Path) -> None:
    """Excel is mended in Excel, all else in CSV; nothing else can be written."""
    assert rejects_suffix(Path(source)) == suffix
    with pytest.raises(FileRefused, match="dbf"):
        open_rejects(tmp_path / "x.dbf", LAYOUT)
