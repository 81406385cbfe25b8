"""Puts a city's records on paper: which of them are planted, and with what."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from adapters.mapping import Mapping, load_mapping
from adapters.samples.contributions import City
from adapters.samples.papers import Form, Paper
from adapters.samples.people import SizeRefused
from adapters.samples.planted import Kind, Planted, one_more
from adapters.samples.records import CONTRIBUTION, RECIPES, kinds_of, record_count, sample_records
from adapters.samples.sheet import CONFLICT, DUPLICATE, Sheet

_PAIR: Final = 2
"""Records of the planted conflict; they count as bad rows."""
_BAD_SHARE_MAX: Final = 4
"""Where every kind is asked for, at most one record in so many is bad."""


class Size(NamedTuple):
    """How much is written: people, months of each where the dataset has months, and bad rows; see ``write_sample``."""

    people: int
    months: int
    bad_rows: int | None


def write_records(
    paper: Paper, city: City, dataset: str, seed: int, size: Size
) -> tuple[int, tuple[Planted, ...], int]:
    """Put a city's records on paper.

    Returns:
        How many rows, what was planted in them, and how many records they are.

    Raises:
        SizeRefused: There are too many bad rows for so few records.
    """
    records = record_count(dataset, size.people, size.months)
    kinds = kinds_of(city, dataset, paper.form)
    random = Random(f"{seed}/{city.dialect}" if dataset == CONTRIBUTION else f"{seed}/{city.dialect}/{dataset}")
    mapping = load_mapping(city.dialect, dataset)
    specials = _specials(random, records, kinds, _bad_rows(size.bad_rows, len(kinds), records))
    sheet, planted = Sheet(paper, mapping, random, _contradiction(mapping)), list[Planted]()
    last: tuple[list[list[str]], Kind] | None = None
    for index, rows in enumerate(sample_records(city, dataset, random, size.people, size.months)):
        kind = specials.pop(index, None)
        if kind is not None and not sheet.fits(rows, kind):
            _put_off(specials, index, kind, records, needed=size.bad_rows is not None)
            kind = None
        if kind is not None and kind.breaks_off:
            last = rows, kind
        else:
            planted.extend(sheet.write(rows, kind))
    if last is not None:
        planted.extend(sheet.write(*last))
    # The second of a conflict may stand behind others that were planted between.
    return sheet.row - paper.header_rows, tuple(sorted(planted, key=lambda one: one.row)), records


def enough_people_of(city: City, dataset: str) -> int:
    """Return of how many people the records are enough for every kind, on any paper.

    Args:
        city: Whose.
        dataset: One that has samples.
    """
    kinds = max(len(kinds_of(city, dataset, form)) for form in (Form.CSV, Form.EXCEL))
    return -(-_BAD_SHARE_MAX * (kinds + _PAIR) // max(RECIPES[dataset].per_person, 1))


def _bad_rows(asked: int | None, kinds: int, records: int) -> int:
    """Return how many bad records there shall be.

    Raises:
        SizeRefused: So many cannot be, or one alone.
    """
    if asked is None:
        fitting = min(kinds + _PAIR, records // _BAD_SHARE_MAX)
        return fitting if fitting >= _PAIR else 0
    if asked == 1 or 2 * (asked + 2) > records:
        raise SizeRefused("bad_rows is 0, or at least 2 and less than half of the rows")
    return asked


def _specials(random: Random, records: int, kinds: list[Kind], bad_rows: int) -> dict[int, Kind]:
    """Choose which records are planted: odd places, so that the even one before each stays good.

    The last quarter is left for kinds that do not fit where they were to stand.
    """
    if not bad_rows:
        return {}
    chosen = [DUPLICATE, CONFLICT, *(kinds[turn % len(kinds)] for turn in range(bad_rows - _PAIR))]
    places = random.sample(range(max(len(chosen), records * 3 // 8)), len(chosen))
    return {2 * place + 1: kind for place, kind in zip(places, chosen, strict=True)}


def _put_off(specials: dict[int, Kind], index: int, kind: Kind, records: int, *, needed: bool) -> None:
    """Plant a kind at the next odd place that is free.

    Raises:
        SizeRefused: There is none, and the number of bad records was asked for.
    """
    following = next((place for place in range(index + 2, records, 2) if place not in specials), None)
    if following is None and not needed:
        return
    if following is None:
        raise SizeRefused(f"no record is left that {kind.name} fits: more people, or fewer bad rows")
    specials[following] = kind


def _contradiction(mapping: Mapping) -> Callable[[list[str]], list[str]]:
    """Return what gives a row other content under the same key: another number, or another name."""
    place = mapping.columns.index(mapping.column_of(RECIPES[mapping.dataset].contradicted))

    def contradict(row: list[str]) -> list[str]:
        cell = row[place]
        other = one_more(cell) if cell[:1].isdigit() else f"{cell.strip()}某"
        return [*row[:place], other, *row[place + 1 :]]

    return contradict
