"""Check digits and calendars against the standards' own definitions."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain import check_digits

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
digits17 = st.text("0123456789", min_size=17, max_size=17)
credit17 = st.text(CREDIT_ALPHABET, min_size=17, max_size=17)


def check_by_weights(first17: str) -> str:
    """GB 11643-1999 as printed: weights, then the table of remainders."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(d) * w for d, w in zip(first17, weights, strict=True)) % 11]


@given(digits17)
def test_citizen_check_is_the_weighted_sum(first17: str) -> None:
    """The check character is the one that GB 11643 defines, for any 17 digits."""
    assert check_digits.citizen_number_check(first17) == check_by_weights(first17)


@given(credit17)
def test_credit_check_is_the_weighted_sum(first17: str) -> None:
    """The check character is the one that GB 32100 defines, for any 17 characters of its alphabet."""
    total = sum(CREDIT_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(first17))
    assert check_digits.social_credit_check(first17) == CREDIT_ALPHABET[(31 - total % 31) % 31]


@given(st.text(max_size=20))
def test_any_text_gets_a_verdict(text: str) -> None:
    """No text makes a rule raise."""
    verdicts = [
        check_digits.is_citizen_number(text),
        check_digits.is_social_credit_code(text),
        check_digits.is_calendar_date(text),
    ]
    assert all(isinstance(verdict, bool) for verdict in verdicts)


@given(st.dates())
def test_every_day_is_a_calendar_date(day: date) -> None:
    """Each day of the calendar passes, and so does its month."""
    assert check_digits.is_calendar_date(day.isoformat())
    assert check_digits.is_calendar_date(day.isoformat()[:7])


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99))
def test_other_days_are_not(year: int, month: int, day: int) -> None:
    """A text of the right shape passes exactly where the calendar has the day."""
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        exists = bool(date(year, month, day))
    except ValueError:
        exists = False
    assert check_digits.is_calendar_date(text) is exists


@pytest.mark.parametrize(
    "text",
    ["2026-W01-1", "20260228", "2026/02/28", "2026-2-28", "2026-02-28 ", "２０２６-02-28", "2026-13", "0000-01", ""],
)
def test_other_shapes_are_no_dates(text: str) -> None:
    """Only ISO 8601 with dashes passes: no week dates, no other digits, nothing around it."""
    assert not check_digits.is_calendar_date(text)


@given(st.dates(), st.text("0123456789", min_size=9, max_size=9), st.data())
def test_one_wrong_character_is_noticed(birth: date, rest: str, data: st.DataObject) -> None:
    """MOD 11-2 notices every single wrong digit."""
    body = f"{rest[:6]}{birth:%Y%m%d}".rjust(14, "0") + rest[6:]
    number = body + check_digits.citizen_number_check(body)
    place = data.draw(st.integers(0, 16))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert check_digits.is_citizen_number(number)
    assert not check_digits.is_citizen_number(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("month_day", ["0230", "0229", "1301", "0000"])
def test_birth_date_must_exist(month_day: str) -> None:
    """A right check character does not help a birth date that never was (2025 is no leap year)."""
    body = f"3206132025{month_day}001"
    assert not check_digits.is_citizen_number(body + check_digits.citizen_number_check(body))


def test_shapes_that_int_would_accept() -> None:
    """Blanks, signs, underscores and other scripts' digits are not digits here."""
    for body in ("+2061320000101001", " 2061320000101001", "3_061320000101001", "３2061320000101001"):
        assert not check_digits.is_citizen_number(body + "1")
    for body in [
        "-1320600MA1AAAAAA",
        "9_320600MA1AAAAAA",
        "91320600MA1AAAAAO",
        "91320600ma1aaaaaa",
        "９1320600MA1AAAAAA",
    ]:
        with pytest.raises(KeyError):
            check_digits.social_credit_check(body)
        assert not any(check_digits.is_social_credit_code(body + check) for check in CREDIT_ALPHABET)


def test_length_is_part_of_the_contract() -> None:
    """A check character is computed from 17 characters, never from fewer or more."""
    for wrong in ("", "3" * 16, "3" * 18):
        with pytest.raises(ValueError, match="17"):
            check_digits.citizen_number_check(wrong)
        with pytest.raises(ValueError, match="17"):
            check_digits.social_credit_check(wrong)
