"""Invented transfer cases, as records of the standard: two steps of each case, one of them with the years paid."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import Person, people
from adapters.samples.places import division_in_force, division_name, other_city, own_division

STEPS_PER_PERSON: Final = 2
_YEARS_MAX: Final = 12
_LAST_YEAR: Final = 2025
_RATES: Final = (("0.16", "0", "0.08"), ("0.2", "0", "0.08"), ("0.14", "0", "0.08"), ("0.185", "0.025", "0.075"))


def transfers(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent two steps of a case of each person, without keeping any: half leave the city, half come.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    for person in people(random, city.area_prefixes, people_count):
        leaves = person.index % 2 == 0
        case = _case(city, random, person, leaves=leaves)
        first, second = ("VOUCHER", "INFORMATION_FORM") if leaves else ("CONTACT_LETTER", "CLOSED")
        yield case | _step(random, first, month=1)
        yield case | _step(random, second, month=3) | (_funds(random, case) if leaves else {})


def _case(city: City, random: Random, person: Person, *, leaves: bool) -> dict[str, Any]:
    """What every step of a case repeats."""
    here, there = own_division(city, random), division_in_force(other_city(city), random)
    from_division, to_division = (here, there) if leaves else (there, here)
    months = random.randrange(1, 420)
    prefix = "NT" if city is NANTONG else "SH"
    return {
        "case_number": f"{prefix}2026{person.index:08d}",
        "person_number": person.number,
        "person_name": person.name,
        "former_person_number": f"{1_000_000_000 + person.index}" if random.random() < 0.8 else "",
        "account_kind": random.choice(("ACCOUNT_KIND_GENERAL", "ACCOUNT_KIND_TEMPORARY")),
        "from_division": from_division,
        "from_agency": f"{division_name(from_division)}社会保险管理中心",
        "from_phone": f"0513-{person.index % 10**8:08d}" if random.random() < 0.7 else "",
        "from_address": f"{division_name(from_division)}示例路{person.index % 300 + 1}号",
        "from_postcode": random.choice(("226000", "226100", "200000", "")),
        "to_division": to_division,
        "to_agency": f"{division_name(to_division)}社会保险事业管理中心",
        "personal_payment_date": random.choice(("1993-01", "1996-01-01", "")),
        "first_paid_date": random.choice(("2002-07-01", "2002-07", "")),
        "account_opened_date": random.choice(("2002-07-01", "2002-07")),
        "local_from_month": f"{_LAST_YEAR - months // 12}-{12 - months % 12:02d}",
        "local_to_month": f"{_LAST_YEAR}-12",
        "paid_months": months,
    }


def _step(random: Random, step: str, month: int) -> dict[str, Any]:
    return {"step": f"TRANSFER_STEP_{step}", "step_date": f"2026-{month:02d}-{random.randrange(1, 29):02d}"}


def _funds(random: Random, case: dict[str, Any]) -> dict[str, Any]:
    """Amounts that add up, and the years that they come from."""
    before, since, present, pooled = (random.randrange(limit) for limit in (50_000, 20_000_000, 900_000, 15_000_000))
    account = before + since + present
    count = random.randrange(1, _YEARS_MAX + 1)
    return {
        "transfer_date": f"2026-03-{random.randrange(1, 29):02d}",
        "personal_before_1998_fen": before,
        "account_since_1998_fen": since,
        "current_year_fen": present,
        "account_transfer_fen": account,
        "pooled_transfer_fen": pooled,
        "total_transfer_fen": account + pooled,
        "years": [_year(random, case["from_division"], _LAST_YEAR - count + turn + 1, turn) for turn in range(count)],
    }


def _year(random: Random, place: dict[str, str], year: int, turn: int) -> dict[str, Any]:
    """One year of payments; first and last day at the precision that the source happens to have."""
    employer, credited, personal = random.choice(_RATES)
    base = random.randrange(300_000, 2_400_000)
    paid, interest = base * 12 * 8 // 100, random.randrange(100_000)
    return {
        "place": place,
        "year": str(year),
        "from_date": random.choice((f"{year}-01", f"{year}-01-01")),
        "to_date": random.choice((f"{year}-12", f"{year}-12-31", "")),
        "months": 12,
        "base_fen": base,
        "employer_rate": employer,
        "credited_rate": credited,
        "personal_rate": personal,
        "credited_fen": paid,
        "personal_credited_fen": paid,
        "interest_fen": interest,
        "personal_interest_fen": interest if turn else None,
        "balance_fen": (turn + 1) * (paid + interest),
        "personal_balance_fen": (turn + 1) * paid,
    }
