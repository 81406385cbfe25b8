"""Invented vehicles with dangerous goods: their licences, their drivers' licences, and where they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import Employer, employers, people
from adapters.samples.places import own_division

_PLATE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""A plate has neither I nor O (GA 36)."""
_COLOURS: Final = (
    "PLATE_COLOUR_BLUE",
    "PLATE_COLOUR_YELLOW",
    "PLATE_COLOUR_YELLOW_GREEN",
    "PLATE_COLOUR_GRADIENT_GREEN",
)
_TYPES: Final = ("H11", "H17", "H21", "K31", "Q11")
_FUELS: Final = ("FUEL_KIND_DIESEL", "FUEL_KIND_NATURAL_GAS", "FUEL_KIND_ELECTRIC", "FUEL_KIND_PETROL")
_STATUSES: Final = {"LICENCE_STATUS_ACTIVE": 90, "LICENCE_STATUS_SUSPENDED": 6, "LICENCE_STATUS_ENDED": 4}
_GOODS: Final = ("", "3", "2,3", "3,8", "2,3,4,5,6,8,9")
_CATEGORIES: Final = (
    *("PASSENGER_DRIVER", "GOODS_DRIVER", "DANGEROUS_GOODS_DRIVER", "DANGEROUS_GOODS_DRIVER"),
    *("DANGEROUS_GOODS_ESCORT", "DANGEROUS_GOODS_LOADER"),
)
_VIN_MODULUS: Final = 11
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
"""GB 16735-2019, table A.2."""
_VIN_VALUES: Final = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
"""GB 16735-2019, table A.1."""
_MIDNIGHT: Final = datetime(2026, 3, 13, 16, tzinfo=UTC)
"""Local midnight of the day on which everything was somewhere."""
_CENTRES: Final = {"local": (31_980_000, 120_890_000), "shanghai": (31_230_000, 121_470_000)}
"""Latitude and longitude of a city, degrees × 10⁶."""
_AROUND_E6: Final = 200_000
_STATE: Final = 3
"""Ignition on, positioned: bits 0 and 1 of the state, JT/T 808."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """An invented vehicle.

    Attributes:
        index: From 0, unique in the city.
        plate: Number plate.
        colour: Its colour, a value of the standard.
        identification: VIN, its check digit right.
        terminal: Number of its terminal, 12 digits.
    """

    index: int
    plate: str
    colour: str
    identification: str
    terminal: str


def vehicles(city: City, count: int) -> Iterator[Vehicle]:
    """Invent vehicles: the same index is the same vehicle in every dataset.

    Args:
        city: Whose.
        count: How many.
    """
    letters = "苏F" if city is NANTONG else "沪A"
    for index in range(count):
        letter = _PLATE_LETTERS[index // 10_000 % len(_PLATE_LETTERS)]
        body = f"L00{'NT' if city is NANTONG else 'SH'}A1A{{}}R0{index:06d}"
        yield Vehicle(
            index,
            f"{letters}{letter}{index % 10_000:04d}",
            _COLOURS[index % len(_COLOURS)],
            body.format(_vin_check(body.format("0"))),
            f"0{'139' if city is NANTONG else '138'}{index:08d}",
        )


def _vin_check(number: str) -> str:
    rest = sum(_VIN_VALUES[one] * weight for one, weight in zip(number, _VIN_WEIGHTS, strict=True)) % _VIN_MODULUS
    return "X" if rest == _VIN_MODULUS - 1 else str(rest)


def vehicle_licences(city: City, random: Random, count: int) -> Iterator[dict[str, Any]]:
    """Invent the operating licence of each vehicle, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        count: How many vehicles.
    """
    owners = employers(random, city.area, city.name, max(20, count // 20))
    for vehicle in vehicles(city, count):
        yield _named(vehicle) | _owned(random, random.choice(owners)) | {
            "vehicle_identification_number": vehicle.identification if random.random() < 0.9 else "",
            "licence_number": f"{city.area}{vehicle.index:06d}",
            "brand_model": f"示例牌SL{random.choice((1000, 4250, 5250))}型" if random.random() < 0.9 else "",
            "vehicle_type": random.choice(_TYPES),
            "fuel_kind": random.choice(_FUELS),
            "approved_load_kg": random.choice((None, 8_000, 15_400, 25_000)),
            "seat_count": random.choice((None, 2, 3)),
            "dangerous_goods_classes": random.choice(_GOODS),
            "issuing_division": own_division(city, random),
        }  # fmt: skip


def _named(vehicle: Vehicle) -> dict[str, Any]:
    return {"plate_number": vehicle.plate, "plate_colour": vehicle.colour}


def _owned(random: Random, owner: Employer) -> dict[str, Any]:
    """Whose it is, and since when it may be on the road."""
    registered = datetime(random.randrange(2016, 2025), random.randrange(1, 13), random.randrange(1, 29), tzinfo=UTC)
    return {
        "owner_name": owner.name,
        "owner_code": owner.code if random.random() < 0.9 else "",
        "registered_date": f"{registered:%Y-%m-%d}" if random.random() < 0.9 else "",
        "first_issued_date": f"{registered + timedelta(days=14):%Y-%m-%d}",
        "valid_until_date": f"{registered + timedelta(days=3_652):%Y-%m-%d}" if random.random() < 0.9 else "",
        "status": status(random),
    }


def status(random: Random) -> str:
    """Invent the state of a licence: most are in force."""
    (chosen,) = random.choices(list(_STATUSES), list(_STATUSES.values()))
    return chosen


def positions(city: City, random: Random, count: int) -> Iterator[dict[str, Any]]:
    """Invent a position of each vehicle, without keeping any; every one can be said in a frame of either protocol.

    Args:
        city: Whose.
        random: Source of everything that varies.
        count: How many vehicles.
    """
    latitude, longitude = _CENTRES[city.dialect]
    for vehicle in vehicles(city, count):
        moment, serial = _MIDNIGHT + timedelta(seconds=random.randrange(86_400)), vehicle.index % 65_536
        speed = 10 * random.randrange(90)
        yield _named(vehicle) | _source(city, vehicle, moment, serial) | {
            "located_time": moment,
            "latitude_e6": latitude + random.randrange(-_AROUND_E6, _AROUND_E6),
            "longitude_e6": longitude + random.randrange(-_AROUND_E6, _AROUND_E6),
            "datum": "DATUM_WGS84",
            "altitude_m": random.randrange(60),
            "speed_deci_kmh": speed,
            "recorder_speed_deci_kmh": speed,
            "direction_deg": random.randrange(360),
            "mileage_hm": 10 * random.randrange(300_000),
            "status_bits": _STATE,
            "alarm_bits": random.choice((0, 0, 0, 1, 2)),
        }  # fmt: skip


def _source(city: City, vehicle: Vehicle, moment: datetime, serial: int) -> dict[str, Any]:
    """What only one of the protocols says: a terminal's number, or that the position comes afterwards."""
    if city is NANTONG:
        local = moment + timedelta(hours=8)
        said = f"{vehicle.terminal}-{local:%Y%m%d%H%M%S}-{serial}"
        return {"terminal_number": vehicle.terminal, "source_serial": said, "reported_later": False}
    later = vehicle.index % 10 == 3
    return {"source_serial": f"{city.area}-{vehicle.index}-0", "reported_later": later}


def driver_licences(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent a licence of each driver, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    for person in people(random, city.area_prefixes, people_count):
        issued = datetime(random.randrange(2019, 2026), random.randrange(1, 13), random.randrange(1, 29), tzinfo=UTC)
        category = random.choice(_CATEGORIES)
        yield {
            "person_number": person.number,
            "person_name": person.name,
            "licence_number": f"{city.area}{person.index:013d}",
            "category": f"QUALIFICATION_CATEGORY_{category}",
            "dangerous_goods_classes": random.choice(_GOODS[1:]) if "DANGEROUS" in category else "",
            "first_issued_date": f"{issued:%Y-%m-%d}" if random.random() < 0.9 else "",
            "valid_from_date": f"{issued:%Y-%m-%d}",
            "valid_until_date": f"{issued + timedelta(days=2_191):%Y-%m-%d}",
            "status": status(random),
            "issuing_division": own_division(city, random),
        }
