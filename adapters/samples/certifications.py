"""Invented eligibility certifications, as records of the standard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import people
from adapters.samples.places import other_city, own_division

_FIRST: Final = datetime(2025, 12, 31, 16, tzinfo=UTC)
"""Midnight of the first of January, local time."""
_MODES: Final = ("FACE", "OFFLINE", "DATA_MATCH", "MUTUAL_RECOGNITION")
_RESULTS: Final = {"PASSED": 92, "FAILED": 3, "DECEASED": 2, "UNKNOWN": 3}
_REMARKS: Final = ("", "", "", "行动不便", "在外居住")


def certifications(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent a certification of each person, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    prefix = "RZ" if city is NANTONG else "SHRZ"
    for person in people(random, city.area_prefixes, people_count):
        mode = random.choice(_MODES)
        (result,) = random.choices(list(_RESULTS), list(_RESULTS.values()))
        moment = _FIRST + timedelta(seconds=random.randrange(60 * 86_400))
        until = (moment + timedelta(days=365, hours=8)).date().isoformat()
        yield {
            "person_number": person.number,
            "person_name": person.name,
            "scheme": "SCHEME_ENTERPRISE_PENSION",
            "source_serial": f"{prefix}2026{person.index:08d}",
            "agency_division": own_division(city, random),
            "certified_time": moment,
            "mode": f"CERTIFICATION_MODE_{mode}",
            "result": f"CERTIFICATION_RESULT_{result}",
            "valid_until_date": until if result == "PASSED" else "",
            "source_city": (other_city(city) if mode == "MUTUAL_RECOGNITION" else city).area,
            "remark": random.choice(_REMARKS),
        }
