"""Typed values of databases and spreadsheets become the dialect's texts exactly, or not at all; and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from adapters.mapping import RowRejected, Value, load_mapping
from tests.unit.adapters.mapping.rows import golden

ENROLMENT = ("local", "social.enrolment")
CASES = {
    "local contribution": ("local", "social.contribution"),
    "local enrolment": ENROLMENT,
    "local transfer": ("local", "social.transfer"),
    "local certification": ("local", "social.certification"),
    "shanghai contribution": ("shanghai", "social.contribution"),
    "shanghai enrolment": ("shanghai", "social.enrolment"),
    "shanghai transfer": ("shanghai", "social.transfer"),
    "shanghai certification": ("shanghai", "social.certification"),
}


def say(case: str, column: str, value: Value) -> tuple[str, list[str]]:
    """The text of a value in a column, and what was noted."""
    mapping, row = load_mapping(*CASES[case]), dict(golden(*CASES[case])[0])
    values: dict[str, Value] = {**row, column: value}
    notes: list[str] = []
    return mapping.texts(list(values.values()), notes)[mapping.columns.index(column)], notes


@pytest.mark.parametrize(
    ("case", "column", "value", "text", "noted"),
    [
        ("local contribution", "AAE180", 269.4, "269.40", ["decimals_filled"]),
        ("local contribution", "AAE180", 269.44, "269.44", []),
        ("local contribution", "AAE180", 269, "269.00", ["decimals_filled"]),
        ("local contribution", "AAE180", Decimal("269.40"), "269.40", []),
        ("local contribution", "AAE180", Decimal("269.400"), "269.40", ["decimals_filled"]),
        ("local contribution", "AAE180", 1e7, "10000000.00", ["decimals_filled"]),
        ("shanghai contribution", "jfjs", 26940.0, "26940", []),
        ("shanghai contribution", "jfjs", Decimal("26940"), "26940", []),
        ("local contribution", "AAC006", 19800229, "19800229", []),
        ("local contribution", "AAC006", 19800229.0, "19800229", []),
        ("local contribution", "AAC006", date(1980, 2, 29), "19800229", []),
        ("local contribution", "AAC006", datetime(1980, 2, 29), "19800229", []),
        ("local contribution", "AAE003", 202601, "202601", []),
        ("local contribution", "AAE003", date(2026, 1, 1), "202601", ["typed_month"]),
        ("shanghai contribution", "csrq", date(1980, 2, 29), "1980-02-29", []),
        ("shanghai contribution", "dzrq", datetime(2026, 1, 14, 16, tzinfo=UTC), "2026-01-15", []),
        ("shanghai enrolment", "cbny", date(2002, 7, 1), "2002-07", ["typed_month"]),
        ("shanghai enrolment", "txbz", True, "是", []),
        ("shanghai transfer", "blrq", date(2026, 2, 10), "2026年2月10日", []),
        ("shanghai transfer", "nian", 2024.0, "2024", []),
        ("shanghai transfer", "dwjfbl", 0.16, "16%", []),
        ("shanghai transfer", "acyears", 23.0, "23", []),
        ("local transfer", "aaa042", 0.16, "0.16", []),
        ("local transfer", "aaa042", Decimal("0.160"), "0.16", []),
        ("local transfer", "aae202", 12.0, "12", []),
        ("local certification", "BIC162", datetime(2026, 1, 15, 9, 30, 59, 123000), "20260115093059123", []),
        ("local certification", "BIC162", 20260115093059000, "20260115093059000", []),
        ("shanghai certification", "rzsj", datetime(2026, 1, 15, 1, 30, 59, tzinfo=UTC), "2026/1/15 09:30:59", []),
        ("local contribution", "AAE140", 110, "110", []),
        ("local contribution", "AAE140", 110.0, "110", []),
        ("local contribution", "AAC002", 320621198002290010, "320621198002290010", []),
        ("local contribution", "AAC001", 1000000001.0, "1000000001", []),
        ("local contribution", "AAB004", 360, "360", []),
        ("local enrolment", "AAC084", False, "0", []),
        ("local enrolment", "AAE100", 1.0, "1", []),
        ("local enrolment", "AAE036", datetime(2026, 1, 1, 9), "", []),
        ("local enrolment", "AAE013", None, "", []),
    ],
)
def test_what_can_be_said(case: str, column: str, value: Value, text: str, noted: list[str]) -> None:
    """A value becomes the text that the dialect's own file has; what was filled up is noted."""
    assert say(case, column, value) == (text, noted)


@pytest.mark.parametrize(
    ("case", "column", "value", "rule"),
    [
        ("local contribution", "AAE180", 269.444, "typed.decimals"),
        ("local contribution", "AAE180", 0.1 + 0.2, "typed.decimals"),
        ("local contribution", "AAE180", float("nan"), "typed.kind"),
        ("local contribution", "AAE180", float("inf"), "typed.kind"),
        ("local contribution", "AAE180", True, "typed.kind"),
        ("local contribution", "AAE180", date(2026, 1, 1), "typed.kind"),
        ("shanghai contribution", "jfjs", 269.4, "typed.fraction"),
        ("local contribution", "AAE140", 110.5, "typed.fraction"),
        ("local contribution", "AAE140", True, "typed.kind"),
        ("local contribution", "AAC006", 1980.5, "typed.fraction"),
        ("local contribution", "AAC006", datetime(1980, 2, 29, 8), "typed.time"),
        ("local contribution", "AAE003", date(2026, 1, 2), "typed.day"),
        ("shanghai enrolment", "cbny", date(2002, 7, 2), "typed.day"),
        ("shanghai transfer", "nian", date(2024, 1, 11), "typed.day"),
        ("local contribution", "AAC002", 3.2062119800229e17, "citizen_number.precision"),
        ("local contribution", "AAC002", 0.5, "typed.fraction"),
        ("local contribution", "AAB001", 1e15, "typed.precision"),
        ("local contribution", "AAC003", 5, "typed.kind"),
        ("local certification", "BIC162", date(2026, 1, 15), "typed.kind"),
        ("local certification", "BIC162", datetime(2026, 1, 15, 0, 0, 0, 1), "time.precision"),
        ("shanghai certification", "rzsj", datetime(2026, 1, 15, 0, 0, 0, 1000), "time.precision"),
        ("local enrolment", "AAE100", True, "typed.kind"),
    ],
)
def test_what_cannot(case: str, column: str, value: Value, rule: str) -> None:
    """No text says exactly this value: the row is rejected with the column, and never quoted."""
    with pytest.raises(RowRejected) as raised:
        say(case, column, value)
    assert (raised.value.column, raised.value.rule_id) == (column, rule)
    assert raised.value.__suppress_context__
    assert str(value) not in str(raised.value)


def test_zones_are_local_time() -> None:
    """An instant with a zone is said in UTC+8, whatever the zone."""
    tokyo = timezone(timedelta(hours=9))
    assert say("shanghai certification", "rzsj", datetime(2026, 1, 15, 9, tzinfo=tokyo))[0] == "2026/1/15 08:00:00"


def test_values_for_typed_targets() -> None:
    """Kinds that have a type get it; everything else stays a text, and months stay months."""
    mapping = load_mapping(*ENROLMENT)
    row = mapping.from_standard(mapping.to_standard(list(golden(*ENROLMENT)[1].values())).message)
    values = dict(zip(mapping.columns, mapping.values(row), strict=True))
    assert values["AAC006"] == date(1975, 12, 31)
    assert values["AAC030"] == "201907"
    assert values["AAE180"] == Decimal("4494.00")
    assert (values["AAC040"], values["AAC049"], values["AAE011"]) == (None, None, None)
    assert (values["AAE140"], values["BAC001"], values["AAC084"]) == ("210", "1000000002", "0")
    transfer = load_mapping("shanghai", "social.transfer")
    first = transfer.values(list(golden("shanghai", "social.transfer")[0].values()))
    by_name = dict(zip(transfer.columns, first, strict=True))
    assert (by_name["acyears"], by_name["cymons"], by_name["ys"]) == (23, 6, 12)
    assert (by_name["dwjfbl"], by_name["blrq"]) == (Decimal("0.16"), date(2026, 2, 10))
    certification = load_mapping("local", "social.certification")
    rows = golden("local", "social.certification")
    written = certification.from_standard(certification.to_standard(list(rows[3].values())).message)
    told = certification.values(written)
    assert told[certification.columns.index("BIC162")] == datetime(2026, 2, 1, 12, 0, 0, 123000)


def test_number_of_values() -> None:
    """A row with more or fewer values is rejected as a whole."""
    with pytest.raises(RowRejected) as raised:
        load_mapping(*ENROLMENT).texts(["1"])
    assert (raised.value.rule_id, raised.value.column) == ("row.cells", "")
