"""Drafts: what is recognised, guessed and marked; nothing of a person gets into one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from adapters.mapping import MappingInvalid, find_mappings, load_mapping
from adapters.samples import DATASETS, write_sample
from adapters.tables import FileRefused, TableLayout, open_sink
from adapters.toolbox.draft import Draft, draft_mapping, keep_draft
from adapters.toolbox.draft.keeping import is_taken
from adapters.toolbox.findings import Level
from adapters.toolbox.lint import lint
from adapters.toolbox.places import find_places
from tests.unit.adapters.tables.dbf_files import F, dbf, record

TABLE = """
流水号 公民身份号码       参保人姓名 性别 出生日期  工作单位 信用代码           险种     结算年月 所属年月 缴费类别 到账标志 缴费基数（元） 单位缴费 个人缴费 合计   参保地 窗口
SZ1   320501198002290019 张三     男   19800229 示例丝绸 91320500MA1C0001XW 职工养老 202601  202601  正常    1      8000.00      1280.00 640.00  1920.00 320508 甲
SZ2   32050119751231002X 李四     女   19751231 示例软件 91320500MA1C0002XX GS      202601  202512  补缴    0      7000.00      28.00   0.00    28.00   320583 --
SZ3   320501199001010032 欧阳明   女   19900101 示例软件 91320500MA1C0002XX GS      202601  202512  补缴    0      7000.00      28.00   0.00    28.00   320583 乙
"""  # noqa: E501 - a table
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


def drafted(path: Path, header: list[str] = HEADER, rows: list[list[str]] = ROWS) -> Draft:
    """Write a sample and draft a mapping of contributions from it."""
    with open_sink(path, TableLayout(tuple(header), "gb18030", ";", "LF")) as sink:
        for row in rows:
            sink.row(row)
    return draft_mapping(path, "suzhou", "social.contribution", lambda _: False)


def column(draft: Draft, name: str) -> str:
    """The lines of a column."""
    return next(part for part in draft.text.split("[[column]]\n") if f'= "{name}"\n' in part.partition("label")[0])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_columns_are_recognised_and_typed(tmp_path: Path, suffix: str) -> None:
    """By their Chinese names; the types are those that read the sample."""
    draft = drafted(tmp_path / f"sample{suffix}")
    assert draft.rows == 3
    assert draft.unknown == ["窗口"]
    assert draft.lacking == []
    for name, lines in {
        "公民身份号码": ('field = "person_number"', 'type  = "citizen_number"'),
        "参保人姓名": ('field = "person_name"', 'type  = "name"'),
        "结算年月": ('field  = "settlement_month"', 'format = "YYYYMM"'),
        "缴费基数（元）": ('field = "base_fen"', 'type  = "yuan2"', "# unconfirmed: 单位是元还是分 / yuan or fen"),
        "参保地": ('field = "division"', 'type  = "division"'),
        "险种": ('field  = "scheme"', 'type   = "code"', 'table  = "scheme.csv"', 'system = "suzhou 险种"'),
        "窗口": ('type   = "unused"', "# unconfirmed: 未能识别 / not recognised"),
    }.items():
        for line in lines:
            assert line in column(draft, name)
    assert '[[sum]]\ntotal = "合计"\nparts = ["单位缴费", "个人缴费"]' in draft.text
    assert '"--" = "报表工具的空值' in draft.text


def test_how_the_file_is_written(tmp_path: Path) -> None:
    """Encoding, delimiter and line end are those of the sample."""
    text = drafted(tmp_path / "sample.csv").text
    assert '[file]\nencoding  = "gb18030"\ndelimiter = ";"\nline_end  = "LF"' in text


def test_codes(tmp_path: Path) -> None:
    """What other dialects know is filled in, what they do not know is left open, and all is to be confirmed."""
    draft = drafted(tmp_path / "sample.csv")
    assert draft.open_codes == 1
    assert draft.tables["scheme.csv"].splitlines()[1:] == [
        "GS,,GS,unconfirmed",
        "职工养老,SCHEME_ENTERPRISE_PENSION,职工养老,unconfirmed",
    ]
    assert draft.tables["sex.csv"].splitlines()[1:] == ["女,SEX_FEMALE,女,unconfirmed", "男,SEX_MALE,男,unconfirmed"]


def test_a_code_that_two_dialects_mean_differently_is_open(tmp_path: Path) -> None:
    """1 is male in Nantong and female in Shanghai."""
    rows = [[*row[:3], "1", *row[4:]] for row in ROWS]
    assert drafted(tmp_path / "sample.csv", rows=rows).tables["sex.csv"].splitlines()[1:] == ["1,,1,unconfirmed"]


def test_once_the_open_codes_are_filled_in_it_loads(tmp_path: Path) -> None:
    """Lint has no errors, and says what a person has still to write."""
    draft = drafted(tmp_path / "sample.csv")
    draft.tables["scheme.csv"] = draft.tables["scheme.csv"].replace("GS,,GS", "GS,SCHEME_WORK_INJURY,工伤")
    folder = tmp_path / "suzhou"
    keep_draft(draft, folder, force=False)
    findings = [finding for place in find_places([str(folder)]) for finding in lint(place)]
    assert [(one.rule, one.place) for one in findings if one.level is not Level.NOTE] == [
        ("golden.missing", "samples"),
        ("golden.missing", "samples"),
        ("reason.open", "column 窗口"),
    ]


@pytest.mark.parametrize(("dialect", "dataset"), [pair for pair in find_mappings() if pair[1] in DATASETS])
def test_drafts_of_what_is_known(tmp_path: Path, dialect: str, dataset: str) -> None:
    """From a city's own file every column is recognised, and nothing of a person is in the draft."""
    sample = write_sample(tmp_path / "sample.csv", dataset, dialect, seed=1, people=150, bad_rows=0)
    draft = draft_mapping(sample.path, "draft", dataset, lambda _: False)
    mapping = load_mapping(dialect, dataset)
    expected = {one.name for one in mapping.declaration.columns if one.field and one.name not in {"acyears", "cymons"}}
    assert set(draft.recognised) == expected
    said = draft.text + "".join(draft.tables.values())
    codec = mapping.file.encoding
    lines = [line.split(mapping.file.delimiter) for line in sample.path.read_text(codec).splitlines()]
    for field in ("person_number", "person_name", "source_serial", "employer_name", "employer_code", "case_number"):
        if mapping.column_of(field):
            place = mapping.columns.index(mapping.column_of(field))
            values = {line[place].strip() for line in lines[1:] if len(line[place].strip("0 ")) > 2}
            assert not [value for value in values if value in said]


def test_a_column_that_is_wrongly_taken_for_codes_keeps_its_values(tmp_path: Path) -> None:
    """Values that occur once and mean nothing elsewhere are counted, not copied; long numbers never are."""
    rows = [[*row[:3], name, *row[4:]] for row, name in zip(ROWS, ("张三", "李四", "欧阳明"), strict=True)]
    rows += [[*row[:3], "13800000000", *row[4:]] for row in ROWS]
    draft = drafted(tmp_path / "sample.csv", rows=rows)
    assert draft.tables["sex.csv"] == "dialect,standard,label,note\n"
    assert "# unconfirmed: 4 个值未抄录" in column(draft, "性别")


def test_what_the_standard_requires_and_nobody_gives(tmp_path: Path) -> None:
    """It is named in the draft, and lint does not let it pass."""
    draft = drafted(tmp_path / "sample.csv", HEADER[:2] + HEADER[3:], [row[:2] + row[3:] for row in ROWS])
    assert draft.lacking == ["person_name"]
    assert "the standard requires person_name, no column was found" in draft.text
    folder = tmp_path / "suzhou"
    keep_draft(draft, folder, force=False)
    (place,) = find_places([str(folder)])
    with pytest.raises(MappingInvalid):
        place.load()
    assert any("no column carries person_name" in finding.problem for finding in lint(place))


def test_keeping(tmp_path: Path) -> None:
    """A mapping is replaced only by force; a table that holds codes never is, and another name is chosen."""
    draft = drafted(tmp_path / "sample.csv")
    folder = tmp_path / "suzhou"
    keep_draft(draft, folder, force=False)
    before = (folder / "sex.csv").read_bytes()
    with pytest.raises(FileExistsError):
        keep_draft(draft, folder, force=False)
    again = draft_mapping(tmp_path / "sample.csv", "suzhou", "social.contribution", is_taken(folder))
    assert set(again.tables) == {f"contribution_{name}" for name in draft.tables}
    keep_draft(again, folder, force=True)
    assert (folder / "sex.csv").read_bytes() == before


def test_what_is_no_sample(tmp_path: Path) -> None:
    """Files of other kinds, empty ones, and datasets without a standard are refused."""
    for name, content in (("a.pdf", b"x"), ("a.csv", b""), ("a.xlsx", b"x")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileRefused):
            draft_mapping(tmp_path / name, "suzhou", "social.contribution", lambda _: False)
    with pytest.raises(LookupError):
        draft_mapping(tmp_path / "a.csv", "suzhou", "social.other", lambda _: False)


def test_zeros_for_nothing(tmp_path: Path) -> None:
    """Where zero is no amount it says nothing: the column declares it, with a reason, and it is to be confirmed."""
    place = HEADER.index("信用代码")
    rows = [[*row[:place], "0", *row[place + 1 :]] for row in ROWS[:1]] + ROWS[1:]
    lines = column(drafted(tmp_path / "sample.csv", rows=rows), "信用代码")
    assert 'missing = { "0" = "全零的空值 / zeros for nothing" }' in lines
    assert "do not fit" not in lines
    assert "missing" not in column(drafted(tmp_path / "other.csv"), "个人缴费")


def test_a_dbf(tmp_path: Path) -> None:
    """Types of fields are read as well: a date is a date, a number may be yuan."""
    fields = [F("XM", "C", 20), F("CSRQ", "D", 8), F("GRJF", "N", 12, 2)]
    records = [record("张三", b"19800229", b"640.00".rjust(12), lengths=(20, 8, 12))] * 3
    (tmp_path / "a.dbf").write_bytes(dbf(fields, records))
    draft = draft_mapping(tmp_path / "a.dbf", "suzhou", "social.contribution", lambda _: False)
    assert draft.recognised == ["XM", "CSRQ", "GRJF"]
    assert 'format = "YYYYMMDD"' in column(draft, "CSRQ")
    assert 'type  = "yuan2"' in column(draft, "GRJF")


def test_several_lists_of_one_record(tmp_path: Path) -> None:
    """Fees, diagnoses and funds are named together, in the order of the standard's columns."""
    sample = tmp_path / "js.csv"
    sample.write_bytes((resources.files("adapters") / "local" / "samples" / "care_settlement.csv").read_bytes())
    draft = draft_mapping(sample, "draft", "care.settlement", lambda _: False)
    assert 'items = ["items", "diagnoses", "funds"]' in draft.text
