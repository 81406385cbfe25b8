"""Settlements: three lists in one record, sums of funds, and a platform that spells the same names differently."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.mapping import RowRejected, load_mapping
from tests.unit.adapters.mapping.rows import golden

LOCAL, SHANGHAI = (load_mapping(dialect, "care.settlement") for dialect in ("local", "shanghai"))
FIRST, SECOND = golden("local", "care.settlement")[:2]
FEE = ("feedetl_sn", "med_list_codg", "cnt", "pric", "det_item_fee_sumamt")


def rows(*changes: dict[str, str]) -> list[list[str]]:
    """The two rows of the first golden settlement, each with other cells."""
    return [list((row | change).values()) for row, change in zip((FIRST, SECOND), changes, strict=True)]


def refused(*changes: dict[str, str]) -> RowRejected:
    """How a settlement of two rows is rejected."""
    with pytest.raises(RowRejected) as raised:
        LOCAL.to_standard_rows(rows(*changes))
    return raised.value


class TestLists:
    """Fees, diagnoses and funds stand side by side."""

    def test_each_list_has_its_own_length(self) -> None:
        """Two fees and one diagnosis are two rows, and come back as they were."""
        nothing = dict.fromkeys(["age", "diag_code", "diag_name", "fund_pay_type", "fund_payamt"], "")
        written = rows({"age": ""}, nothing)
        written[0][LOCAL.columns.index("fund_payamt")] = "650.00"
        message: Any = LOCAL.to_standard_rows(written).message
        assert [len(one) for one in (message.items, message.diagnoses, message.funds)] == [2, 1, 1]
        assert LOCAL.from_standard_rows(message) == written

    def test_a_gap_is_refused(self) -> None:
        """A second diagnosis beside no first one would come back in another row."""
        rejected = refused({"diag_code": "", "diag_name": ""}, {})
        assert (rejected.rule_id, rejected.column, rejected.row) == ("group.gap", "diag_code", 1)

    def test_a_row_that_adds_nothing_is_refused(self) -> None:
        """It may have lost what it had."""
        nothing = dict.fromkeys([*FEE, "diag_code", "diag_name", "fund_pay_type", "fund_payamt"], "")
        assert refused({}, nothing).rule_id == "group.empty_item"

    def test_half_an_item_names_what_it_lacks(self) -> None:
        """A diagnosis without a name."""
        rejected = refused({}, {"diag_name": ""})
        assert (rejected.rule_id, rejected.column, rejected.row) == ("cell.missing", "diag_name", 1)

    def test_more_items_than_the_standard_has(self) -> None:
        """Of diagnoses there are at most 50, although fees may fill more rows."""
        row = {**FIRST, "det_item_fee_sumamt": "0.00", **dict.fromkeys(["fund_pay_type", "fund_payamt"], "")}
        many = [list({**row, "fund_pay_type_name": ""}.values()) for _ in range(51)]
        with pytest.raises(RowRejected) as raised:
            LOCAL.to_standard_rows(many)
        assert (raised.value.rule_id, raised.value.column, raised.value.row) == ("group.too_long", "diag_code", 50)


class TestSums:
    """What the funds, the person and the hospital pay."""

    @pytest.mark.parametrize(
        ("column", "amount", "total"),
        [
            ("hifp_pay", "600.01", "fund_pay_sumamt"),
            ("psn_cash_pay", "199.99", "psn_part_amt"),
            ("hosp_part_amt", "0.00", "medfee_sumamt"),
        ],
    )
    def test_a_part_that_is_off_names_its_total(self, column: str, amount: str, total: str) -> None:
        """And the parts, never the amounts."""
        rejected = refused({column: amount}, {column: amount})
        assert (rejected.rule_id, rejected.column) == ("sum.mismatch", total)
        assert column in rejected.reason
        assert amount not in rejected.reason

    def test_fees_add_up_to_the_total(self) -> None:
        """The columns are named as the dialect has them."""
        rejected = refused({"det_item_fee_sumamt": "499.99"}, {})
        assert (rejected.rule_id, rejected.column, rejected.field) == ("sum.mismatch", "medfee_sumamt", "total_fen")
        assert "det_item_fee_sumamt" in rejected.reason

    def test_fund_payments_add_up(self) -> None:
        """To what all funds paid."""
        rejected = refused({}, {"fund_payamt": "50.01"})
        assert (rejected.rule_id, rejected.column) == ("sum.mismatch", "fund_pay_sumamt")

    def test_a_summary_without_details_travels(self) -> None:
        """No fees, no funds: nothing to add up."""
        row = golden("local", "care.settlement")[2]
        message: Any = LOCAL.to_standard(list(row.values())).message
        assert (message.total_fen, len(message.items)) == (1235, 0)

    def test_unit_prices_keep_six_decimals(self) -> None:
        """As text, never as a binary float."""
        message: Any = LOCAL.to_standard_rows(rows({}, {})).message
        assert message.items[0].unit_price_yuan == "17.857142"


class TestThePlatform:
    """Shanghai's shape."""

    def test_five_names_differ(self) -> None:
        """Two systems, one meaning."""
        differing = {
            field: (LOCAL.column_of(field), SHANGHAI.column_of(field))
            for field in LOCAL.standard.fields
            if LOCAL.column_of(field) != SHANGHAI.column_of(field)
        }
        assert differing == {
            "division": ("insuplc_admdvs", "insu_admdvs"),
            "other_fund_fen": ("oth_pay", "othfund_pay"),
            "person_total_fen": ("psn_part_amt", "psn_pay"),
            "cash_fen": ("psn_cash_pay", "cash_payamt"),
            "hospital_fen": ("hosp_part_amt", "ownpay_hosp_part"),
        }

    @pytest.mark.parametrize(("column", "cell"), [("refd_setl_flag", "1"), ("hifdm_pay", "0.01")])
    def test_what_the_standard_cannot_say_is_not_sent(self, column: str, cell: str) -> None:
        """Refunds, and money of a fund that nobody could name."""
        row = golden("shanghai", "care.settlement")[0] | {column: cell}
        with pytest.raises(RowRejected) as raised:
            SHANGHAI.to_standard(list(row.values()))
        assert (raised.value.column, raised.value.rule_id) == (column, "fixed.other")
