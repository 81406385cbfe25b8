"""Invented contributions, and how each city writes them; written by hand, not by the mappings that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from adapters.samples.people import Employer, Person, employers, people

# Schemes that both cities know: employer's and person's rate in 1/10000 of the base.
_RATES: Final = {
    "110": (1600, 800),
    "120": (1600, 800),
    "210": (50, 50),
    "310": (800, 200),
    "410": (40, 0),
    "510": (80, 0),
}
_SHANGHAI_SCHEMES: Final = {"110": "01", "210": "02", "310": "03", "410": "04", "510": "05", "120": "06"}
_SHANGHAI_KINDS: Final = {"正常应缴": "Z", "补缴": "B", "退费": "T"}
_FIRST_MONTH: Final = (2026, 1)

_LOCAL_DIVISIONS: Final = ("320612", "320613", "320614", "320623", "320681", "320682", "320685")
_LOCAL_DIVISIONS_ODD: Final = (
    "320602",
    "320611",
    "320684",
    "320683",
    "320621",
    "320612101",
    "320613001000",
    "320684100",
)
_SHANGHAI_DIVISIONS: Final = (
    *("黄浦区", "徐汇区", "长宁区", "静安区", "普陀区", "虹口区", "杨浦区", "闵行区"),
    *("宝山区", "嘉定区", "浦东新区", "金山区", "松江区", "青浦区", "奉贤区", "崇明区"),
)
_SHANGHAI_DIVISIONS_ODD: Final = ("南汇区", "闸北区", "卢湾区", "崇明县")


@dataclass(frozen=True, slots=True)
class Contribution:
    """One invented month of one person; dates are None where they are not known.

    Attributes:
        person: Who.
        employer: Where.
        scheme: Three digits, AAE140.
        settled: First day of the settlement month.
        period: First day of the month it belongs to.
        kind: 正常应缴, 补缴, 退费.
        paid: The money has arrived.
        base_fen: Contribution base.
        employer_fen: Employer's part.
        personal_fen: The person's part.
        interest_fen: Interest; None where not said.
        late_fee_fen: Late fee; None where not said.
        credited: When the money arrived.
        division: As the city writes it.
    """

    person: Person
    employer: Employer
    scheme: str
    settled: date
    period: date
    kind: str
    paid: bool
    base_fen: int
    employer_fen: int
    personal_fen: int
    interest_fen: int | None
    late_fee_fen: int | None
    credited: date | None
    division: str


@dataclass(frozen=True, slots=True)
class City:
    """How one city's sample file is made.

    Attributes:
        name: "南通".
        dialect: Name of its dialect.
        area: Its division code.
        area_prefixes: What its people's citizen numbers begin with.
        file_prefix: Begins the names of its sample files.
        divisions: In force, as the dialect writes them.
        divisions_odd: Retired or longer ones.
        row: Writes a contribution.
        missing: Words for nothing, in its dialect.
    """

    name: str
    dialect: str
    area: str
    area_prefixes: tuple[str, ...]
    file_prefix: str
    divisions: tuple[str, ...]
    divisions_odd: tuple[str, ...]
    row: Callable[[Contribution, Random, tuple[str, ...]], list[str]]
    missing: tuple[str, ...]


def contributions(city: City, random: Random, people_count: int, months: int) -> Iterator[Contribution]:
    """Invent contributions: each person's months one after the other, without keeping any.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
        months: Months for each.
    """
    pool = employers(random, city.area, city.name, max(20, people_count // 50))
    for person in people(random, city.area_prefixes, people_count):
        employer, scheme = random.choice(pool), random.choice(list(_RATES))
        for month in range(months):
            yield _contribution(city, random, person, employer, scheme, month)


def _contribution(
    city: City, random: Random, person: Person, employer: Employer, scheme: str, month: int
) -> Contribution:
    """Invent one month."""
    settled = _month(month)
    kind = random.choices(("正常应缴", "补缴", "退费"), (92, 6, 2))[0]
    period = settled if kind == "正常应缴" else _month(month - random.randrange(1, 30))
    base_fen = random.randrange(449_400, 2_404_200)
    employer_rate, personal_rate = _RATES[scheme]
    paid = random.random() < 0.95
    late = kind == "补缴"
    return Contribution(
        person=person,
        employer=employer,
        scheme=scheme,
        settled=settled,
        period=period,
        kind=kind,
        paid=paid,
        base_fen=base_fen,
        employer_fen=base_fen * employer_rate // 10_000,
        personal_fen=base_fen * personal_rate // 10_000,
        interest_fen=random.randrange(0, 20_000) if late else random.choice((0, None)),
        late_fee_fen=random.randrange(0, 5_000) if late else None,
        credited=settled + timedelta(days=random.randrange(28)) if paid else None,
        division=random.choice(city.divisions_odd if random.random() < 0.08 else city.divisions),
    )


def _month(after: int) -> date:
    """First day of a month, counted from the first settlement month."""
    year, month = _FIRST_MONTH
    years, months = divmod(month - 1 + after, 12)
    return date(year + years, months + 1, 1)


def with_habits(number: str, name: str, random: Random) -> tuple[str, str]:
    """Write a citizen number and a name as people do.

    Now and then x for X, a number in the old form of 15 digits, another dot, a blank behind the name.
    """
    if number[6:8] == "19" and random.random() < 0.01:
        number = number[:6] + number[8:17]
    elif random.random() < 0.1:
        number = number.lower()
    name = name.replace("·", random.choice("··•・∙‧"))
    return number, f"{name} " if random.random() < 0.01 else name


def _yuan(fen: int | None, nothing: str) -> str:
    return nothing if fen is None else f"{fen // 100}.{fen % 100:02d}"


def _local_row(made: Contribution, random: Random, missing: tuple[str, ...]) -> list[str]:
    """Write a row as Nantong does."""
    nothing = random.choice(missing)
    credited_format = "%Y%m" if random.random() < 0.05 else "%Y%m%d"
    return [
        f"{1_000_000_000 + made.person.index}",
        made.person.number,
        made.person.name,
        "1" if made.person.male else "2",
        nothing if made.person.index % 30 == 11 else made.person.ethnic_group,
        f"{made.person.birth:%Y%m%d}",
        nothing if made.person.index % 30 == 19 else made.employer.number,
        made.employer.code,
        made.employer.name,
        made.scheme,
        f"{made.settled:%Y%m}",
        f"{made.period:%Y%m}",
        made.kind,
        "已实缴" if made.paid else "未实缴",
        _yuan(made.base_fen, nothing),
        _yuan(made.employer_fen, nothing),
        _yuan(made.personal_fen, nothing),
        _yuan(made.employer_fen + made.personal_fen, nothing),
        _yuan(made.interest_fen, nothing),
        _yuan(made.late_fee_fen, nothing),
        made.credited.strftime(credited_format) if made.credited else nothing,
        made.division,
    ]


def _shanghai_row(made: Contribution, random: Random, missing: tuple[str, ...]) -> list[str]:
    """Write a row as Shanghai does."""
    nothing = random.choice(missing)
    return [
        f"SH{made.settled:%Y%m}{made.person.index:010d}",
        made.person.number,
        made.person.name,
        "0" if made.person.male else "1",
        made.person.birth.isoformat(),
        made.employer.name,
        made.employer.code,
        _SHANGHAI_SCHEMES[made.scheme],
        f"{made.settled:%Y-%m}",
        f"{made.period:%Y-%m}",
        _SHANGHAI_KINDS[made.kind],
        "1" if made.paid else "0",
        str(made.base_fen),
        str(made.employer_fen),
        str(made.personal_fen),
        str(made.employer_fen + made.personal_fen),
        nothing if made.interest_fen is None else str(made.interest_fen),
        nothing if made.late_fee_fen is None else str(made.late_fee_fen),
        made.credited.isoformat() if made.credited else nothing,
        made.division,
    ]


NANTONG: Final = City(
    name="南通",
    dialect="local",
    area="320600",
    area_prefixes=("3206", "3290"),
    file_prefix="nantong",
    divisions=_LOCAL_DIVISIONS,
    divisions_odd=_LOCAL_DIVISIONS_ODD,
    row=_local_row,
    missing=("", "--", "—"),
)
SHANGHAI: Final = City(
    name="上海",
    dialect="shanghai",
    area="310000",
    area_prefixes=("3101", "3102"),
    file_prefix="shanghai",
    divisions=_SHANGHAI_DIVISIONS,
    divisions_odd=_SHANGHAI_DIVISIONS_ODD,
    row=_shanghai_row,
    missing=("", "--", "不详"),
)
