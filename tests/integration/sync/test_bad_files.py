"""Bad files at the command line: a clear answer that names the place, and nothing lost or sent by half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.tables import REASON_COLUMNS
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import DATASET, SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import local_sheet

FAILURE, PARTIAL, NOT_FOUND = 1, 3, 4


def _header(change: Callable[[list[str]], list[str]]) -> Callable[[Sheet], bytes]:
    def spoil(sheet: Sheet) -> bytes:
        return Sheet(sheet.dialect, change(sheet.header), sheet.rows).encoded()

    return spoil


def _with_column(name: str) -> Callable[[Sheet], bytes]:
    def spoil(sheet: Sheet) -> bytes:
        return Sheet(sheet.dialect, [*sheet.header, name], [[*row, "1"] for row in sheet.rows]).encoded()

    return spoil


WHOLE: Final[dict[str, tuple[Callable[[Sheet], bytes], tuple[str, ...]]]] = {
    "empty": (lambda _: b"", ("[file.empty]",)),
    "in UTF-8": (lambda sheet: sheet.encoded().decode("gb18030").encode(), ("[file.encoding]", "byte 0x", "offset")),
    "in UTF-16": (lambda sheet: sheet.encoded().decode("gb18030").encode("utf-16"), ("[file.encoding]", "UTF-16")),
    "an Excel file": (lambda _: b"PK\x03\x04" + bytes(200), ("[file.kind]", "Excel")),
    "without a header": (lambda sheet: sheet.encoded().partition(b"\r\n")[2], ("row 1", "[header.missing]")),
    "with an unknown column": (_with_column("AAZ999"), ("row 1", "column AAZ999", "[header.unknown]")),
    "with a doubled column": (_with_column("AAC003"), ("row 1", "column AAC003", "[header.doubled]")),
    "with a column misnamed": (
        _header(lambda header: ["AAC999" if name == "AAC003" else name for name in header]),
        ("row 1", "column AAC999", "[header.unknown]"),
    ),
    "with a torn header": (lambda sheet: sheet.encoded()[:40], ("row 1", "[header.missing]")),
}
"""What is wrong with the file → how it is made, and words that the message must hold."""


def everything(pair: Pair) -> tuple[Any, Any]:
    """Return what both cities say of their streams."""
    return pair.nantong.streams(), pair.shanghai.streams()


@pytest.mark.parametrize("case", WHOLE)
def test_a_file_that_is_wrong_as_a_whole_is_refused(pair: Pair, tmp_path: Path, case: str) -> None:
    """Exit code 1, file, row and column in the message and in ``--json``, and no row of it went anywhere."""
    spoil, words = WHOLE[case]
    sheet = local_sheet(tmp_path, people=30)
    file = tmp_path / "bad.csv"
    file.write_bytes(spoil(sheet))
    before = everything(pair)

    ran = sync(pair.nantong.path, file, SHANGHAI.code, code=FAILURE)

    assert ran.reason == "FILE_REFUSED"
    for told in (ran.json["error"]["message"], ran.err):
        assert all(word in told for word in ("bad.csv", *words)), told
    assert everything(pair) == before
    assert not list(pair.nantong.home.rejects.glob("bad-*"))
    assert_quotes_nothing(ran.out + ran.err, sheet)


def test_a_missing_file_is_named(pair: Pair, tmp_path: Path) -> None:
    """Exit code 4, and nothing else happens."""
    before = everything(pair)

    ran = sync(pair.nantong.path, tmp_path / "nowhere.csv", SHANGHAI.code, code=NOT_FOUND)

    assert (ran.reason, "nowhere.csv" in ran.err) == ("FILE_REFUSED", True)
    assert everything(pair) == before


def test_a_file_of_another_dialect_is_refused(pair: Pair, tmp_path: Path) -> None:
    """What a partner's export looks like is not what this city's tables look like."""
    good = local_sheet(tmp_path, people=5).write(tmp_path / "good.csv")
    sync(pair.nantong.path, good, SHANGHAI.code)
    export = tmp_path / "export.csv"
    yrdx("inbox", "export", "--home", pair.shanghai.path, "--dataset", DATASET, "-o", export)
    before = everything(pair)

    assert sync(pair.nantong.path, export, SHANGHAI.code, code=FAILURE).reason == "FILE_REFUSED"
    assert everything(pair) == before


@pytest.mark.parametrize("column", ["AAC002", "AAC003"])
def test_a_truncated_file_loses_only_its_torn_row(pair: Pair, tmp_path: Path, column: str) -> None:
    """The rows before the end are sent; the torn one, also inside a character, stands in the rejects file."""
    sheet = local_sheet(tmp_path, people=10)
    sheet.rows[-1] = sheet.with_cell(11, "AAC003", "王断开")
    file = tmp_path / "torn.csv"
    whole, cell = sheet.encoded(), sheet.column(column)[-1].encode("gb18030")
    file.write_bytes(whole[: whole.rindex(cell) + len(cell) - 1])

    report = sync(pair.nantong.path, file, SHANGHAI.code, code=PARTIAL).json

    assert (report["read"], report["acknowledged"], report["rejected_local"]) == (10, 9, 1)
    (torn,) = Sheet.read(Path(report["rejects_file"]), sheet.dialect).by_name()
    assert [torn[name] for name in (REASON_COLUMNS[0], REASON_COLUMNS[2])] == ["11", "csv.truncated"]


def test_a_bad_row_never_holds_up_a_good_one(pair: Pair, tmp_path: Path) -> None:
    """Bytes of another encoding, NUL, cells too few and too many: each row is named, its neighbours arrive."""
    sheet = local_sheet(tmp_path, people=9)
    lines = sheet.encoded().split(b"\r\n")
    lines[2] = lines[2].replace(b",", b",\xff", 1)
    lines[4] = lines[4].replace(b",", b",\0", 1)
    lines[6] = lines[6].rpartition(b",")[0]
    lines[8] += b",1"
    file = tmp_path / "spoilt.csv"
    file.write_bytes(b"\r\n".join(lines))

    report = sync(pair.nantong.path, file, SHANGHAI.code, code=PARTIAL).json

    assert (report["acknowledged"], report["rejected_local"]) == (5, 4)
    found = Sheet.read(Path(report["rejects_file"]), sheet.dialect).by_name()
    number, column, rule, reason, *_ = REASON_COLUMNS
    assert [(row[number], row[rule]) for row in found] == [
        ("3", "csv.encoding"),
        ("5", "csv.nul"),
        ("7", "csv.cells"),
        ("9", "csv.cells"),
    ]
    assert found[0][column] == sheet.header[1]
    assert "0xFF" in found[0][reason]


def test_a_file_of_bad_rows_alone_submits_nothing(pair: Pair, tmp_path: Path) -> None:
    """Exit code 3 and a rejects file with every row."""
    sheet = local_sheet(tmp_path, people=4)
    bad = with_rows(sheet, [sheet.with_cell(row, "AAE140", "999") for row in range(2, 6)])

    report = sync(pair.nantong.path, bad.write(tmp_path / "all-bad.csv"), SHANGHAI.code, code=PARTIAL).json

    assert (report["read"], report["rejected_local"], report["submitted"], report["pending"]) == (4, 4, 0, 0)
    assert len(Sheet.read(Path(report["rejects_file"]), sheet.dialect).rows) == 4


def test_a_header_alone_is_a_file_without_rows(pair: Pair, tmp_path: Path) -> None:
    """An evening on which nothing happened is no mistake."""
    sheet = local_sheet(tmp_path, people=1)

    report = sync(pair.nantong.path, with_rows(sheet, []).write(tmp_path / "none.csv"), SHANGHAI.code, code=0).json

    assert (report["read"], report["submitted"], report["rejects_file"]) == (0, 0, None)


def assert_quotes_nothing(text: str, sheet: Sheet) -> None:
    """No cell that tells of a person stands in a text."""
    for column in ("AAC002", "AAC003", "AAB004"):
        assert not [cell for cell in sheet.column(column) if cell.strip() and cell.strip() in text]
