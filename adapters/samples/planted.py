"""Planted rows: what is wrong with each, who must reject it, and by which rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

from adapters.mapping import Value
from adapters.tables.csv_source import LINE_BYTES_MAX
from services.domain.check_digits import citizen_number_check, social_credit_check

Spoil = Callable[[str], str]
"""Spoils one cell."""
SpoilLine = Callable[[bytes, bytes], bytes]
"""Spoils an encoded line, without its line end; the second argument is the delimiter."""
SpoilRows = Callable[[list[list[str]]], int | None]
"""Spoils the rows of a record, perhaps by adding some; returns which one is at fault. None: it does not suit them."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted row.

    Attributes:
        row: As people count, the header is row 1.
        kind: What is wrong, in one word.
        rejected_by: "local" (the sending city), "partner" (right by the standard, but the partner's dialect cannot
            say it), or "" (a duplicate is counted, not rejected).
        rule: Rule that rejects it; empty for duplicates and conflicts, which the sync finds.
        column: The dialect's column; empty where the whole row is meant.
        of_row: The row that it repeats or contradicts; 0 where there is none.
        first_row: Of several rows that are one record, the first; 0 where each row is one.
        last_row: The last one of them. All of them are rejected together.
        mended: The clerk's correction: all rows of the record as they should have been, in the source's columns; a row
            that should not be there is empty. Nothing for a duplicate.
    """

    row: int
    kind: str
    rejected_by: str
    rule: str = ""
    column: str = ""
    of_row: int = 0
    first_row: int = 0
    last_row: int = 0
    mended: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def corrections(self) -> dict[int, tuple[str, ...]]:
        """Return the cells that each row of the record should have, by row as people count."""
        return dict(enumerate(self.mended, self.first_row or self.row))

    def as_json(self) -> dict[str, str | int]:
        """Its line in planted.json, without cells; a duplicate says that it is counted as one."""
        counted = {} if self.rejected_by else {"counted_as": "duplicate"}
        return {key: value for key, value in asdict(self).items() if value not in ("", 0) and key != "mended"} | counted


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of planted row.

    Attributes:
        name: "citizen_number_check".
        column: Place of the spoilt cell's column by name; empty where the line is spoilt.
        rule: Rule that rejects it.
        spoil: Spoils the cell.
        spoil_line: Spoils the line.
        rejected_by: "local" or "partner".
        spoil_rows: Spoils a record of several rows.
        rows_min: Rows that the record must have.
        needs: The column that must give something, or the row would stay good; empty where none must.
        value: Put into the cell in place of a text; workbooks alone can hold it. None: the cell stays a text.
        breaks_off: The file breaks off in the line, so that it is the last one.
    """

    name: str
    column: str
    rule: str
    spoil: Spoil | None = None
    spoil_line: SpoilLine | None = None
    rejected_by: str = "local"
    spoil_rows: SpoilRows | None = None
    rows_min: int = 1
    needs: str = ""
    value: Value = None
    breaks_off: bool = False


def put(text: str) -> Spoil:
    """Put a text in place of the cell."""
    return lambda _: text


def _wrong_citizen_check(number: str) -> str:
    # Never a zero: behind two others it would look like a number that a spreadsheet has rounded.
    return number[:17] + ("1" if number[17] != "1" else "2")


def _impossible_birth(number: str) -> str:
    body = f"{number[:10]}0230{number[14:17]}"
    return body + citizen_number_check(body)


def _rounded_zeros(number: str) -> str:
    # 15 digits survive in a spreadsheet; "000" with its own right check character would not be noticed.
    body = f"{number[:15]}00"
    return body + "0" if citizen_number_check(body) != "0" else f"{number[:14]}{(int(number[14]) + 1) % 10}000"


def wrong_credit_check(code: str) -> str:
    """Put another check character into a credit code."""
    return code[:17] + ("A" if social_credit_check(code[:17]) != "A" else "B")


def one_more(amount: str) -> str:
    """Put another first digit into an amount."""
    return f"{int(amount[0]) % 9 + 1}{amount[1:]}"


PERSON: Final[tuple[tuple[str, str, Spoil], ...]] = (
    ("citizen_number_check", "citizen_number.check", _wrong_citizen_check),
    ("citizen_number_birth_date", "citizen_number.birth_date", _impossible_birth),
    ("citizen_number_exponent", "citizen_number.precision", lambda number: f"{number[0]}.{number[1:5]}E+17"),
    ("citizen_number_rounded", "citizen_number.precision", _rounded_zeros),
    ("citizen_number_short", "citizen_number.format", lambda number: number[:17]),
)
LINES: Final[tuple[tuple[str, str, SpoilLine], ...]] = (
    ("cell_lacking", "csv.cells", lambda line, delimiter: line.rpartition(delimiter)[0]),
    ("cell_surplus", "csv.cells", lambda line, delimiter: line + delimiter + b"1"),
    ("nul_byte", "csv.nul", lambda line, delimiter: line.replace(delimiter, delimiter + b"\0", 1)),
    ("undecodable_byte", "csv.encoding", lambda line, delimiter: line.replace(delimiter, delimiter + b"\xff", 1)),
    ("stray_quote", "csv.quotes", lambda line, delimiter: line.replace(delimiter, delimiter + b'"', 1)),
    ("bare_carriage_return", "csv.line_break", lambda line, delimiter: line.replace(delimiter, b"\r" + delimiter, 1)),
    ("line_too_long", "csv.too_long", lambda line, _: line + b"1" * LINE_BYTES_MAX),
)
_BROKEN_OFF: Final = "csv.truncated"


def line_kinds(rows_min: int) -> list[Kind]:
    """Return what may be wrong with a line of CSV.

    Args:
        rows_min: Rows of a record of which one may be such a line, so that no neighbour is in doubt.
    """
    kinds = [Kind(name, "", rule, spoil_line=spoil, rows_min=rows_min) for name, rule, spoil in LINES]
    last = min(rows_min, 2)
    return [*kinds, Kind("file_breaks_off", "", _BROKEN_OFF, spoil_line=_first_cell, rows_min=last, breaks_off=True)]


def _first_cell(line: bytes, delimiter: bytes) -> bytes:
    return line.partition(delimiter)[0]


def _kinds(person: str, cells: tuple[tuple[str, str, str, Spoil], ...], partner: tuple[Kind, ...]) -> list[Kind]:
    """Join what is common to both dialects with a dialect's own; the partner's first, so that few rows show them."""
    common = [Kind(name, person, rule, spoil=spoil) for name, rule, spoil in PERSON]
    own = [Kind(name, column, rule, spoil=spoil) for name, column, rule, spoil in cells]
    return [*partner, *common, *own, *line_kinds(1)]


LOCAL_KINDS: Final = _kinds(
    "AAC002",
    (
        ("serial_short", "AAC001", "serial.format", lambda serial: serial[:9]),
        ("name_missing", "AAC003", "cell.missing", put("—")),
        ("name_private_use", "AAC003", "text.private_use", lambda name: f"{name[0]}\ue863"),
        ("name_invisible", "AAC003", "text.control", lambda name: f"{name}\u200b{name[0]}"),
        ("sex_unknown", "AAC004", "code.unknown", put("3")),
        ("sex_label", "AAC004", "code.unknown", put("男")),
        ("ethnic_group_code", "AAC005", "code.unknown", put("01")),
        ("birth_date_impossible", "AAC006", "date.calendar", put("19800230")),
        ("birth_date_shape", "AAC006", "date.format", put("1980-02-28")),
        ("employer_number_letters", "AAB001", "digits.format", put("ABC")),
        ("employer_code_check", "AAB003", "social_credit_code.check", wrong_credit_check),
        ("employer_code_letter", "AAB003", "social_credit_code.format", lambda code: f"{code[:17]}O"),
        ("employer_name_missing", "AAB004", "cell.missing", put("--")),
        ("scheme_unknown", "AAE140", "code.unknown", put("999")),
        ("scheme_two_digits", "AAE140", "code.unknown", put("04")),
        ("settlement_month_13", "AAE002", "date.calendar", put("202613")),
        ("period_month_missing", "AAE003", "cell.missing", put("")),
        ("payment_kind_code", "AAA115", "code.unknown", put("10")),
        ("paid_unknown", "AAE132", "code.unknown", put("是")),
        ("money_negative", "AAE180", "money.yuan2", lambda yuan: f"-{yuan}"),
        ("money_absurd", "AAE180", "money.yuan2", put("123456789.00")),
        ("money_without_decimals", "AAE180", "money.yuan2", lambda yuan: yuan[:-3]),
        ("money_separators", "AAE180", "money.yuan2", put("12,345.00")),
        ("money_exponent", "AAE480", "money.yuan2", put("1.2E3")),
        ("money_full_width", "AAE481", "money.yuan2", put("８０.00")),
        ("sum_mismatch", "AAA080", "sum.mismatch", one_more),
        ("credited_date_impossible", "AAB191", "date.calendar", put("20260230")),
        ("division_unknown", "AAB301", "code.unknown", put("999999")),
        ("division_seven_digits", "AAB301", "division.format", put("3206120")),
    ),
    (
        Kind("scheme_320", "AAE140", "code.unsaid", put("320"), rejected_by="partner"),
        Kind("scheme_330", "AAE140", "code.unsaid", put("330"), rejected_by="partner"),
        Kind("scheme_150", "AAE140", "code.unsaid", put("150"), rejected_by="partner"),
        Kind("scheme_170", "AAE140", "code.unsaid", put("170"), rejected_by="partner"),
        Kind("employer_name_means_missing", "AAB004", "cell.means_missing", put("不详"), rejected_by="partner"),
    ),
)
"""What is planted in Nantong's file."""

SHANGHAI_KINDS: Final = _kinds(
    "sfzh",
    (
        ("serial_missing", "lsh", "cell.missing", put("不详")),
        ("serial_too_long", "lsh", "text.too_long", lambda serial: serial * 5),
        ("name_missing", "xm", "cell.missing", put("")),
        ("name_private_use", "xm", "text.private_use", lambda name: f"{name[0]}\ue863"),
        ("name_invisible", "xm", "text.control", lambda name: f"{name}\u200b{name[0]}"),
        ("sex_national_code", "xb", "code.unknown", put("2")),
        ("sex_label", "xb", "code.unknown", put("女")),
        ("birth_date_impossible", "csrq", "date.calendar", put("1981-02-29")),
        ("birth_date_shape", "csrq", "date.format", put("1980/2/28 00:00:00")),
        ("employer_name_missing", "dwmc", "cell.missing", put("--")),
        ("employer_code_check", "shxydm", "social_credit_code.check", wrong_credit_check),
        ("employer_code_lower_case", "shxydm", "social_credit_code.format", str.lower),
        ("scheme_unknown", "xzdm", "code.unknown", put("07")),
        ("scheme_three_digits", "xzdm", "code.unknown", put("110")),
        ("settlement_month_13", "jsq", "date.calendar", put("2026-13")),
        ("period_month_shape", "fkssq", "date.format", put("202601")),
        ("payment_kind_unknown", "jflx", "code.unknown", put("X")),
        ("paid_unknown", "jfbz", "code.unknown", put("2")),
        ("money_negative", "jfjs", "money.fen", lambda fen: f"-{fen}"),
        ("money_absurd", "jfjs", "money.fen", put("123456789012")),
        ("money_decimals", "jfjs", "money.fen", lambda fen: f"{fen}.00"),
        ("money_exponent", "dwjf", "money.fen", put("8E4")),
        ("money_full_width", "grjf", "money.fen", put("８０００")),
        ("sum_mismatch", "jfhj", "sum.mismatch", one_more),
        ("credited_date_impossible", "dzrq", "date.calendar", put("2026-02-30")),
        ("division_unknown", "cbd", "code.unknown", put("南北区")),
        ("division_code", "cbd", "code.unknown", put("310115")),
    ),
    (
        Kind("employer_name_means_missing", "dwmc", "cell.means_missing", put("—"), rejected_by="partner"),
        Kind("name_means_missing", "xm", "cell.means_missing", put("—"), rejected_by="partner"),
    ),
)
"""What is planted in Shanghai's file."""
