"""Invented records of medical insurance: who is covered, who may be treated elsewhere, and what treatments cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.samples.contributions import City
from adapters.samples.people import Person, employers, people
from adapters.samples.places import division_in_force, division_name, other_city, own_division

_INSURANCES: Final = ("EMPLOYEE", "EMPLOYEE", "RESIDENT", "LONG_TERM_CARE", "CIVIL_SERVANT_SUPPLEMENT", "RETIRED_CADRE")
_GROUPS: Final = ("01", "01", "01", "03", "05", "")
_DIAGNOSES: Final = (("I10.x00", "高血压病"), ("E11.900", "2型糖尿病"), ("J18.900", "肺炎"), ("K29.700", "胃炎"))
_MEDICINES: Final = (
    "XA02BCA120A001010100001",
    "XC08CAA259A001010204541",
    "001102000010000-1102",
    "ZA01AAC0063010204622",
)
_REFERRALS: Final = ("RESETTLED_RETIREE", "LONG_TERM_RESIDENT", "POSTED_WORKER", "REFERRED_PATIENT", "TEMPORARY")
_TREATMENTS: Final = ("OUTPATIENT", "EMERGENCY", "CHRONIC_OUTPATIENT", "PHARMACY", "INPATIENT")
_DOCUMENTS: Final = ("ELECTRONIC", "IDENTITY_CARD", "SOCIAL_SECURITY_CARD", "UNSPECIFIED")
_MIDNIGHT: Final = datetime(2026, 2, 28, 16, tzinfo=UTC)
_FEES_MAX: Final = 3
_POOLED, _LARGE_EXPENSE = ("310101", "统筹基金"), ("330100", "大额补助")


def insured_number(city: City, person: Person) -> str:
    """Return a person's number in medical insurance."""
    return f"{city.area}{person.index:010d}"


def coverages(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent a coverage of each person, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    pool = employers(random, city.area, city.name, max(20, people_count // 50))
    for person in people(random, city.area_prefixes, people_count):
        insurance = random.choice(_INSURANCES)
        yield _who(person) | _state(random) | {
            "ethnic_group": random.choice(_GROUPS),
            "source_serial": insured_number(city, person),
            "insurance_type": f"INSURANCE_TYPE_{insurance}",
            "person_type": random.choice(("1101", "1201", "")),
            "insured_date": f"{random.randrange(2000, 2025)}-01-01" if random.random() < 0.9 else "",
            "civil_servant": insurance == "CIVIL_SERVANT_SUPPLEMENT",
            "division": own_division(city, random),
            "employer_name": random.choice(pool).name if insurance == "EMPLOYEE" else "",
            "balance_fen": random.randrange(1_000_000) if random.random() < 0.8 else None,
        }  # fmt: skip


def _who(person: Person) -> dict[str, Any]:
    return {
        "person_number": person.number,
        "person_name": person.name,
        "sex": "SEX_MALE" if person.male else "SEX_FEMALE",
        "birth_date": person.birth.isoformat(),
    }


def _state(random: Random) -> dict[str, Any]:
    state = random.choice(("ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED", "ENDED"))
    since = f"2025-{random.randrange(1, 13):02d}-01" if state == "SUSPENDED" else ""
    return {"status": f"COVERAGE_STATUS_{state}", "suspended_date": since}


def referrals(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent a filing of each person for treatment in the other city, without keeping any.

    Args:
        city: That insures them.
        random: Source of everything that varies.
        people_count: How many people.
    """
    for person in people(random, city.area_prefixes, people_count):
        there, home = division_in_force(other_city(city), random), own_division(city, random)
        begins = datetime(2026, random.randrange(1, 4), random.randrange(1, 29), tzinfo=UTC)
        code, name = random.choice((*_DIAGNOSES, ("", "")))
        yield {
            "person_number": person.number,
            "person_name": person.name,
            "insured_number": insured_number(city, person),
            "source_serial": f"BA{city.area}2026{person.index:08d}",
            "insurance_type": random.choice(("INSURANCE_TYPE_EMPLOYEE", "INSURANCE_TYPE_RESIDENT")),
            "kind": f"REFERRAL_KIND_{random.choice(_REFERRALS)}",
            "division": home,
            "treatment_division": there,
            "diagnosis_code": code,
            "diagnosis_name": name,
            "filed_date": f"{begins - timedelta(days=1):%Y-%m-%d}",
            "valid_from_date": f"{begins:%Y-%m-%d}",
            "valid_until_date": f"{begins + timedelta(days=180):%Y-%m-%d}" if random.random() < 0.6 else "",
            "used": random.random() < 0.3,
            "phone": f"0513-{person.index:08d}" if random.random() < 0.7 else "",
            "address": f"{division_name(home)}示例路{person.index % 300 + 1}号" if random.random() < 0.7 else "",
            "reason": random.choice(("随子女居住", "本市不具备诊疗条件", "")),
        } | _hospital(other_city(city), random, there)  # fmt: skip


def _hospital(city: City, random: Random, division: dict[str, str]) -> dict[str, str]:
    """One hospital, or any of the division."""
    if random.random() < 0.4:
        return {}
    code = f"H{city.area}{random.randrange(1, 60):05d}"
    return {"hospital_code": code, "hospital_name": f"{division_name(division)}示例医院"}


def settlements(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent a settlement of each person, without keeping any; fees, funds and sums add up.

    Args:
        city: That insures them; every fourth is treated in the other city.
        random: Source of everything that varies.
        people_count: How many people.
    """
    for person in people(random, city.area_prefixes, people_count):
        treated = other_city(city) if person.index % 4 == 1 else city
        fees = [_fee(random, person, turn) for turn in range(random.randrange(1, _FEES_MAX + 1))]
        treatment = random.choice(_TREATMENTS)
        yield _who(person) | {
            "insured_number": insured_number(city, person),
            "visit_number": f"JZ{city.area}2026{person.index:08d}",
            "settlement_number": f"JS{city.area}2026{person.index:08d}",
            "insurance_type": random.choice(("INSURANCE_TYPE_EMPLOYEE", "INSURANCE_TYPE_RESIDENT")),
            "person_type": random.choice(("1101", "1201", "")),
            "medical_type": f"MEDICAL_TYPE_{treatment}",
            "document": f"VISIT_DOCUMENT_{random.choice(_DOCUMENTS)}",
            "settled_time": _MIDNIGHT + timedelta(seconds=random.randrange(30 * 86_400)),
            "division": own_division(city, random),
            "clearing_division": own_division(treated, random),
            "clearing_way": random.choice(("1", "2", "")),
            "clearing_type": "21" if treatment == "INPATIENT" else "11",
            "institution_code": f"H{treated.area}{random.randrange(1, 60):05d}",
            "institution_settlement_number": f"YY{person.index:08d}" if random.random() < 0.9 else "",
            "self_paid_rate": random.choice(("0.15", "0.2", "")),
            "items": fees,
            "diagnoses": _diagnoses(random, random.randrange(1, len(fees) + 1)),
        } | _paid(random, sum(fee["amount_fen"] for fee in fees))  # fmt: skip


def _diagnoses(random: Random, count: int) -> list[dict[str, str]]:
    return [{"code": code, "name": name} for code, name in random.sample(_DIAGNOSES, count)]


def _fee(random: Random, person: Person, turn: int) -> dict[str, Any]:
    """One fee: so many of something, at a price with as many decimals as a tablet's has."""
    quantity = random.choice(("1", "2", "2.5", "28"))
    price_micro = random.choice((17_857_142, 12_350_000, 200_000_000, 500_000))
    price = f"{price_micro // 10**6}.{price_micro % 10**6:06d}".rstrip("0").rstrip(".")
    return {
        "serial": f"F{person.index:08d}{turn}",
        "catalogue_code": random.choice(_MEDICINES),
        "quantity": quantity,
        "unit_price_yuan": price,
        "amount_fen": round(int(float(quantity) * 10) * price_micro / 100_000),
    }


def _paid(random: Random, total: int) -> dict[str, Any]:
    """Who paid the total: funds, the person, the hospital; what is listed of the funds adds up as well."""
    pooled, large, hospital = total * 60 // 100, total * random.choice((0, 5)) // 100, random.choice((0, total // 100))
    person = total - pooled - large - hospital
    account = person // 3
    relatives = random.choice((0, account // 2))
    outside = total * 5 // 100
    funds = [(_POOLED, pooled), *([(_LARGE_EXPENSE, large)] if large else [])]
    return {
        "total_fen": total,
        "self_paid_fen": outside,
        "over_limit_fen": 0,
        "pre_paid_fen": random.choice((None, 0)),
        "in_scope_fen": total - outside,
        "deductible_fen": random.choice((None, 30_000)),
        "pooled_fund_fen": pooled,
        "large_expense_fund_fen": large,
        "fund_total_fen": pooled + large,
        "person_total_fen": person,
        "account_fen": account,
        "cash_fen": person - account - relatives,
        "relatives_account_fen": relatives,
        "hospital_fen": hospital,
        "balance_fen": random.choice((None, random.randrange(500_000))),
        "funds": [{"fund_code": code, "fund_name": name, "amount_fen": fen} for (code, name), fen in funds],
    }
