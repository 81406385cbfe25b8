"""Pages of JSON: an envelope that keeps its word, rows that have the same names, values as they were sent."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tables import BadRow, Cell, Progress, Row, SourceRefused, SourceUnavailable
from adapters.tables.json_source import JsonSource

COLUMNS = ("a", "b")


def page(rows: str, number: object = 1, total: object = 1) -> bytes:
    """A page with the JSON of its rows."""
    data = f'{{"data":{rows},"pageNumber":{json.dumps(number)},"pageSize":"2","totalPage":{json.dumps(total)}}}'
    return f'{{"retCode":"200","retMsg":"3","data":{data}}}'.encode()


class FakePages:
    """Hands out contents in order."""

    name = "https://hr.example/rows"

    def __init__(self, *contents: bytes) -> None:
        self.contents = contents
        self.asked: list[int] = []

    def page(self, number: int) -> bytes:
        """The content of a page."""
        self.asked.append(number)
        return self.contents[number - 1]


def read(*contents: bytes) -> list[Row[Cell] | BadRow]:
    """Every row of some pages."""
    return list(JsonSource(FakePages(*contents), COLUMNS, ignored=("id",)))


def refusal(*contents: bytes) -> SourceRefused:
    """How an interface is refused."""
    with pytest.raises(SourceRefused) as raised:
        read(*contents)
    assert raised.value.source == FakePages.name
    assert raised.value.__cause__ is None
    return raised.value


def test_pages_one_by_one() -> None:
    """A page is fetched when the rows before it were taken; numbers count over all of them."""
    pages = FakePages(
        page('[{"b":1,"a":"x"},{"a":"y","b":null}]', "1", "2"), page('[{"a":"z","b":true,"id":7}]', "2", "2")
    )
    source = JsonSource(pages, COLUMNS, ignored=("id",))
    assert (source.typed, source.name, source.progress) == (True, FakePages.name, Progress(0, None, "pages"))
    rows = iter(source)
    assert next(rows).cells == ["x", 1]
    assert (pages.asked, source.progress) == ([1], Progress(0, 2, "pages"))
    assert [(row.number, row.cells) for row in rows] == [(2, ["y", None]), (3, ["z", True])]
    assert (pages.asked, source.progress) == ([1, 2], Progress(2, 2, "pages"))


@pytest.mark.parametrize("total", [0, "0", 1])
def test_no_rows(total: object) -> None:
    """An empty list is no error."""
    assert read(page("[]", 1, total)) == []


def test_numbers_are_exact() -> None:
    """Numbers never pass through doubles."""
    (row,) = read(page('[{"a":320612199001011234,"b":269.44}]'))
    assert row.cells == [320612199001011234, Decimal("269.44")]


@pytest.mark.parametrize(
    ("row", "rule_id", "column"),
    [
        ('{"a":3.20612199001011E+17,"b":1}', "json.precision", "a"),
        ('{"a":1,"b":[1]}', "json.type", "b"),
        ('{"a":1,"b":{"c":1}}', "json.type", "b"),
        ('{"a":1}', "json.lacking", "b"),
        ('{"a":1,"b":2,"c":3}', "json.unknown", ""),
        ('{"a":1,"b":2,"b":3}', "json.doubled", "b"),
        ("[1,2]", "json.row", ""),
        ("null", "json.row", ""),
    ],
)
def test_bad_rows(row: str, rule_id: str, column: str) -> None:
    """A bad row costs no good one."""
    first, second, third = read(page(f'[{{"a":"x","b":"y"}},{row},{{"b":"y","a":"x"}}]'))
    assert isinstance(second, BadRow)
    assert (second.number, second.rule_id, second.column) == (2, rule_id, column)
    assert (first, third) == (Row(1, ["x", "y"]), Row(3, ["x", "y"]))


@pytest.mark.parametrize(
    ("row", "rule_id", "column"),
    [
        ('{"x":1,"y":2}', "header.missing", ""),
        ('{"a":1,"b":2,"c":3}', "header.unknown", "c"),
        ("[1]", "json.envelope", ""),
    ],
)
def test_headers(row: str, rule_id: str, column: str) -> None:
    """The first row's names are the header."""
    refused = refusal(page(f"[{row}]"))
    assert (refused.rule_id, refused.column) == (rule_id, column)


@pytest.mark.parametrize(
    ("content", "rule_id"),
    [
        (b"", "json.syntax"),
        (b"<html>", "json.syntax"),
        ('{"retCode":"200","x":"张"}'.encode("gb18030"), "json.syntax"),
        (page('[{"a":NaN,"b":1}]'), "json.syntax"),
        (page('[{"a":1e99999999999999999999,"b":1}]'), "json.syntax"),
        (page(f'[{{"a":{"9" * 5000},"b":1}}]'), "json.syntax"),
        (b"[" * 100_000, "json.syntax"),
        (b"[]", "json.envelope"),
        (b"{}", "json.envelope"),
        (b'{"retCode":"200","data":[]}', "json.envelope"),
        (page('{"a":1}'), "json.envelope"),
        (page("[]", "2"), "json.envelope"),
        (page("[]", "1", "x"), "json.envelope"),
        (page("[]", "1", "999999999"), "json.envelope"),
        (page("[]", True), "json.envelope"),
    ],
)
def test_other_answers(content: bytes, rule_id: str) -> None:
    """What is not the envelope is refused, without a word of it."""
    assert refusal(content).rule_id == rule_id


@pytest.mark.parametrize(
    ("code", "message", "shown"),
    [
        ("500", "系统忙", "500：系统忙"),
        (401, "no token", "401：no token"),
        ("500", "人员 320612199001011234 不存在", "500：…"),
        ("500", "x" * 81, "500：…"),
        ("500", "a\nb", "500：…"),
        ("500", {"x": 1}, "500：…"),
        ("320612199001011234", None, "?：…"),
    ],
)
def test_refusals(code: object, message: object, shown: str) -> None:
    """What the interface says is shown where it can hardly be about a person."""
    refused = refusal(json.dumps({"retCode": code, "retMsg": message}).encode())
    assert refused.rule_id == "json.refused"
    assert shown in refused.reason


@pytest.mark.parametrize(
    "second",
    [page('[{"a":1,"b":2}]', 2, 3), page('[{"a":1,"b":2}]', 2, 1), page("[]", 2, 3)],
)
def test_data_that_changes_between_pages(second: bytes) -> None:
    """Rows may have moved from one page to another: all is to be read again."""
    with pytest.raises(SourceUnavailable) as raised:
        read(page('[{"a":1,"b":2}]', 1, 2), second)
    assert raised.value.rule_id == "json.changed"


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "data"]), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_any_answer_gets_an_answer(value: object) -> None:
    """No JSON crashes the reader, as a whole or as a row."""
    with pytest.raises(SourceRefused):
        read(json.dumps(value).encode())
    try:
        rows = read(page(json.dumps([{"a": 1, "b": 2}, value])))
    except SourceRefused as refused:
        assert refused.reason  # noqa: PT017 - either answer will do
    else:
        assert [row.number for row in rows] == [1, 2]
