"""Invented transit cards: who rides at a concession, and what was paid where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import Employer, Person, employers, people
from adapters.samples.places import other_city, own_division

_ISSUERS: Final = {"local": "31048304", "shanghai": "31047700"}
"""南通市民卡, 上海公共交通卡."""
_MORNING: Final = datetime(2026, 3, 13, 21, tzinfo=UTC)
"""Five o'clock, local time."""
_OPERATORS: Final = 5
_FARES_FEN: Final = (100, 200, 300, 400, 700)
_LET_OFF: Final = {"ORDINARY": 0, "STUDENT": 50, "SENIOR": 100, "MILITARY": 100, "TEST": 0}
"""Class of a card → per cent of the fare that its concession lets off."""
_KINDS: Final = {"SINGLE": 45, "EXIT": 25, "ENTRY": 20, "COMPOUND": 8, "TOP_UP": 2}
_SCOPES: Final = ("BUS", "METRO", "BUS_AND_METRO")
_STATES: Final = ("ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED", "ENDED")
_AGE_65: Final = 1961
"""Born so early, a person is 65 in 2026."""


def card_number(city: City, index: int) -> str:
    """Return the number of a card: its issuer, and eleven digits."""
    return f"{_ISSUERS[city.dialect]}{index:011d}"


def taps(city: City, random: Random, count: int) -> Iterator[dict[str, Any]]:
    """Invent a transaction of each card, without keeping any; concession and charge make up the fare.

    Args:
        city: Where the transactions were cleared.
        random: Source of everything that varies.
        count: How many cards.
    """
    pool = employers(random, city.area, city.name, _OPERATORS)
    for index in range(count):
        issuer = other_city(city) if index % 10 == 3 else city
        (kind,) = random.choices(list(_KINDS), list(_KINDS.values()))
        (card_class,) = random.choices(list(_LET_OFF), (70, 12, 12, 4, 2))
        yield _card(issuer, index, card_class) | _where(city, random, pool, kind) | {
            "card_sequence": random.randrange(65_536),
            "source_serial": f"{city.area}20260314{index:08d}",
            "kind": f"TAP_KIND_{kind}",
            "tap_time": _MORNING + timedelta(seconds=random.randrange(18 * 3_600)),
            "authentication_code": f"{random.randrange(1 << 32):08X}" if random.random() < 0.9 else "",
            "settlement_date": "2026-03-15",
            "batch_number": f"20260315{index // 200:04d}",
            "reject_code": "03" if index % 50 == 17 else "",
            "reconciled": random.choice((True, True, True, False, None)),
        } | _fare(city, random, kind, card_class)  # fmt: skip


def _card(issuer: City, index: int, card_class: str) -> dict[str, Any]:
    return {
        "card_number": card_number(issuer, index),
        "card_issuer_code": _ISSUERS[issuer.dialect],
        "card_class": f"CARD_CLASS_{card_class}",
    }


def _where(city: City, random: Random, operators: list[Employer], kind: str) -> dict[str, Any]:
    """Line, station, vehicle and operator, as far as the city's rows know them."""
    metro, line = kind != "SINGLE", random.randrange(1, 19)
    place: dict[str, Any] = {
        "city": city.area,
        "mode": f"TRANSPORT_MODE_{'METRO' if metro else 'BUS'}",
        "terminal_code": f"{random.randrange(10**12):012d}",
        "line_code": f"{line:02d}",
        "entry_station_code": f"{line:02d}{random.randrange(1, 40):02d}" if metro else "",
        "vehicle_number": "" if metro else f"{random.randrange(10_000):05d}",
        "direction": "" if metro else random.choice(("LINE_DIRECTION_UP", "LINE_DIRECTION_DOWN")),
    }
    given = {name: value for name, value in place.items() if value}
    operator = random.choice(operators)
    if city is NANTONG:
        return given | {
            "operator_number": operator.number,
            "psam_code": f"{random.randrange(10**16):016d}" if random.random() < 0.9 else "",
            "transfer_count": random.choice((0, 0, 1, None)),
        }
    exit_station = {"exit_station_code": f"{line:02d}{random.randrange(1, 40):02d}"} if kind == "EXIT" else {}
    return given | exit_station | {"operator_code": operator.code if random.random() < 0.9 else ""}


def _fare(city: City, random: Random, kind: str, card_class: str) -> dict[str, Any]:
    """The fare, and how much of it is let off; an entry costs nothing yet."""
    due = 0 if kind == "ENTRY" else 5_000 if kind == "TOP_UP" else random.choice(_FARES_FEN)
    concession = 0 if kind == "TOP_UP" else due * _LET_OFF[card_class] // 100
    balance = {} if city is NANTONG else {"balance_fen": random.choice((None, random.randrange(20_000)))}
    return {"due_fen": due, "concession_fen": concession, "charged_fen": due - concession} | balance


def concessions(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent an entitlement of each person, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    prefix = "NTYD" if city is NANTONG else "SHJL"
    for person in people(random, city.area_prefixes, people_count):
        card = random.random() < 0.9
        began = f"{random.randrange(2020, 2026)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"
        yield {
            "person_number": person.number,
            "person_name": person.name,
            "source_serial": f"{prefix}2026{person.index:08d}",
            "concession_class": f"CONCESSION_CLASS_{_class_of(person, random)}",
            "card_number": card_number(city, person.index) if card else "",
            "card_issuer_code": _ISSUERS[city.dialect] if card else "",
            "home_division": own_division(city, random),
            "valid_from_date": began,
            "valid_until_date": f"{int(began[:4]) + 8}{began[4:]}" if random.random() < 0.5 else "",
            "scope": f"CONCESSION_SCOPE_{random.choice(_SCOPES)}",
            "recognised_elsewhere": random.random() < 0.7,
            "status": f"CONCESSION_STATUS_{random.choice(_STATES)}",
        }


def _class_of(person: Person, random: Random) -> str:
    if person.birth.year < _AGE_65:
        return "AGE_65"
    return random.choice(("DISABLED", "MILITARY", "STUDENT"))
