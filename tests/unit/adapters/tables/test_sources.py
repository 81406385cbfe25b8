"""One way in for every kind of file."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from adapters.tables import FileRefused, Progress, Row, TableLayout, open_table

LAYOUT = TableLayout(("a", "b"), "utf-8")


@pytest.mark.parametrize("name", ["x.csv", "X.CSV"])
def test_the_suffix_says_the_kind(name: str, tmp_path: Path) -> None:
    """A source tells its name, whether cells are values, how far it is read, and the digest of it all."""
    path = tmp_path / name
    path.write_bytes(b"b,a\n1,2\n")
    with open_table(path, LAYOUT) as source:
        assert (source.name, source.typed) == (name, False)
        assert list(source) == [Row(2, ["2", "1"])]
        assert source.progress == Progress(8, 8, "bytes")
        assert source.sha256() == sha256(b"b,a\n1,2\n").hexdigest()


@pytest.mark.parametrize("name", ["x.xls", "x.et", "x.pdf", "x", ".csv"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    """What is not read is refused by name, with what would be."""
    with pytest.raises(FileRefused) as raised, open_table(tmp_path / name, LAYOUT):
        pass
    assert (raised.value.file, raised.value.rule_id) == (name, "file.suffix")
    assert ".csv" in raised.value.reason


def test_columns_that_may_stand_beside(tmp_path: Path) -> None:
    """Columns named as ignored are not read, others are refused."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b,c\n1,2,3\n")
    with open_table(path, LAYOUT, ignored=("c",)) as source:
        assert list(source) == [Row(2, ["1", "2"])]
    with pytest.raises(FileRefused, match="column c"), open_table(path, LAYOUT):
        pass


def test_libraries_are_imported_late() -> None:
    """Nobody who reads CSV pays for Excel, SQL and HTTPS."""
    late = ("openpyxl", "psycopg", "pysqlite3", "sqlalchemy", "ssl", "tenacity", "xlsxwriter", "zipfile")
    code = f"import sys, adapters.tables; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
