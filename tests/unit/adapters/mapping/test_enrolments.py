"""The pitfalls of enrolments: mixed precision, zeros that mean nothing, aliases, codes and columns that stay."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.mapping import load_mapping
from tests.unit.adapters.mapping.rows import golden, reader, rejection

LOCAL, SHANGHAI = (load_mapping(dialect, "social.enrolment") for dialect in ("local", "shanghai"))
local, shanghai = reader("local", "social.enrolment"), reader("shanghai", "social.enrolment")


class TestDates:
    """Pitfall 1: days and months within one row, and the same column that says months elsewhere."""

    def test_precision_is_mixed_within_one_row(self) -> None:
        """Each date keeps what is known of it."""
        message = local(AAC030="20020701", AAC049="200206", AAC007="200207").message
        assert (message.enrolled_date, message.first_enrolled_date) == ("2002-07-01", "2002-06")
        assert message.work_started_date == "2002-07"

    def test_shanghai_says_months_and_leaves_the_day_out(self) -> None:
        """The converter is lossy and says so; nothing invents the day when it is read back."""
        row = dict(zip(SHANGHAI.columns, SHANGHAI.from_standard(local().message), strict=True))
        assert row["cbny"] == "2002-07"
        assert SHANGHAI.to_standard(list(row.values())).message.enrolled_date == "2002-07"  # type: ignore[attr-defined]
        lossy = {column.name: column.cell.lossy for column in SHANGHAI.plan.columns if column.cell.lossy}
        assert lossy.keys() == {"cjgzny", "cbny", "sccbny", "txny"}

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("2002-13", "converter.range"),
            ("2002-07-01", "date.format"),
            ("200207", "date.format"),
            ("", "cell.missing"),
        ],
    )
    def test_shanghai_months(self, text: str, rule: str) -> None:
        """A month that is none, a day, another shape, nothing."""
        assert rejection(shanghai, cbny=text).rule_id == rule


class TestMissing:
    """Pitfall 6: zeros mean nothing only in columns that say so."""

    @pytest.mark.parametrize("column", ["AAC007", "AIC162", "BAB001", "AAC049"])
    def test_declared_zeros(self, column: str) -> None:
        """They are nothing there, named in the lineage."""
        assert "missing_word" in local(**{column: "0"}).normalisations

    @pytest.mark.parametrize(
        ("column", "word", "rule"),
        [("AAC030", "0", "date.format"), ("AAC049", "00000000", "date.calendar"), ("AAE035", "0", "date.format")],
    )
    def test_zeros_elsewhere(self, column: str, word: str, rule: str) -> None:
        """In any other column they are wrong, or a text like any other."""
        assert rejection(local, **{column: word}).rule_id == rule
        assert local(AAC147="0").message.document_number == "0"

    def test_a_value_that_means_nothing_here_is_refused(self) -> None:
        """An employer's number 0 of another city would read back as none: it cannot be written."""
        message = local().message
        message.employer_number = "0"
        refusal = LOCAL.unexpressible(message)
        assert refusal is not None
        assert (refusal.field, refusal.rule_id) == ("employer_number", "cell.means_missing")

    def test_those_who_enrolled_themselves(self) -> None:
        """Without an employer there is no code; all zeros say the same in Shanghai."""
        message = golden_message(2)
        assert (message.employer_code, message.employer_name, message.employer_number) == ("", "", "")
        assert shanghai(shxydm="0" * 18).message.employer_code == ""


class TestCodes:
    """Pitfall 7: two digits for three, labels for codes, the same digit with another meaning."""

    def test_an_alias_is_read_and_named_and_never_written(self) -> None:
        """04 is the work injury scheme of 410 in a city system that was seen."""
        message, notes = local(AAE140="04")
        assert (message.scheme, "code_alias" in notes) == (410, True)
        assert LOCAL.from_standard(message)[LOCAL.columns.index("AAE140")] == "410"
        assert shanghai(xb="F").message.sex == shanghai(xb="女").message.sex
        assert rejection(shanghai, xb="1").rule_id == "code.unknown"

    @pytest.mark.parametrize("code", ["11", "00110", "41000", "企业职工养老"])
    def test_other_variants_are_unknown(self, code: str) -> None:
        """Only declared variants count; the reason names the code system."""
        refused = rejection(local, AAE140=code)
        assert refused.rule_id == "code.unknown"
        assert "LD/T 92 AAE140" in refused.reason

    def test_states(self) -> None:
        """AAC008 and AAC031 are two code systems, although both say 1, 2, 3."""
        message = local(AAC008="3", AAC031="2").message
        assert (message.status, message.payment_status) == (3, 2)
        assert "local AAC008" in rejection(local, AAC008="0").reason

    def test_a_code_without_a_list_travels_as_it_is(self) -> None:
        """AAC009 is two digits, whatever they mean."""
        assert local(AAC009="99").message.household_kind == "99"
        assert rejection(local, AAC009="1").rule_id == "digits.format"


class TestNames:
    """Pitfall 9: the same column name means something else elsewhere."""

    def test_bab001_is_the_employer_here(self) -> None:
        """And the division is AAB301."""
        message = local(BAB001="12345678", AAB301="320614").message
        assert (message.employer_number, message.division.code) == ("12345678", "320614")
        notes = {column.name: column.note for column in LOCAL.declaration.columns}
        assert "AAB301" in notes["BAB001"]
        assert "AAC010" in LOCAL.columns


class TestWhatStays:
    """Columns without a field."""

    def test_unused_columns_are_not_even_looked_at(self) -> None:
        """Whatever they hold stays in the city, and comes back empty."""
        message, notes = local(AAE011="王示例\ue863", AAC060="?", AAE036="x")
        assert message == local().message
        assert notes == local().normalisations
        row = dict(zip(LOCAL.columns, LOCAL.from_standard(message), strict=True))
        assert (row["AAE011"], row["AAC060"], row["AAE100"]) == ("", "", "1")

    @pytest.mark.parametrize("word", ["0", "", "是"])
    def test_void_rows_are_not_sent(self, word: str) -> None:
        """Only rows with the fixed word are records."""
        refused = rejection(local, AAE100=word)
        assert (refused.rule_id, refused.field) == ("fixed.other", "")

    def test_blanks_around_the_fixed_word(self) -> None:
        """They are dropped, named."""
        assert "trim" in local(AAE100=" 1").normalisations

    @pytest.mark.parametrize(("column", "text"), [("AAC161", "china"), ("AAC161", "CN"), ("AAC147", "E-1")])
    def test_texts_keep_their_pattern(self, column: str, text: str) -> None:
        """What the standard says about a text's characters holds in a text column."""
        assert rejection(local, **{column: text}).rule_id == "text.pattern"


class TestSerials:
    """BAC001 is a serial by itself."""

    def test_own_and_foreign(self) -> None:
        """Ten digits are this city's; everything else stands behind #."""
        assert local(BAC001="1234567890").message.source_serial == "1234567890"
        message, notes = local(BAC001="#SH1")
        assert (message.source_serial, LOCAL.from_standard(message)[0]) == ("SH1", "#SH1")
        assert "serial_mark" in local(BAC001="#1234567890").normalisations
        assert "serial_mark" not in notes
        assert rejection(local, BAC001="SH1").rule_id == "serial.format"


def golden_message(row: int) -> Any:
    """The standard of a golden row."""
    cells = golden("local", "social.enrolment")[row]
    return LOCAL.to_standard(list(cells.values())).message
