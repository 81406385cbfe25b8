"""Writes the samples, record by record: a million rows of a file take no more memory than ten."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from adapters.mapping import Mapping, load_mapping
from adapters.samples.contributions import NANTONG, SHANGHAI, City
from adapters.samples.made import SampleFile, SampleRows, SampleSet
from adapters.samples.papers import CsvPaper, ExcelPaper, FramePaper, ListPaper, Paper
from adapters.samples.records import CONTRIBUTION, RECIPES, file_name, sample_records
from adapters.samples.writing import Size, enough_people_of, write_records
from adapters.tables import CsvLayout, CsvSink
from adapters.tables.excel_sink import ExcelSink
from adapters.tables.frame_protocols import PROTOCOLS
from adapters.tables.vehicle_register import REGISTER_COLUMNS

_POSITION: Final = "transport.position"
_CITIES: Final = {city.dialect: city for city in (NANTONG, SHANGHAI)}


def write_samples(  # noqa: PLR0913 - all of them say how much
    folder: Path,
    *,
    seed: int,
    people: int,
    bad_rows: int | None,
    months: int = 1,
    datasets: Sequence[str] = (CONTRIBUTION,),
    excel: bool = False,
) -> SampleSet:
    """Write both cities' files of datasets, and ``planted.json``; same seed, same bytes.

    Files are ``nantong_contributions.csv``, ``shanghai_enrolments.csv``, …; what stands in them: ``write_sample``.

    Args:
        folder: Must exist; former files are replaced.
        seed: Of everything that varies.
        people: In each file.
        bad_rows: In each file.
        months: Contributions of each person.
        datasets: Datasets that have samples.
        excel: Write Shanghai's also as a workbook, of the same people.

    Raises:
        ValueError: As ``write_sample``.
    """
    size = Size(people, months, bad_rows)
    papers = [(NANTONG, ".csv"), (SHANGHAI, ".csv"), *([(SHANGHAI, ".xlsx")] if excel else [])]
    made = tuple(
        _write_file(folder / file_name(city, dataset, suffix), city, dataset, seed, size)
        for dataset in _verified(datasets)
        for city, suffix in papers
    )
    planted_path = folder / "planted.json"
    content = {file.path.name: _told(file) for file in made}
    told = {"seed": seed, "people": people, "months": months, "real_data": False, "files": content}
    planted_path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return SampleSet(made, planted_path)


def write_sample(  # noqa: PLR0913 - all of them say what and how much
    path: Path, dataset: str, dialect: str, *, seed: int, people: int, bad_rows: int | None = None, months: int = 1
) -> SampleFile:
    """Write one city's file of a dataset; same seed, same bytes.

    It has one record for each person: of contributions one for each of their months, of transfers two steps of their
    case, some with several rows. ``bad_rows`` records are rejected in the end, by either city: kinds in turn, and the
    two records of one pair with the same key and other content. One more record repeats an earlier one.

    Args:
        path: .csv, as the dialect writes them, .xlsx, or positions as frames (Nantong's .jtt808, Shanghai's .jtt809);
            a former file is replaced.
        dataset: One that has samples.
        dialect: "local" (Nantong) or "shanghai".
        seed: Of everything that varies.
        people: How many are invented.
        bad_rows: 0 plants nothing, not even the duplicate. None: every kind that fits once, if the records are enough.
        months: Contributions of each person.

    Raises:
        ValueError: ``bad_rows`` is 1, or too many for so few records; or there are no such samples; or the
            suffix is another one.
    """
    _verified([dataset])
    return _write_file(path, _city(dialect), dataset, seed, Size(people, months, bad_rows))


def sample_rows(
    dataset: str, dialect: str, *, seed: int, people: int, bad_rows: int | None = None, months: int = 1
) -> SampleRows:
    """Return what ``write_sample`` writes as rows in memory, for a table of a database; the same arguments."""
    _verified([dataset])
    city, paper = _city(dialect), ListPaper()
    _, planted, records = write_records(paper, city, dataset, seed, Size(people, months, bad_rows))
    columns = load_mapping(dialect, dataset).columns
    return SampleRows(columns, tuple(paper.rows), planted, dialect, dataset, records)


def enough_people(dataset: str, dialect: str) -> int:
    """Return of how many people the records are enough for every kind of error, in any kind of file.

    Raises:
        ValueError: There are no such samples.
    """
    _verified([dataset])
    return enough_people_of(_city(dialect), dataset)


def sample_file_name(dataset: str, dialect: str, suffix: str) -> str:
    """Return the name that ``write_samples`` gives to a city's file of a dataset.

    Raises:
        ValueError: There are no such samples.
    """
    _verified([dataset])
    return file_name(_city(dialect), dataset, suffix)


def write_register(path: Path, *, people: int) -> None:
    """Write Nantong's register of the vehicles of its positions, as CSV: the frames of terminals do not name them.

    Args:
        path: The file; a former one is replaced.
        people: As of ``write_sample``.
    """
    mapping = load_mapping(NANTONG.dialect, _POSITION)
    places = [mapping.columns.index(column) for column in REGISTER_COLUMNS]
    layout = CsvLayout(REGISTER_COLUMNS, mapping.file.encoding, mapping.file.delimiter)
    with CsvSink(path, layout) as sink:
        for (row,) in sample_records(NANTONG, _POSITION, Random(0), people, 1):
            sink.row([row[place] for place in places])


def _verified(datasets: Sequence[str]) -> Sequence[str]:
    unknown = sorted(set(datasets) - RECIPES.keys())
    if unknown:
        raise ValueError(f"no samples of {unknown[0]}; there are {', '.join(RECIPES)}")
    return datasets


def _city(dialect: str) -> City:
    if dialect not in _CITIES:
        raise ValueError(f"no samples of the dialect {dialect}; there are {', '.join(_CITIES)}")
    return _CITIES[dialect]


def _told(file: SampleFile) -> dict[str, object]:
    """What planted.json says about a file."""
    said = {"dialect": file.dialect, "rows": file.rows, "planted": [row.as_json() for row in file.planted]}
    return said if file.dataset == CONTRIBUTION else {"dataset": file.dataset, "records": file.records} | said


def _write_file(path: Path, city: City, dataset: str, seed: int, size: Size) -> SampleFile:
    with _paper(path, load_mapping(city.dialect, dataset)) as paper:
        rows, planted, records = write_records(paper, city, dataset, seed, size)
    return SampleFile(path, city.dialect, rows, planted, dataset, records)


@contextmanager
def _paper(path: Path, mapping: Mapping) -> Iterator[Paper]:
    """Open a file by its suffix; whatever fails, no half of it is left.

    Raises:
        ValueError: It is another one.
    """
    if path.suffix in (".csv", *PROTOCOLS):
        try:
            with path.open("wb") as file:
                is_csv = path.suffix == ".csv"
                yield CsvPaper(file, mapping) if is_csv else FramePaper(file, mapping, path.suffix)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    elif path.suffix == ".xlsx":
        with ExcelSink(path, CsvLayout(mapping.columns)) as sink:
            yield ExcelPaper(sink, mapping)
    else:
        raise ValueError(f"samples are written as .csv, .xlsx or frames, not as {path.suffix}")
