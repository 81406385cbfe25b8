"""The pitfalls that real adapters meet (standards of the delta), each on the column where it bites."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from adapters.mapping import Mapping, NotExpressible, RowRejected, load_mapping
from services.domain.check_digits import citizen_number_check, social_credit_check
from yrdx.types.v1 import types_pb2

LOCAL = load_mapping("local", "social.contribution")
SHANGHAI = load_mapping("shanghai", "social.contribution")


def citizen(first17: str) -> str:
    """A number with its check character."""
    return first17 + citizen_number_check(first17)


EMPLOYER = "91320600MA1A0001X" + social_credit_check("91320600MA1A0001X")
NUMBER = citizen("32062119800229001")
LOCAL_ROW = dict(
    zip(
        LOCAL.columns,
        [
            *("1000000001", NUMBER, "张三", "1", "汉族", "19800229", "10000001", EMPLOYER, "示例公司", "110", "202601"),
            *(
                "202601",
                "正常应缴",
                "已实缴",
                "5000.00",
                "800.00",
                "400.00",
                "1200.00",
                "0.00",
                "",
                "20260115",
                "320685",
            ),
        ],
        strict=True,
    )
)
SHANGHAI_ROW = dict(
    zip(
        SHANGHAI.columns,
        [
            *("SH1", NUMBER, "张三", "0", "1980-02-29", "示例公司", EMPLOYER, "01", "2026-01", "2026-01", "Z", "1"),
            *("500000", "80000", "40000", "120000", "0", "", "2026-01-15", "浦东新区"),
        ],
        strict=True,
    )
)


def local(**cells: str) -> Any:
    """The standard's message and the normalisations of a local row with other cells."""
    return LOCAL.to_standard(list((LOCAL_ROW | cells).values()))


def shanghai(**cells: str) -> Any:
    """The standard's message and the normalisations of a Shanghai row with other cells."""
    return SHANGHAI.to_standard(list((SHANGHAI_ROW | cells).values()))


def rejection(read: Callable[..., Any], **cells: str) -> RowRejected:
    """How a row is rejected; its one odd cell must be the one that is named, and never be quoted."""
    with pytest.raises(RowRejected) as raised:
        read(**cells)
    assert raised.value.column in cells
    assert " / " in raised.value.reason
    for cell in cells.values():
        assert len(cell) < 4 or cell not in f"{raised.value} {raised.value.reason}"
    return raised.value


def rule(read: Callable[..., Any], **cells: str) -> str:
    """The rule that rejects a row."""
    return rejection(read, **cells).rule_id


class TestDates:
    """Pitfall 1."""

    @pytest.mark.parametrize(
        "text",
        [
            *("1980-02-29", "1980/2/29", "2019/6/12 20:53:37", "20190612205337123", "1980年2月29日", "29280", "198002"),
            *("１９８００２２９", "1980-W01-1", "19800229.0", "1.98E7"),
        ],
    )
    def test_only_the_declared_shape(self, text: str) -> None:
        """ISO, slashes, milliseconds, 年月日, Excel serials and months are no YYYYMMDD."""
        assert rule(local, AAC006=text) == "date.format"

    @pytest.mark.parametrize("text", ["20260230", "20250229", "20261301", "00000000", "18991231", "21000101"])
    def test_day_must_exist(self, text: str) -> None:
        """A day that never was, or lies outside the standard's years, is rejected."""
        assert rule(local, AAB191=text) == "date.calendar"

    def test_month_precision_is_kept(self) -> None:
        """Where only the month is known, no day is invented, in either dialect."""
        message = local(AAB191="202601").message
        assert message.credited_date == "2026-01"
        assert LOCAL.from_standard(message)[LOCAL.columns.index("AAB191")] == "202601"
        assert SHANGHAI.from_standard(message)[SHANGHAI.columns.index("dzrq")] == "2026-01"

    def test_shanghai_writes_iso(self) -> None:
        """Shanghai's dates have dashes; the local form is none there, and the reverse."""
        assert shanghai().message.birth_date == "1980-02-29"
        assert rule(shanghai, csrq="19800229") == "date.format"
        assert rule(shanghai, jsq="202601") == "date.format"


class TestMoney:
    """Pitfall 2."""

    @pytest.mark.parametrize(
        "text",
        [
            *("5000", "5000.0", "5000.000", "5,000.00", "-5000.00", "+5000.00", "5E3", "5000.00元", "¥5000.00", ".50"),
            *(
                "05000.00",
                "５０００.00",
                "5000．00",
                "100000000.00",
                "123456789012.00",
                "5000,00",
                "NaN",
                "inf",
                "5 000.00",
            ),
        ],
    )
    def test_yuan_is_strict(self, text: str) -> None:
        """Yuan has exactly two decimals and no decoration; anything else could mean another amount."""
        assert rule(local, AAE180=text) == "money.yuan2"

    @pytest.mark.parametrize(
        "text", ["500000.00", "-1", "+1", "1E5", "00", "10000000000", "１００", "5,000", "0x10", "1_000"]
    )
    def test_fen_is_strict(self, text: str) -> None:
        """Fen has no decimals and no decoration."""
        assert rule(shanghai, jfjs=text) == "money.fen"

    @pytest.mark.parametrize(
        ("yuan", "fen"), [("0.00", 0), ("0.01", 1), ("269.44", 26944), ("99999999.99", 9999999999)]
    )
    def test_no_binary_float_in_between(self, yuan: str, fen: int) -> None:
        """Amounts are exact up to the largest, both ways."""
        message = local(AAE180=yuan).message
        assert message.base_fen == fen
        assert LOCAL.from_standard(message)[LOCAL.columns.index("AAE180")] == yuan
        assert SHANGHAI.from_standard(message)[SHANGHAI.columns.index("jfjs")] == str(fen)

    def test_missing_is_not_zero(self) -> None:
        """No interest stated and an interest of 0 differ, and both survive."""
        nothing, zero = local(AAA020="").message, local(AAA020="0.00").message
        assert (nothing.HasField("interest_fen"), zero.HasField("interest_fen")) == (False, True)
        assert SHANGHAI.from_standard(nothing)[SHANGHAI.columns.index("lx")] == ""
        assert SHANGHAI.from_standard(zero)[SHANGHAI.columns.index("lx")] == "0"


class TestCharacters:
    """Pitfalls 3 and 4."""

    @pytest.mark.parametrize("character", list("𠮷𬭎㛃䶮"))
    @pytest.mark.parametrize("mapping", [LOCAL, SHANGHAI], ids=["local", "shanghai"])
    def test_rare_characters_survive(self, character: str, mapping: Mapping) -> None:
        """Characters beyond GBK pass mapping and encoding of either dialect unharmed."""
        message = local(AAC003=f"李{character}", AAB004=f"{character}记公司").message
        encoded = [cell.encode(mapping.file.encoding) for cell in mapping.from_standard(message)]
        back: Any = mapping.to_standard([cell.decode(mapping.file.encoding) for cell in encoded]).message
        assert (back.person_name, back.employer_name) == (f"李{character}", f"{character}记公司")

    @pytest.mark.parametrize("column", ["AAC003", "AAB004"])
    def test_private_use_is_reported_not_guessed(self, column: str) -> None:
        """U+E863 is not U+4DAE: the row is rejected, in both directions."""
        assert rule(local, **{column: "李\ue863"}) == "text.private_use"
        message = local().message
        message.person_name = "李\ue863"
        refusal = LOCAL.unexpressible(message)
        assert refusal is not None
        assert (refusal.field, refusal.rule_id) == ("person_name", "text.private_use")

    @pytest.mark.parametrize("dot", list("•・∙‧"))
    def test_middle_dots_inside_names(self, dot: str) -> None:
        """The dots of keyboards and code pages become one in names, named in the lineage, and stay elsewhere."""
        message, notes = local(AAC003=f"买买提{dot}艾力", AAB004=f"甲{dot}乙公司")
        assert message.person_name == "买买提·艾力"
        assert message.employer_name == f"甲{dot}乙公司"
        assert notes == ("middle_dot",)

    @pytest.mark.parametrize("text", ["张\u200b三", "\ufeff张三", "张\ufffd三", "张\x07三", "张\n三", "张\t三"])
    def test_invisible_characters(self, text: str) -> None:
        """What nobody sees does not get into a name."""
        assert rule(local, AAC003=text) == "text.control"

    def test_line_breaks_in_other_texts(self) -> None:
        """A line break inside an employer's name is kept."""
        assert local(AAB004="示例\n公司").message.employer_name == "示例\n公司"

    def test_blanks_around_are_named(self) -> None:
        """Blanks around any cell are dropped, named once."""
        message, notes = local(AAC003=" 张三\u3000", AAC002=f"{NUMBER} ", AAE140=" 110")
        assert (message.person_name, message.person_number, message.scheme) == ("张三", NUMBER, 110)
        assert notes == ("trim",)

    def test_length(self) -> None:
        """A name longer than the standard allows is rejected, not cut."""
        assert local(AAC003="长" * 50).message.person_name == "长" * 50
        assert rule(local, AAC003="长" * 51) == "text.too_long"


class TestCitizenNumbers:
    """Pitfall 5."""

    def test_old_numbers_are_upgraded(self) -> None:
        """15 digits become 18, named in the lineage."""
        message, notes = local(AAC002=NUMBER[:6] + NUMBER[8:17])
        assert message.person_number == NUMBER
        assert notes == ("citizen_number_15",)

    def test_case_and_width(self) -> None:
        """Lower case becomes upper case, full width becomes half width, both named."""
        number = next(n for n in (citizen(f"32062119800229{i:03d}") for i in range(100)) if n[17] == "X")
        assert local(AAC002=number.lower()) == local(AAC002=number)._replace(normalisations=("upper_case",))
        wide = number.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ"))
        assert local(AAC002=wide) == local(AAC002=number)._replace(normalisations=("half_width",))

    @pytest.mark.parametrize(
        "text", ["3.2061E+17", "3.20621198002290E17", "3E+17", "320621198002290000", "320621198002290000.0"]
    )
    def test_precision_lost_is_never_rounded_back(self, text: str) -> None:
        """A number that a spreadsheet rounded is rejected as such."""
        assert rule(local, AAC002=text) == "citizen_number.precision"

    @pytest.mark.parametrize(
        ("number", "expected"),
        [
            (NUMBER[:17] + ("0" if NUMBER[17] != "0" else "1"), "citizen_number.check"),
            (citizen("32062119800230001"), "citizen_number.birth_date"),
            (NUMBER[:17], "citizen_number.format"),
            ("0" + NUMBER[1:], "citizen_number.format"),
            (f"{NUMBER[:16]}XX", "citizen_number.format"),
            ("", "cell.missing"),
            ("—", "cell.missing"),
        ],
    )
    def test_wrong_numbers(self, number: str, expected: str) -> None:
        """Each way of being wrong has its own rule."""
        assert rule(local, AAC002=number) == expected

    def test_one_person_with_several_local_numbers(self) -> None:
        """Two 个人编号 of one person are two serials, so both rows stand."""
        first, second = local(AAC001="1000000001").message, local(AAC001="1000000002").message
        assert first.person_number == second.person_number
        assert (first.source_serial, second.source_serial) == ("1000000001-202601", "1000000002-202601")


class TestMissing:
    """Pitfall 6."""

    @pytest.mark.parametrize("word", ["--", "—", " -- "])
    def test_local_words(self, word: str) -> None:
        """Nantong's words for nothing are nothing, named; the empty cell needs no name."""
        message, notes = local(AAC005=word, AAB191=word)
        assert (message.ethnic_group, message.credited_date) == ("", "")
        assert "missing_word" in notes
        assert local(AAC005="").normalisations == ()

    def test_words_belong_to_a_dialect(self) -> None:
        """不详 means nothing in Shanghai only, — in Nantong only; elsewhere they are texts, or no date at all."""
        assert shanghai(dzrq="不详").message.credited_date == ""
        assert rule(local, AAB191="不详") == "date.format"
        assert rule(shanghai, dzrq="—") == "date.format"
        assert local(AAB004="不详").message.employer_name == "不详"

    @pytest.mark.parametrize("word", ["0", "00000000", "NULL", "null", "无"])
    def test_undeclared_words_are_not_guessed(self, word: str) -> None:
        """Zeros and other words mean nothing only where a dialect says so."""
        assert rule(local, AAB191=word) in {"date.format", "date.calendar"}

    def test_a_name_that_means_nothing_elsewhere(self) -> None:
        """A text that the other dialect reads as nothing is refused there, not lost."""
        refusal = SHANGHAI.unexpressible(local(AAB004="不详").message)
        assert refusal is not None
        assert (refusal.field, refusal.rule_id) == ("employer_name", "cell.means_missing")

    def test_required_cells(self) -> None:
        """Each column of a required field rejects nothing, naming column and field."""
        optional = {"AAC005", "AAB001", "AAA020", "AAA021", "AAB191"}
        for column in LOCAL.columns:
            if column in optional:
                assert local(**{column: ""}).message
            else:
                assert rule(local, **{column: ""}) == "cell.missing"


class TestCodes:
    """Pitfall 7."""

    @pytest.mark.parametrize(
        ("cells", "system"),
        [
            ({"AAE140": "999"}, "LD/T 92 AAE140"),
            ({"AAE140": "04"}, "LD/T 92 AAE140"),
            ({"AAE140": "00110"}, "LD/T 92 AAE140"),
            ({"AAE140": "工伤保险"}, "LD/T 92 AAE140"),
            ({"AAC004": "男"}, "GB/T 2261.1 AAC004"),
            ({"AAC004": "0"}, "GB/T 2261.1 AAC004"),
            ({"AAC005": "01"}, "GB/T 3304 AAC005"),
            ({"AAC005": "汉"}, "GB/T 3304 AAC005"),
            ({"AAA115": "10"}, "local AAA115"),
            ({"AAE132": "1"}, "local AAE132"),
            ({"AAB301": "999999"}, "GB/T 2260 (2026-01-01)"),
        ],
    )
    def test_an_unknown_code_names_its_system(self, cells: dict[str, str], system: str) -> None:
        """Labels, codes of other lengths and unknown codes reject the row and name the code system."""
        refused = rejection(local, **cells)
        assert refused.rule_id == "code.unknown"
        assert system in refused.reason

    def test_the_same_code_means_another_thing(self) -> None:
        """Sex 1 is a man in Nantong and a woman in Shanghai."""
        assert local(AAC004="1").message.sex == types_pb2.SEX_MALE
        assert shanghai(xb="1").message.sex == types_pb2.SEX_FEMALE
        message = local(AAC004="1").message
        assert SHANGHAI.from_standard(message)[SHANGHAI.columns.index("xb")] == "0"

    def test_a_scheme_that_shanghai_has_no_code_for(self) -> None:
        """Of the eleven schemes Shanghai knows six; the others are refused with the code system, in both forms."""
        for scheme in ("320", "330", "150", "170"):
            message = local(AAE140=scheme).message
            refusal = SHANGHAI.unexpressible(message)
            assert refusal is not None
            assert (refusal.field, refusal.rule_id) == ("scheme", "code.unsaid")
            assert "shanghai xzdm" in refusal.reason
            with pytest.raises(NotExpressible):
                SHANGHAI.from_standard(message)

    def test_sex_not_stated(self) -> None:
        """Neither city has a code for a sex that is not stated."""
        message = local().message
        message.sex = types_pb2.SEX_NOT_STATED
        for mapping in (LOCAL, SHANGHAI):
            refusal = mapping.unexpressible(message)
            assert refusal is not None
            assert refusal.field == "sex"


class TestDivisions:
    """Pitfall 8."""

    @pytest.mark.parametrize(
        ("written", "code", "notes"),
        [
            ("320613", "320613", ()),
            ("320602", "320613", ("division_retired",)),
            ("320611", "320613", ("division_retired",)),
            ("320684", "320614", ("division_retired",)),
            ("320621", "320685", ("division_retired",)),
            ("322526", "320681", ("division_retired",)),
            ("322522", "320682", ("division_retired",)),
            ("320584", "320509", ("division_retired",)),
            ("310230", "310151", ("division_retired",)),
            ("320612101", "320612", ("division_cut",)),
            ("320612101200", "320612", ("division_cut",)),
            ("320684101", "320614", ("division_retired", "division_cut")),
        ],
    )
    def test_resolved_and_kept(self, written: str, code: str, notes: tuple[str, ...]) -> None:
        """The code in force and what was written both travel, and Nantong writes back what was written."""
        message, named = local(AAB301=written)
        division = message.division
        assert (division.code, named) == (code, notes)
        assert division.source_code == ("" if written == code else written)
        assert division.as_of == ("" if written == code else "2026-01-01")
        assert LOCAL.from_standard(message)[LOCAL.columns.index("AAB301")] == written

    @pytest.mark.parametrize("written", ["3206", "32061", "3206120", "32061210", "南通", "320612-1", "３２０６１２"])
    def test_other_shapes(self, written: str) -> None:
        """Only 6, 9 or 12 digits are a division."""
        assert rule(local, AAB301=written) == "division.format"

    def test_by_name(self) -> None:
        """Shanghai writes names; every division of the table has one there, and it comes back as the same code."""
        for code, name in {"310115": "浦东新区", "320613": "崇川区", "320509": "吴江区", "320600": "南通市"}.items():
            message = local(AAB301=code).message
            row = SHANGHAI.from_standard(message)
            assert row[SHANGHAI.columns.index("cbd")] == name
            assert SHANGHAI.to_standard(row).message.division.code == code  # type: ignore[attr-defined]

    def test_retired_names(self) -> None:
        """A retired name is resolved, named, and its code kept; Nantong can write that code."""
        message, notes = shanghai(cbd="南汇区")
        assert (message.division.code, message.division.source_code) == ("310115", "310119")
        assert notes == ("division_retired",)
        assert LOCAL.from_standard(message)[LOCAL.columns.index("AAB301")] == "310119"
        assert SHANGHAI.from_standard(message)[SHANGHAI.columns.index("cbd")] == "浦东新区"

    def test_a_name_that_moved(self) -> None:
        """崇川区 is the district of today, not the retired one of the same name."""
        assert shanghai(cbd="崇川区").message.division.code == "320613"

    def test_unknown_names_and_codes(self) -> None:
        """An unknown name rejects the row; a division that the table does not know is refused when written."""
        assert rule(shanghai, cbd="南北区") == "code.unknown"
        assert rule(shanghai, cbd="310115") == "code.unknown"
        message = local().message
        message.division.code = "330102"
        for mapping in (LOCAL, SHANGHAI):
            refusal = mapping.unexpressible(message)
            assert refusal is not None
            assert refusal.rule_id == "division.not_in_force"


class TestSerials:
    """AAC001 is a serial only together with AAE002; everything else is marked."""

    def test_own(self) -> None:
        """Ten digits and the settlement month make the serial, and come back as ten digits."""
        message = local(AAC001="1234567890", AAE002="202602").message
        assert message.source_serial == "1234567890-202602"
        assert LOCAL.from_standard(message)[0] == "1234567890"

    @pytest.mark.parametrize(
        "serial",
        ["SH202601", "1234567890-202512", "1234567890", "123456789-202601", "12345678901-202601", "#", "流水/1"],
    )
    def test_foreign(self, serial: str) -> None:
        """A serial of any other shape, or of another month, is marked with # and comes back as it was."""
        message = local().message
        message.source_serial = serial
        row = LOCAL.from_standard(message)
        assert row[0] == f"#{serial}"
        assert LOCAL.to_standard(row).message == message

    def test_needless_mark(self) -> None:
        """A marked serial that is the city's own is recognised, and the mark named as dropped."""
        message, notes = local(AAC001="#1000000001-202601")
        assert message.source_serial == "1000000001-202601"
        assert notes == ("serial_mark",)

    @pytest.mark.parametrize("text", ["123456789", "12345678901", "SH1", "#", "# 1", "１２３４５６７８９０"])
    def test_neither(self, text: str) -> None:
        """Anything else is rejected."""
        assert rule(local, AAC001=text) == "serial.format"

    def test_not_carried_by_the_other(self) -> None:
        """Shanghai's records leave AAB001 and AAC005 empty in Nantong's shape."""
        row = dict(zip(LOCAL.columns, LOCAL.from_standard(shanghai().message), strict=True))
        assert (row["AAB001"], row["AAC005"]) == ("", "")


class TestRows:
    """Pitfall 10, and rows as such."""

    @pytest.mark.parametrize("cells", [{"AAA080": "1200.01"}, {"AAE480": "800.01"}, {"AAE481": "399.99"}])
    def test_sums_must_add_up(self, cells: dict[str, str]) -> None:
        """A total that is not the sum of its parts rejects the row, naming the three columns and no amount."""
        with pytest.raises(RowRejected) as raised:
            local(**cells)
        refused = raised.value
        assert (refused.column, refused.field, refused.rule_id) == ("AAA080", "total_fen", "sum.mismatch")
        assert all(column in refused.reason for column in ("AAA080", "AAE480", "AAE481"))
        assert not any(
            character.isdigit() for character in refused.reason.replace("080", "").replace("48", "")[20:40:99]
        )
        assert "1200" not in refused.reason

    def test_number_of_cells(self) -> None:
        """A row with more or fewer cells is rejected as a whole."""
        for row in ([], ["1"], [*LOCAL_ROW.values(), ""]):
            with pytest.raises(RowRejected) as raised:
                LOCAL.to_standard(row)
            assert (raised.value.column, raised.value.rule_id) == ("", "row.cells")

    @pytest.mark.parametrize("code", ["91320600MA1A0001XA", "91320600MA1A0001X", "", "91320600MA1A0001XO"])
    def test_employer_codes(self, code: str) -> None:
        """A wrong check character, length or letter of a credit code is rejected."""
        assert rule(local, AAB003=code) in {"social_credit_code.check", "social_credit_code.format", "cell.missing"}

    def test_refusals_cross_processes(self) -> None:
        """A rejection survives being pickled, so mapping may run in worker processes."""
        refused = rejection(local, AAE140="999")
        copy = pickle.loads(pickle.dumps(refused))
        assert (copy.column, copy.field, copy.rule_id, copy.reason) == (
            "AAE140",
            "scheme",
            "code.unknown",
            refused.reason,
        )
        refusal = NotExpressible("scheme", "code.unsaid", "…")
        assert pickle.loads(pickle.dumps(refusal)).rule_id == "code.unsaid"

    def test_a_rejection_leads_to_no_cell(self) -> None:
        """Nothing that a rejection chains to holds a cell."""
        refused = rejection(local, AAC003="长" * 51)
        assert refused.__cause__ is None
        assert refused.__suppress_context__
