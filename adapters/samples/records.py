"""Which datasets have samples, and how their records are made: as the rows of each city's own file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from adapters.mapping import Mapping, load_mapping
from adapters.samples.assessments import assessments
from adapters.samples.certifications import certifications
from adapters.samples.contributions import NANTONG, City, contributions
from adapters.samples.enrolments import enrolments
from adapters.samples.frame_kinds import frame_kinds
from adapters.samples.medical import coverages, referrals, settlements
from adapters.samples.papers import Form
from adapters.samples.places import other_city
from adapters.samples.planted import LOCAL_KINDS, SHANGHAI_KINDS, Kind
from adapters.samples.planted_kinds import planted_kinds
from adapters.samples.transfers import STEPS_PER_PERSON, transfers
from adapters.samples.transit import concessions, taps
from adapters.samples.typed_kinds import typed_kinds
from adapters.samples.vehicles import driver_licences, positions, vehicle_licences

CONTRIBUTION: Final = "social.contribution"
Rows = list[list[str]]
Invent = Callable[[City, Random, int], Iterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the records of a dataset are invented.

    Attributes:
        invent: Invents them, as fields of the standard's message; ``None``: contributions, which are written by hand.
        per_person: Records of each person, or of each vehicle or card; 0: as many as months.
        contradicted: Field, none of the key, in which two records of one key contradict each other.
    """

    invent: Invent | None
    per_person: int = 1
    contradicted: str = "person_name"


RECIPES: Final[dict[str, Recipe]] = {
    "social.enrolment": Recipe(enrolments),
    CONTRIBUTION: Recipe(None, per_person=0, contradicted="base_fen"),
    "social.transfer": Recipe(transfers, STEPS_PER_PERSON),
    "social.certification": Recipe(certifications),
    "transport.tap": Recipe(taps, contradicted="batch_number"),
    "transport.concession": Recipe(concessions),
    "transport.vehicle_licence": Recipe(vehicle_licences, contradicted="owner_name"),
    "transport.driver_licence": Recipe(driver_licences),
    "transport.position": Recipe(positions, contradicted="speed_deci_kmh"),
    "care.coverage": Recipe(coverages),
    "care.referral": Recipe(referrals),
    "care.settlement": Recipe(settlements),
    "care.assessment": Recipe(assessments),
}
"""By dataset. Contributions are written by hand, row by row; the others by the city's mapping."""


def sample_records(city: City, dataset: str, random: Random, people: int, months: int) -> Iterator[Rows]:
    """Invent the records of a city's file, each as its rows, without keeping any.

    Args:
        city: Whose.
        dataset: One of `RECIPES`.
        random: Source of everything that varies.
        people: How many people.
        months: Of each, where the dataset has months.
    """
    invent = RECIPES[dataset].invent
    if invent is None:
        made = contributions(city, random, people, months)
        yield from ([city.row(contribution, random, city.missing)] for contribution in made)
        return
    mapping = load_mapping(city.dialect, dataset)
    for fields in invent(city, random, people):
        rows = mapping.from_standard_rows(mapping.message_type(**fields))
        yield _with_missing_words(mapping, rows, random)


def _with_missing_words(mapping: Mapping, rows: Rows, random: Random) -> Rows:
    """Say nothing in the dialect's words: one in each record, and a column's own where it has one."""
    word = random.choice(sorted(mapping.declaration.missing))
    words: dict[int, str] = {}
    for column in mapping.plan.columns:
        own = sorted(column.missing - mapping.declaration.missing.keys())
        words |= {place: own[0] if own and random.random() < 0.5 else word for place in column.places}
    return [[cell or words.get(place, "") for place, cell in enumerate(row)] for row in rows]


def record_count(dataset: str, people: int, months: int) -> int:
    """Return how many records ``sample_records`` invents."""
    return people * (RECIPES[dataset].per_person or months)


def kinds_of(city: City, dataset: str, form: Form = Form.CSV) -> list[Kind]:
    """Return what is planted in a city's sample.

    Args:
        city: Whose.
        dataset: One of `RECIPES`.
        form: What it is written on.
    """
    mapping = load_mapping(city.dialect, dataset)
    if form is Form.FRAMES:
        return frame_kinds(city)
    if dataset == CONTRIBUTION:
        kinds = LOCAL_KINDS if city is NANTONG else SHANGHAI_KINDS
    else:
        kinds = planted_kinds(mapping, load_mapping(other_city(city).dialect, dataset))
    fitting = [kind for kind in kinds if form is Form.CSV or not kind.spoil_line]
    return [*typed_kinds(mapping), *fitting] if form is Form.EXCEL else fitting


def file_name(city: City, dataset: str, suffix: str = ".csv") -> str:
    """Return the name of a city's file: "nantong_contributions.csv", "shanghai_enrolments.xlsx"."""
    return f"{city.file_prefix}_{dataset.partition('.')[2]}s{suffix}"
