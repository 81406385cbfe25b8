"""Invented enrolments, as records of the standard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import Employer, Person, employers, people
from adapters.samples.places import division_name, own_division

_SCHEMES: Final = (
    "SCHEME_ENTERPRISE_PENSION",
    "SCHEME_PUBLIC_SECTOR_PENSION",
    "SCHEME_UNEMPLOYMENT",
    "SCHEME_EMPLOYEE_MEDICAL",
    "SCHEME_WORK_INJURY",
    "SCHEME_MATERNITY",
)
"""Those that both cities know."""
_REASONS: Final = ("新参保", "单位调动", "离职", "单位停产", "基数调整")
_GROUPS: Final = {"汉族": "01", "蒙古族": "02", "回族": "03", "维吾尔族": "05", "满族": "11", "土家族": "15"}
_RETIRED_BORN_BEFORE: Final = 1966


def enrolments(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent an enrolment of each person, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    pool = employers(random, city.area, city.name, max(20, people_count // 50))
    for person in people(random, city.area_prefixes, people_count):
        yield (
            _who(person) | _where(city, random, person) | _since(random, person) | _employed(city, random, person, pool)
        )


def _who(person: Person) -> dict[str, Any]:
    return {
        "person_number": person.number,
        "person_name": person.name,
        "sex": "SEX_MALE" if person.male else "SEX_FEMALE",
        "birth_date": person.birth.isoformat(),
    }


def _where(city: City, random: Random, person: Person) -> dict[str, Any]:
    """Addresses, and what only Nantong's table asks for."""
    division = own_division(city, random)
    home = f"{division_name(division)}示例路{person.index % 300 + 1}号"
    asked = {"source_serial": f"SH{person.index:010d}", "division": division, "residence_address": home}
    if random.random() < 0.7:
        asked["residence_division"] = own_division(city, random)
    if city is not NANTONG:
        return asked
    documents = {"document_type": "DOCUMENT_TYPE_IDENTITY_CARD", "document_number": person.number, "nationality": "CHN"}
    return asked | documents | {
        "source_serial": f"{1_000_000_000 + person.index}",
        "ethnic_group": _GROUPS.get(person.ethnic_group, ""),
        "household_kind": random.choice(("11", "12", "21", "22")),
        "household_address": home if random.random() < 0.5 else "",
    }  # fmt: skip


def _since(random: Random, person: Person) -> dict[str, Any]:
    """Dates, at the precision that the source happens to have, and what follows from them."""
    began = date(person.birth.year + random.randrange(18, 24), random.randrange(1, 13), random.randrange(1, 29))
    retired = person.birth.year < _RETIRED_BORN_BEFORE and random.random() < 0.5
    status, payment = (
        ("ENDED", "ENDED") if retired else random.choice((("ACTIVE", "PAYING"), ("SUSPENDED", "SUSPENDED")))
    )
    return {
        "work_started_date": _known(random, began) if random.random() < 0.8 else "",
        "enrolled_date": _known(random, began),
        "first_enrolled_date": _known(random, began) if random.random() < 0.6 else "",
        "status": f"ENROLMENT_STATUS_{status}",
        "payment_status": f"PAYMENT_STATUS_{payment}",
        "retired": retired,
        "retired_date": f"{person.birth.year + 55}-{person.birth.month:02d}" if retired else "",
    }


def _known(random: Random, day: date) -> str:
    return f"{day:%Y-%m}" if random.random() < 0.2 else day.isoformat()


def _employed(city: City, random: Random, person: Person, pool: list[Employer]) -> dict[str, Any]:
    """Employer, scheme and wage; a few have enrolled themselves."""
    wage = random.randrange(449_400, 2_404_200)
    worked = {"scheme": random.choice(_SCHEMES), "wage_fen": wage, "base_fen": wage if random.random() < 0.9 else None}
    if random.random() < 0.2:
        worked |= {"changed_date": f"2026-01-{random.randrange(1, 29):02d}", "change_reason": random.choice(_REASONS)}
    if person.index % 20 == 13:
        return worked | {"remark": "个人参保"}
    employer = random.choice(pool)
    number = employer.number if city is NANTONG else ""
    return worked | {"employer_code": employer.code, "employer_name": employer.name, "employer_number": number}
