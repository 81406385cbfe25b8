"""Writes the sample files, record by record: a million rows take no more memory than ten."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from adapters.mapping import Mapping, load_mapping
from adapters.samples.contributions import NANTONG, SHANGHAI, City
from adapters.samples.planted import Kind, Planted
from adapters.samples.records import CONTRIBUTION, RECIPES, file_name, kinds_of, record_count, sample_records
from adapters.samples.sheet import CONFLICT, DUPLICATE, Sheet

_CITIES: Final = (NANTONG, SHANGHAI)
_PAIR: Final = 2
"""Records of the planted conflict; they count as bad rows."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One city's file of one dataset.

    Attributes:
        path: Where it stands.
        dialect: Whose shape it has.
        rows: Rows, without the header.
        planted: What was planted, in the order of the rows.
        dataset: What its records are.
        records: Records; as many as rows where each row is one.
    """

    path: Path
    dialect: str
    rows: int
    planted: tuple[Planted, ...]
    dataset: str
    records: int


@dataclass(frozen=True, slots=True)
class SampleSet:
    """All files.

    Attributes:
        files: By dataset as asked for, Nantong's and then Shanghai's of each.
        planted_path: JSON that says the same as ``SampleFile.planted``.
    """

    files: tuple[SampleFile, ...]
    planted_path: Path


def write_samples(
    folder: Path,
    *,
    seed: int,
    people: int,
    bad_rows: int,
    months: int = 1,
    datasets: Sequence[str] = (CONTRIBUTION,),
) -> SampleSet:
    """Write both cities' files of datasets, and ``planted.json``; same seed, same bytes.

    A file has one record for each person: of contributions one for each of their months (``nantong_contributions.csv``,
    ``shanghai_contributions.csv``), of transfers two steps of their case, some with several rows. ``bad_rows`` records
    are rejected in the end, by either city: kinds in turn, and the two records of one pair with the same key and other
    content. One more record repeats an earlier one.

    Args:
        folder: Must exist; former files are replaced.
        seed: Of everything that varies.
        people: In each file.
        bad_rows: In each file; 0 plants nothing, not even the duplicate.
        months: Contributions of each person.
        datasets: Datasets that have samples.

    Raises:
        ValueError: ``bad_rows`` is 1, or too many for so few records; or a dataset has no samples.
    """
    unknown = sorted(set(datasets) - RECIPES.keys())
    if unknown:
        raise ValueError(f"no samples of {unknown[0]}; there are {', '.join(RECIPES)}")
    size = (people, months, bad_rows)
    made = tuple(_write_city(folder, city, dataset, seed, size) for dataset in datasets for city in _CITIES)
    planted_path = folder / "planted.json"
    content = {file.path.name: _told(file) for file in made}
    told = {"seed": seed, "people": people, "months": months, "real_data": False, "files": content}
    planted_path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return SampleSet(made, planted_path)


def _told(file: SampleFile) -> dict[str, object]:
    """What planted.json says about a file."""
    said = {"dialect": file.dialect, "rows": file.rows, "planted": [row.as_json() for row in file.planted]}
    return said if file.dataset == CONTRIBUTION else {"dataset": file.dataset, "records": file.records} | said


def _write_city(folder: Path, city: City, dataset: str, seed: int, size: tuple[int, int, int]) -> SampleFile:
    """Write one city's file; ``size`` is people, months, bad rows."""
    people, months, bad_rows = size
    records = record_count(dataset, people, months)
    if bad_rows == 1 or 2 * (bad_rows + 2) > records:
        raise ValueError("bad_rows is 0, or at least 2 and less than half of the rows")
    random = Random(f"{seed}/{city.dialect}" if dataset == CONTRIBUTION else f"{seed}/{city.dialect}/{dataset}")
    mapping = load_mapping(city.dialect, dataset)
    specials = _specials(random, records, kinds_of(city, dataset), bad_rows)
    planted: list[Planted] = []
    path = folder / file_name(city, dataset)
    with path.open("wb") as file:
        sheet = Sheet(file, mapping, random, _contradiction(mapping))
        for index, rows in enumerate(sample_records(city, dataset, random, people, months)):
            kind = specials.pop(index, None)
            if kind is not None and not sheet.fits(rows, kind):
                _put_off(specials, index, kind, records)
                kind = None
            planted.extend(sheet.write(rows, kind))
    return SampleFile(path, city.dialect, sheet.row - 1, tuple(planted), dataset, records)


def _specials(random: Random, records: int, kinds: list[Kind], bad_rows: int) -> dict[int, Kind]:
    """Choose which records are planted: odd places, so that the even one before each stays good.

    The last quarter is left for kinds that do not fit where they were to stand.
    """
    if not bad_rows:
        return {}
    chosen = [DUPLICATE, CONFLICT, *(kinds[turn % len(kinds)] for turn in range(bad_rows - _PAIR))]
    places = random.sample(range(max(len(chosen), records * 3 // 8)), len(chosen))
    return {2 * place + 1: kind for place, kind in zip(places, chosen, strict=True)}


def _put_off(specials: dict[int, Kind], index: int, kind: Kind, records: int) -> None:
    """Plant a kind at the next odd place, and what should stand there further on.

    Raises:
        ValueError: There is none.
    """
    following = next((place for place in range(index + 2, records, 2) if place not in specials), None)
    if following is None:
        raise ValueError(f"no record is left that {kind.name} fits: more people, or fewer bad rows")
    specials[following] = kind


def _contradiction(mapping: Mapping) -> Callable[[list[str]], list[str]]:
    """Return what gives a row other content under the same key: another base, or another name."""
    base = mapping.column_of("base_fen") if mapping.dataset == CONTRIBUTION else ""
    place = mapping.columns.index(base or mapping.column_of("person_name"))

    def contradict(row: list[str]) -> list[str]:
        cell = row[place]
        other = f"{int(cell[0]) % 9 + 1}{cell[1:]}" if base else f"{cell.strip()}某"
        return [*row[:place], other, *row[place + 1 :]]

    return contradict
