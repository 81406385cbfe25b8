"""Where invented records are at home, as the standard says it: a city's own divisions, retired ones among them."""

from __future__ import annotations

from random import Random
from typing import Final

from adapters.mapping.divisions import load_divisions
from adapters.samples.contributions import NANTONG, SHANGHAI, City

_TABLE: Final = load_divisions("2026-01-01")
_ODD_SHARE: Final = 0.08


def own_division(city: City, random: Random) -> dict[str, str]:
    """Invent a division of the city, in force, or as older and more exact records have it."""
    written = random.choice(city.divisions_odd if random.random() < _ODD_SHARE else city.divisions)
    named = _TABLE.by_name(written)
    source = named or written
    code = _TABLE.resolve(source[:6]) or ""
    return {"code": code} if code == source else {"code": code, "source_code": source, "as_of": _TABLE.edition}


def other_city(city: City) -> City:
    """Return the city that the other file is of."""
    return SHANGHAI if city is NANTONG else NANTONG


def division_in_force(city: City, random: Random) -> dict[str, str]:
    """Invent a division of a city as it is today."""
    codes = [code for code in _TABLE.names if code.startswith(city.area_prefixes) and not code.endswith("00")]
    return {"code": random.choice(codes)}


def division_name(division: dict[str, str]) -> str:
    """Return the name of a division in force."""
    return _TABLE.names[division["code"]]
