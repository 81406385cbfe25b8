"""Transfers: several rows are one record, sums over optional amounts, years and months against months, rates."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from adapters.mapping import NotExpressible, RowRejected, load_mapping
from adapters.mapping.reasons import REASONS
from tests.unit.adapters.mapping.rows import golden, reader, rejection
from yrdx.types.v1.types_pb2 import Division

LOCAL, SHANGHAI = (load_mapping(dialect, "social.transfer") for dialect in ("local", "shanghai"))
FORM = [golden("local", "social.transfer")[row] for row in (1, 2)]
local = reader("local", "social.transfer", row=1)
shanghai = reader("shanghai", "social.transfer")


def read(*changes: dict[str, str]) -> Any:
    """The record of as many rows, each the golden form's with other cells."""
    rows = [list((FORM[min(number, 1)] | change).values()) for number, change in enumerate(changes)]
    return LOCAL.to_standard_rows(rows)


def rejected(*changes: dict[str, str]) -> RowRejected:
    """How the record of as many rows is rejected."""
    with pytest.raises(RowRejected) as raised:
        read(*changes)
    return raised.value


class TestGroups:
    """Consecutive rows of one case and step are one record."""

    def test_rows_become_items_in_order(self) -> None:
        """The form once, a year for each row; and back to the same rows."""
        message, notes = read({}, {})
        assert [year.year for year in message.years] == ["2024", "2025"]
        assert notes == ("division_retired", "decimal_zeros")
        written = LOCAL.from_standard_rows(message)
        assert [row[8:30] for row in written] == [list(row.values())[8:30] for row in FORM]

    def test_a_form_alone_is_a_record_without_years(self) -> None:
        """One row without a year's cells, or with words for nothing."""
        message, notes = reader("local", "social.transfer")(aae001=" -- ")
        assert list(message.years) == []
        assert {"trim", "missing_word"} <= set(notes)
        (row,) = LOCAL.from_standard_rows(message)
        assert row[LOCAL.columns.index("aae001")] == ""

    def test_a_rejection_says_which_row(self) -> None:
        """Row and column of the record; the form's own cells are the first row's."""
        refused = rejected({}, {"aae202": "13"})
        assert (refused.column, refused.field, refused.rule_id, refused.row) == (
            "aae202", "years.months", "count.range", 1
        )  # fmt: skip
        assert rejected({"aac003": ""}, {"aac003": ""}).row == 0
        assert pickle.loads(pickle.dumps(refused)).row == 1

    def test_the_form_must_be_the_same_on_all_rows(self) -> None:
        """A cell that differs is named with its row, and not quoted."""
        refused = rejected({}, {"yac251": "另一机构"})
        assert (refused.column, refused.rule_id, refused.row) == ("yac251", "group.differs", 1)
        assert "另一" not in str(refused)
        assert read({}, {"aae173": "9"}).message == read({}, {}).message, "what stays in the city may differ"

    def test_every_row_of_several_has_a_year(self) -> None:
        """A row without one among others is a mistake, not nothing."""
        empty = dict.fromkeys(LOCAL.columns[29:44], "")
        assert (rejected({}, empty).rule_id, rejected({}, empty).row) == ("group.empty_item", 1)
        assert rejected({}, {"aae001": ""}).rule_id == "cell.missing"

    def test_too_many_rows(self) -> None:
        """The standard's limit is the record's."""
        assert LOCAL.group_rows_max == 100
        refused = rejected(*[{}] * 101)
        assert (refused.rule_id, refused.row) == ("group.too_long", 100)

    def test_wrong_numbers_of_cells(self) -> None:
        """Any row of the record may have lost a cell."""
        rows = [list(FORM[0].values()), list(FORM[1].values())[:-1]]
        with pytest.raises(RowRejected) as raised:
            LOCAL.to_standard_rows(rows)
        assert (raised.value.rule_id, raised.value.row) == ("row.cells", 1)

    def test_callers_mistakes(self) -> None:
        """No rows, several rows of a flat dataset, a record of several rows as one row."""
        flat = load_mapping("local", "social.enrolment")
        row = list(golden("local", "social.enrolment")[0].values())
        assert flat.to_standard_rows([row]) == flat.to_standard(row)
        assert flat.from_standard_rows(flat.to_standard(row).message) == [
            flat.from_standard(flat.to_standard(row).message)
        ]
        assert flat.group_key(row) is None
        for rows in ([], [row, row]):
            with pytest.raises(ValueError, match="no record"):
                flat.to_standard_rows(rows)
        with pytest.raises(ValueError, match="from_standard_rows"):
            LOCAL.from_standard(read({}).message)

    def test_what_cannot_be_said_of_an_item(self) -> None:
        """The refusal says which item; both forms say the same."""
        message = read({}, {}).message
        message.years[1].place.CopyFrom(Division(code="330102"))
        refusal = LOCAL.unexpressible(message)
        assert refusal is not None
        assert (refusal.field, refusal.rule_id) == ("years[1].place", "division.not_in_force")
        with pytest.raises(NotExpressible) as raised:
            LOCAL.from_standard_rows(message)
        assert raised.value.field == refusal.field

    def test_columns_of_fields(self) -> None:
        """A verdict about a field leads to its column."""
        assert LOCAL.column_of("years[3].from_date") == "aae041"
        assert LOCAL.column_of("years[0].place.code") == "aab300"
        assert LOCAL.column_of("from_division") == "yac250"
        assert (LOCAL.column_of(""), LOCAL.column_of("years"), LOCAL.column_of("payee_name")) == ("", "", "")


class _Row(NamedTuple):
    number: int
    cells: Sequence[str]
    bad: bool = False


def gathered(*keys: str) -> list[tuple[str, str]]:
    """Gather rows of cases; "?" cannot be read. Returns each group's rows, and its problem's rule."""
    rows = [_Row(n, list((FORM[0] | {"aae270": key}).values()), key == "?") for n, key in enumerate(keys)]
    groups = LOCAL.gather(rows, lambda row: row.bad)
    return [
        ("".join(keys[row.number] for row in group.rows), group.problem.rule_id if group.problem else "")
        for group in groups
    ]


class TestGathering:
    """A reader puts consecutive rows together."""

    def test_by_key(self) -> None:
        """Rows of one key in succession; later ones of the same key are another group, and conflict elsewhere."""
        assert gathered("A", "A", "B", "A") == [("AA", ""), ("B", ""), ("A", "")]
        assert gathered() == []
        assert LOCAL.group_key(list((FORM[0] | {"aae270": " A "}).values())) == ("A", "信息表")
        assert LOCAL.group_key(["A"]) == ()

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("AA?AB", [("AA?A", "group.unreadable"), ("B", "")]),
            ("AA?BBC", [("AA?", "group.unreadable"), ("BB", "group.unreadable"), ("C", "")]),
            ("?AB", [("?", "group.unreadable"), ("A", "group.unreadable"), ("B", "")]),
            ("A?", [("A?", "group.unreadable")]),
            ("?", [("?", "group.unreadable")]),
        ],
    )
    def test_a_row_that_cannot_be_read_may_be_any_neighbours(self, keys: str, expected: list[tuple[str, str]]) -> None:
        """No record that may lack a row is taken for complete."""
        assert gathered(*keys) == expected

    def test_never_more_than_one_record_in_memory(self) -> None:
        """A record with too many rows comes in pieces that all say so."""
        groups = gathered(*"A" * 250, "B")
        assert [(len(rows), rule) for rows, rule in groups] == [
            (101, "group.too_long"), (101, "group.too_long"), (48, "group.too_long"), (1, "")
        ]  # fmt: skip


class TestSums:
    """Pitfall 10: ④ = ① + ② + ③ and ⑥ = ④ + ⑤; an amount that is not stated counts as nothing."""

    @pytest.mark.parametrize("column", ["aic093", "aic089", "aic082", "aic083"])
    def test_account(self, column: str) -> None:
        """④ names its parts, no amount."""
        with pytest.raises(RowRejected) as raised:
            local(**{column: "123.45"})
        assert (raised.value.rule_id, raised.value.column) == ("sum.mismatch", "aic083")
        assert "aic093 + aic089 + aic082" in raised.value.reason
        assert "123" not in str(raised.value)

    def test_total(self) -> None:
        """⑥ is ④ and ⑤."""
        assert rejection(local, aic102="255450.21").rule_id == "sum.mismatch"

    def test_a_total_that_is_not_stated_is_no_total(self) -> None:
        """Parts without their total would not pass the gate, so they do not pass here."""
        assert rejection(local, aic102="").rule_id == "sum.mismatch"
        amounts = dict.fromkeys(("aic093", "aic089", "aic082", "aic083", "aic084", "aic102"), "")
        assert not local(**amounts).message.HasField("total_transfer_fen")


class TestConverters:
    """Years and months in one dialect, months in the other."""

    def test_both_ways(self) -> None:
        """282 months are 23 years and 6 months."""
        message = local().message
        row = dict(zip(SHANGHAI.columns, SHANGHAI.from_standard_rows(message)[0], strict=True))
        assert (row["acyears"], row["cymons"]) == ("23", "6")
        assert shanghai(acyears="0", cymons="11").message.paid_months == 11

    @pytest.mark.parametrize(
        ("years", "months", "rule"),
        [
            ("23", "12", "converter.years_months"),
            ("-1", "0", "converter.years_months"),
            ("23", "", "cell.missing"),
            ("不详", "6", "cell.missing"),
            ("100", "0", "converter.years_months"),
        ],
    )
    def test_wrong_ones(self, years: str, months: str, rule: str) -> None:
        """More months than a year has, signs, one of the two alone."""
        assert rejection(shanghai, acyears=years, cymons=months).rule_id == rule

    def test_nothing(self) -> None:
        """Both empty say nothing."""
        message = shanghai(acyears="", cymons="--").message
        assert not message.HasField("paid_months")

    def test_more_than_it_can_say(self) -> None:
        """The greatest number of the standard is 99 years and 11 months."""
        message = local(aae201="1199").message
        assert SHANGHAI.unexpressible(message) is None
        assert rejection(local, aae201="1200").rule_id == "count.range"


class TestRates:
    """Decimals and percentages are texts: never floats."""

    @pytest.mark.parametrize(
        ("text", "rate"), [("0.16", "0.16"), ("0.160", "0.16"), ("0", "0"), ("1.00", "1"), ("0.000001", "0.000001")]
    )
    def test_decimals(self, text: str, rate: str) -> None:
        """Without trailing zeros, named."""
        message, notes = local(aaa042=text)
        assert message.years[0].employer_rate == rate
        assert ("decimal_zeros" in notes) == (text != rate)

    @pytest.mark.parametrize("text", ["16", "1.1", "0.0000001", "16%", ".16", "0,16", "1E-1", "-0.1"])
    def test_wrong_decimals(self, text: str) -> None:
        """Percentages, other shapes, more decimals than the standard has."""
        assert rejection(local, aaa042=text).rule_id in {"decimal.format", "decimal.range"}

    @pytest.mark.parametrize(
        ("text", "rate"), [("16%", "0.16"), ("8.5%", "0.085"), ("0%", "0"), ("100%", "1"), ("0.01%", "0.0001")]
    )
    def test_percentages(self, text: str, rate: str) -> None:
        """The same rate in Shanghai's way."""
        message, notes = shanghai(dwjfbl=text)
        assert (message.years[0].employer_rate, notes) == (rate, ())

    @pytest.mark.parametrize("text", ["16", "0.16", "101%", "16％", "0.00001%"])
    def test_wrong_percentages(self, text: str) -> None:
        """A bare number may be 16 or 0.16: it is refused."""
        assert rejection(shanghai, dwjfbl=text).rule_id in {"percent.format", "decimal.range"}


class TestDates:
    """Chinese dates, years, and precisions that differ within one row."""

    def test_mixed_precision_in_one_row(self) -> None:
        """From a day to a month."""
        year = local().message.years[0]
        assert (year.from_date, year.to_date) == ("2024-01-01", "2024-12")

    @pytest.mark.parametrize(
        ("text", "date", "noted"), [("2026年2月3日", "2026-02-03", False), ("2026年02月03日", "2026-02-03", True)]
    )
    def test_chinese_days(self, text: str, date: str, noted: bool) -> None:
        """With or without leading zeros; a padded one is named."""
        message, notes = shanghai(blrq=text)
        assert (message.step_date, "date_padding" in notes) == (date, noted)

    @pytest.mark.parametrize(
        ("column", "text", "rule"),
        [
            ("blrq", "2026年2月", "date.format"),
            ("blrq", "2026-02-10", "date.format"),
            ("blrq", "2026年2月30日", "date.calendar"),
            ("scjfrq", "2002年13月", "date.calendar"),
            ("nian", "1899", "date.calendar"),
            ("nian", "24", "date.format"),
        ],
    )
    def test_wrong_ones(self, column: str, text: str, rule: str) -> None:
        """A month where a day is required, other shapes, what is in no calendar."""
        assert rejection(shanghai, **{column: text}).rule_id == rule


def test_reasons_of_groups_are_told() -> None:
    """Every rule that is raised for a whole group has its words."""
    assert {"group.differs", "group.empty_item", "group.too_long", "group.unreadable"} <= REASONS.keys()
