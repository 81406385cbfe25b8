"""What an unknown table looks like, told from its beginning."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import FileRefused, TableLayout, open_sink
from adapters.tables.heading import guess_layout

VECTORS = Path(__file__).parents[3] / "vectors" / "tables"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["CRLF", "LF"])
def test_csv(tmp_path: Path, encoding: str, delimiter: str, line_end: str) -> None:
    """Encoding, delimiter and line end are those that it was written with."""
    layout = TableLayout(("姓名", "AAC002", "单位,名称"), encoding, delimiter, line_end)
    with open_sink(tmp_path / "a.csv", layout) as sink:
        sink.row(["张三", "1", "甲"])
    assert guess_layout(tmp_path / "a.csv") == layout


def test_a_long_file_is_judged_by_whole_lines(tmp_path: Path) -> None:
    """The piece that is looked at may end within a character."""
    (tmp_path / "a.csv").write_text("姓名\n" + "欧阳明\n" * 200_000, encoding="utf-8")
    assert guess_layout(tmp_path / "a.csv").encoding == "utf-8"


def test_excel(tmp_path: Path) -> None:
    """The first row holds the columns."""
    with open_sink(tmp_path / "a.xlsx", TableLayout(("姓名", "年月"))) as sink:
        sink.row(["张三", "202601"])
    assert guess_layout(tmp_path / "a.xlsx").columns == ("姓名", "年月")


def test_dbf() -> None:
    """Names of fields, as the header has them."""
    for name in ("db3.dbf", "vfp.dbf"):
        columns = guess_layout(VECTORS / name).columns
        assert columns
        assert all(columns)


@given(
    suffix=st.sampled_from([".csv", ".xlsx", ".dbf"]),
    content=st.binary(max_size=300) | st.text('姓,;"\0\r\n\t1', max_size=60).map(str.encode),
)
def test_whatever_the_file_holds(tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes) -> None:
    """It has columns, or it is refused; nothing else happens."""
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(content)
    columns: tuple[str, ...] = ()
    with suppress(FileRefused):
        columns = guess_layout(path).columns
        assert columns
    assert columns == () or any(columns)


def test_a_header_that_is_no_header(tmp_path: Path) -> None:
    """A first line of two hundred thousand characters is not taken apart."""
    (tmp_path / "a.csv").write_bytes(b"x" * 200_000)
    with pytest.raises(FileRefused, match=r"header\.syntax"):
        guess_layout(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.dbf", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"\r\n"])
def test_no_table(tmp_path: Path, name: str, content: bytes) -> None:
    """Empty files and other kinds are refused."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileRefused):
        guess_layout(tmp_path / name)
