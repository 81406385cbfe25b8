"""JSON lines, and objects with lists inside: the rows of a settlement with its fees, diagnoses and funds."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping import load_mapping
from adapters.tables import BadRow, FileRefused, Row, SourceRefused, TableLayout, open_table
from adapters.tables.json_rows import JsonRows, parsed
from tests.unit.adapters.mapping.rows import golden

SETTLEMENT: Final = load_mapping("local", "care.settlement")
ITEMS: Final = {"feedetail": "items.", "diseinfo": "diagnoses.", "setldetail": "funds."}


def read(tmp_path: Path, *lines: str, columns: tuple[str, ...] = ("a", "b", "c")) -> list[Row[Any] | BadRow]:
    """The rows of a file."""
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with open_table(path, TableLayout(columns)) as source:
        return list(source)


def nested(rows: list[dict[str, str]]) -> dict[str, Any]:
    """One settlement as the interface has it: 2207 with its items, amounts as numbers."""
    fields = {column.name: column.field for column in SETTLEMENT.declaration.columns}
    form: dict[str, Any] = {name: cell for name, cell in rows[0].items() if "." not in fields[name]}
    form |= {name: float(cell) for name, cell in form.items() if name.endswith("_sumamt")}
    lists = {
        name: [
            {column: row[column] for column in row if fields[column].startswith(path)}
            for row in rows
            if any(row[column] for column in row if fields[column].startswith(path))
        ]
        for name, path in ITEMS.items()
    }
    return {"setlinfo": form, **lists}


def test_settlements_of_the_interface_are_those_of_the_table(tmp_path: Path) -> None:
    """2207 with setldetail, 2204 and 2203A nested becomes the same records as the golden rows."""
    rows = golden("local", "care.settlement")
    records = [list(group) for _, group in groupby(rows, key=lambda row: row["setl_id"])]
    lines = [json.dumps(nested(record), ensure_ascii=False) for record in records]
    found = read(tmp_path, *lines, columns=SETTLEMENT.columns)
    assert [row.number for row in found] == list(range(1, len(rows) + 1))
    texts = [Row(row.number, SETTLEMENT.texts(row.cells)) for row in found]
    groups = list(SETTLEMENT.gather(texts, lambda _: False))
    read_back = [SETTLEMENT.to_standard_rows([row.cells for row in group.rows]).message for group in groups]
    written = [SETTLEMENT.to_standard_rows([list(row.values()) for row in record]).message for record in records]
    assert read_back == written
    assert any(len(record) > 1 for record in records)


def test_lists_of_different_length(tmp_path: Path) -> None:
    """Each row has at most one item of each list; without items there is one row; objects inside are the form."""
    first, second, third, alone = read(
        tmp_path, '{"x":{"a":1},"l":[{"b":1},{"b":2},{"b":3}],"m":[{"c":"u"}]}', "", '{"a":2,"l":[],"m":[]}'
    )
    assert [row.cells for row in (first, second, third, alone)] == [
        [1, 1, "u"],
        [1, 2, None],
        [1, 3, None],
        [2, None, None],
    ]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"a":1,"l":[1]}', "json.nested"),
        ('{"a":1,"l":[{"b":{"x":1}}]}', "json.nested"),
        ('{"a":1,"l":[{"a":2}]}', "json.doubled"),
        ('{"a":1,"l":[{"b":1,"b":2}]}', "json.doubled"),
        ('{"a":1,"l":[{"b":1}],"m":[{"b":1}]}', "json.doubled"),
        ('{"a":1,"l":[{"z":1}]}', "json.unknown"),
        ('{"a":1,"l":[{"b":3.20612199001011E+17}]}', "json.precision"),
        ("{", "json.line"),
        ("\u00e9".encode("latin-1").decode("latin-1") + '{"a"', "json.line"),
        ("[]", "json.row"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, rule: str) -> None:
    """A bad record is one bad row, and costs no good one."""
    good = '{"a":1,"l":[{"b":1}],"m":[{"c":2}]}'
    first, bad, last = read(tmp_path, good, line, good)
    assert isinstance(bad, BadRow)
    assert bad.rule_id == rule
    assert (first.cells, last.cells, last.number) == ([1, 1, 2], [1, 1, 2], 3)


def test_files_that_are_refused_whole(tmp_path: Path) -> None:
    """An empty one, and one whose first object is of something else."""
    for line, rule in (("", "file.empty"), ('{"x":1,"l":[{"y":1}]}', "header.missing"), ("[]", "json.envelope")):
        with pytest.raises(SourceRefused) as refused:
            read(tmp_path, line)
        assert refused.value.rule_id == rule
        assert isinstance(refused.value, FileRefused) == (rule == "file.empty")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcxl"), inner, max_size=3),
    max_leaves=8,
)


@given(found=st.lists(ANY_JSON, max_size=4))
def test_any_json(found: list[Any]) -> None:
    """Whatever stands there, each object is at least one row, good or bad, and rows are counted without a gap."""
    rows = JsonRows("any", ("a", "b", "c"), ())
    list(rows.read(parsed(b'{"a":1,"b":1,"c":1}')))
    for one in found:
        before = rows.count
        assert [row.number for row in rows.read(parsed(json.dumps(one).encode()))] == list(
            range(before + 1, rows.count + 1)
        )
        assert rows.count > before
