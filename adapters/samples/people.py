"""Invented people and employers: every check digit is right, nobody is real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from math import gcd
from random import Random
from typing import Final

from faker import Faker

from adapters.mapping.divisions import load_divisions
from services.domain.check_digits import citizen_number_check, social_credit_check

_DIVISIONS: Final = load_divisions("2026-01-01")
_BORN_FROM: Final = date(1962, 1, 1)
_BORN_DAYS: Final = 15_340
"""Births from 1962 up to 2003."""
_FIRST_NUMBERS_YEAR: Final = 1984
_SERIALS: Final = 999
_AREAS_MIN: Final = 5
"""In every year since 1984 at least so many areas of either city were in force."""
_NAME_POOL: Final = 1_500
_EMPLOYERS_MAX: Final = 5_000

_RARE_NAMES: Final = ("𠮷明", "𬭎涛", "㛃", "䶮之", "海𬭎", "文㛃")
_DOTTED_NAMES: Final = ("买买提·艾力", "阿依古丽·吐尔逊", "玛依拉·伊布拉音", "爱新觉罗·启明", "巴特尔·乌兰")
_OTHER_GROUPS: Final = ("蒙古族", "回族", "维吾尔族", "满族", "土家族", "朝鲜族", "壮族", "苗族")
_WORDS: Final = "江海通远瑞恒华泰新盛宏达永兴嘉润长三联合星辰广源祥云金桥明珠东方锦绣启航博雅天工"
_TRADES: Final = (
    "纺织",
    "建筑安装",
    "机械制造",
    "船舶配件",
    "电子科技",
    "家纺",
    "物流",
    "餐饮管理",
    "软件",
    "医疗器械",
)
# Names that a CSV writer must quote, or that a spreadsheet would run: real registers have them.
_AWKWARD_EMPLOYERS: Final = (
    '"好邻居"便民超市',
    "海安,如东联营运输队",
    "-5℃冷链有限公司",
    "@家网络有限公司",
    "=等号文化传播中心",
)


class SizeRefused(ValueError):
    """Files of such sizes cannot be invented."""


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person.

    Attributes:
        index: From 0, unique in the city.
        number: Citizen number, 18 characters.
        name: Name.
        male: Sex.
        birth: Birth date.
        ethnic_group: Label, "汉族".
    """

    index: int
    number: str
    name: str
    male: bool
    birth: date
    ethnic_group: str


@dataclass(frozen=True, slots=True)
class Employer:
    """An invented employer.

    Attributes:
        number: Eight digits, the city's own.
        code: Unified social credit code.
        name: Name.
    """

    number: str
    code: str
    name: str


def people(random: Random, area_prefixes: tuple[str, ...], count: int) -> Iterator[Person]:
    """Invent people, each with another number, without keeping any.

    Args:
        random: Source of everything that varies.
        area_prefixes: What the numbers' areas begin with: ("3206", "3290").
        count: How many.

    Raises:
        SizeRefused: There are not so many numbers.
    """
    numbers = _AREAS_MIN * _BORN_DAYS * _SERIALS
    if not 0 <= count <= numbers:
        raise SizeRefused(f"at most {numbers} people can be invented")
    names = _names(random, min(count, _NAME_POOL))
    # A walk with a step that shares no factor with the number of numbers meets each of them once.
    step = next(step for step in iter(lambda: random.randrange(numbers // 3, numbers), 0) if gcd(step, numbers) == 1)
    place = random.randrange(numbers)
    for index in range(count):
        place = (place + step) % numbers
        yield _person(random, area_prefixes, names, index, place)


def employers(random: Random, area: str, city: str, count: int) -> list[Employer]:
    """Invent employers; at most 5,000, however many people there are.

    Args:
        random: Source of everything that varies.
        area: Area in their credit codes, "320600".
        city: Begins their names, "南通".
        count: How many.
    """
    invented = []
    for index in range(min(count, _EMPLOYERS_MAX)):
        body = f"91{area}MA{random.randrange(1, 10)}{index:05d}{random.choice('ABCDEFGH')}"
        name = f"{city}{''.join(random.sample(_WORDS, 2))}{random.choice(_TRADES)}有限公司"
        if index < len(_AWKWARD_EMPLOYERS):
            name = _AWKWARD_EMPLOYERS[index]
        invented.append(Employer(f"{10_000_000 + 7 * index}", body + social_credit_check(body), name))
    return invented


def _names(random: Random, count: int) -> dict[bool, list[str]]:
    """Draw a pool of so many names for men and for women."""
    faker = Faker("zh_CN")
    faker.seed_instance(random.randrange(2**32))
    return {
        True: [faker.name_male() for _ in range(count)],
        False: [faker.name_female() for _ in range(count)],
    }


def _person(
    random: Random, area_prefixes: tuple[str, ...], names: dict[bool, list[str]], index: int, place: int
) -> Person:
    """Make the person whose number stands at a place of the walk."""
    place, area = divmod(place, _AREAS_MIN)
    serial, day = divmod(place, _BORN_DAYS)
    birth = _BORN_FROM + timedelta(days=day)
    # Numbers were first issued in 1984, in the areas of that time.
    areas = _areas(area_prefixes, max(birth.year, _FIRST_NUMBERS_YEAR))
    body = f"{areas[area]}{birth:%Y%m%d}{serial + 1:03d}"
    male = (serial + 1) % 2 == 1
    name = random.choice(names[male])
    if index % 40 == 7:
        name = name[0] + random.choice(_RARE_NAMES)
    elif index % 40 == 23:
        name = random.choice(_DOTTED_NAMES)
    ethnic_group = random.choice(_OTHER_GROUPS) if index % 25 == 3 else "汉族"
    return Person(index, body + citizen_number_check(body), name, male, birth, ethnic_group)


@cache
def _areas(prefixes: tuple[str, ...], year: int) -> list[str]:
    """List a city's areas in force in a year, districts and counties only."""
    codes = _DIVISIONS.in_force_in(year)
    return [code for code in codes if code.startswith(prefixes) and not code.endswith("00")]
