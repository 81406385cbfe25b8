"""Check digits and calendars: the named domain rules of the contract (``yrdx.types.v1.Rule``).

Each returns a verdict, because a wrong number is data, not an accident. Patterns are checked before, in the .proto.

Every record passes here several times on its way, so the weighted sums are taken by ``int(text, base)``, which runs
in C: a number read in base b, modulo m, is the sum of its digits weighted by the powers of b modulo m.
"""

from __future__ import annotations

from datetime import date
from typing import Final

# GB 11643 weighs digit i by 2^(17-i) mod 11, and 13 ≡ 2 (mod 11).
_CITIZEN_BASE: Final = 13
_CITIZEN_CHECKS: Final = "10X98765432"

# GB 32100 weighs character i by 3^i mod 31, and 34 ≡ 3 (mod 31): read backwards in base 34.
_CREDIT_BASE: Final = 34
_CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_BASE34_DIGITS: Final = "0123456789abcdefghijklmnopqrstu"
# What is not in the alphabet becomes ".", which no base accepts.
_CREDIT_TO_BASE34: Final = bytes(
    ord(_BASE34_DIGITS[_CREDIT_ALPHABET.index(chr(byte))]) if chr(byte) in _CREDIT_ALPHABET else ord(".")
    for byte in range(256)
)


def citizen_number_check(first17: str) -> str:
    """Compute the check character of a citizen number (GB 11643-1999, ISO 7064 MOD 11-2).

    Args:
        first17: 17 ASCII digits.

    Raises:
        ValueError: There are not 17 digits.
    """
    if len(first17) != 17:
        raise ValueError("a citizen number's check character is computed from 17 digits")
    return _CITIZEN_CHECKS[2 * int(first17, _CITIZEN_BASE) % 11]


def is_citizen_number(text: str) -> bool:
    """Say whether a text is a citizen number: 18 characters, an existing birth date, the right check character.

    Not checked: whether the area was in force at birth (numbers issued later keep earlier areas and the reverse).
    """
    body = text[:17]
    return (
        len(text) == 18
        and body.isascii()
        and body.isdigit()
        and _CITIZEN_CHECKS[2 * int(body, _CITIZEN_BASE) % 11] == text[17]
        and _is_day(text[6:14])
    )


def social_credit_check(first17: str) -> str:
    """Compute the check character of a unified social credit code (GB 32100-2015).

    Raises:
        KeyError: A character is outside the code's alphabet (no I, O, S, V, Z).
        ValueError: There are not 17 characters.
    """
    if len(first17) != 17:
        raise ValueError("a social credit code's check character is computed from 17 characters")
    digits = first17[::-1].encode(errors="replace").translate(_CREDIT_TO_BASE34)
    try:
        return _CREDIT_ALPHABET[-int(digits, _CREDIT_BASE) % 31]
    except ValueError as error:
        raise KeyError("a character is outside the alphabet of GB 32100") from error


def is_social_credit_code(text: str) -> bool:
    """Say whether a text is a unified social credit code with the right check character."""
    try:
        return len(text) == 18 and social_credit_check(text[:17]) == text[17]
    except KeyError:
        return False


def is_calendar_date(text: str) -> bool:
    """Say whether a text is a day that exists, "2026-02-28", or a month, "2026-02" (ISO 8601)."""
    if len(text) == 7:
        text += "-01"
    return len(text) == 10 and text[4] == text[7] == "-" and _is_day(text)


def _is_day(text: str) -> bool:
    """Say whether "YYYY-MM-DD" or "YYYYMMDD" is a day of the Gregorian calendar from the year 1."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
