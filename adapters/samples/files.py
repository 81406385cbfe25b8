"""Writes the sample files, row by row: a million rows take no more memory than ten."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from random import Random
from typing import BinaryIO, Final

from adapters.mapping import Mapping, load_mapping
from adapters.samples.contributions import NANTONG, SHANGHAI, City, contributions, with_habits
from adapters.samples.people import SizeRefused
from adapters.samples.planted import LOCAL_KINDS, SHANGHAI_KINDS, Kind, Planted

_DATASET: Final = "social.contribution"
_CITIES: Final = ((NANTONG, LOCAL_KINDS), (SHANGHAI, SHANGHAI_KINDS))
_PAIR: Final = 2
"""Rows of the planted conflict; they count as bad rows."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One city's file.

    Attributes:
        path: Where it stands.
        dialect: Whose shape it has.
        rows: Rows, without the header.
        planted: What was planted, in the order of the rows.
    """

    path: Path
    dialect: str
    rows: int
    planted: tuple[Planted, ...]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """Both files.

    Attributes:
        files: Nantong's, then Shanghai's.
        planted_path: JSON that says the same as ``SampleFile.planted``.
    """

    files: tuple[SampleFile, ...]
    planted_path: Path


def write_samples(folder: Path, *, seed: int, people: int, bad_rows: int, months: int = 1) -> SampleSet:
    """Write ``nantong_contributions.csv``, ``shanghai_contributions.csv`` and ``planted.json``; same seed, same bytes.

    A file has exactly ``people * months`` rows. ``bad_rows`` of them are rejected in the end, by either city: kinds in
    turn, and the two rows of one pair with the same key and other content. One more row repeats the one before it.

    Args:
        folder: Must exist; former files are replaced.
        seed: Of everything that varies.
        people: In each file.
        bad_rows: In each file; 0 plants nothing, not even the duplicate.
        months: Rows for each person.

    Raises:
        SizeRefused: ``bad_rows`` is 1, or too many for so few rows; or so many people cannot be invented.
    """
    if bad_rows == 1:
        raise SizeRefused("1 bad row cannot be planted: two of them are a pair that contradict each other")
    if people * months < (rows_min := 2 * (bad_rows + 2) if bad_rows else 1):
        raise SizeRefused(f"{bad_rows} bad rows need at least {rows_min} rows, not {people * months}")
    made = tuple(_write_city(folder, city, kinds, seed, (people, months, bad_rows)) for city, kinds in _CITIES)
    planted_path = folder / "planted.json"
    content = {file.path.name: _told(file) for file in made}
    told = {"seed": seed, "people": people, "months": months, "real_data": False, "files": content}
    planted_path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return SampleSet(made, planted_path)


def _told(file: SampleFile) -> dict[str, object]:
    """What planted.json says about a file."""
    return {"dialect": file.dialect, "rows": file.rows, "planted": [row.as_json() for row in file.planted]}


def _write_city(folder: Path, city: City, kinds: list[Kind], seed: int, size: tuple[int, int, int]) -> SampleFile:
    """Write one city's file; ``size`` is people, months, bad rows."""
    people, months, bad_rows = size
    random = Random(f"{seed}/{city.dialect}")
    mapping = load_mapping(city.dialect, _DATASET)
    specials = _specials(random, people * months, kinds, bad_rows)
    planted: list[Planted] = []
    path = folder / city.file_name
    with path.open("wb") as file:
        sheet = _Sheet(file, mapping, random)
        for index, contribution in enumerate(contributions(city, random, people, months)):
            cells = city.row(contribution, random, city.missing)
            planted.extend(sheet.write(index, cells, specials.get(index)))
    return SampleFile(path, city.dialect, people * months, tuple(planted))


_DUPLICATE: Final = Kind("exact_duplicate", "", "", rejected_by="")
_CONFLICT: Final = Kind("same_key_other_content", "", "")


def _specials(random: Random, rows: int, kinds: list[Kind], bad_rows: int) -> dict[int, Kind]:
    """Choose which rows are planted: odd places, so that the even one before each stays good."""
    if not bad_rows:
        return {}
    chosen = [_DUPLICATE, _CONFLICT, *(kinds[turn % len(kinds)] for turn in range(bad_rows - _PAIR))]
    places = random.sample(range(rows // 2), len(chosen))
    return {2 * place + 1: kind for place, kind in zip(places, chosen, strict=True)}


class _Sheet:
    """Writes rows in a dialect's shape as its own systems do: without marks before formula-like cells."""

    def __init__(self, file: BinaryIO, mapping: Mapping, random: Random) -> None:
        self._file = file
        self._random = random
        self._mapping = mapping
        self._codec = "utf-8" if mapping.file.encoding == "utf-8-sig" else mapping.file.encoding
        self._delimiter = mapping.file.delimiter
        self._fields = {column.field: mapping.columns.index(column.name) for column in mapping.declaration.columns}
        self._before: list[str] = []
        file.write("".encode(mapping.file.encoding) + self._line(list(mapping.columns)) + b"\r\n")

    def write(self, index: int, cells: list[str], kind: Kind | None) -> Iterator[Planted]:
        """Write the row at an index, planted if a kind is given, and tell what was planted."""
        row = index + 2
        if kind is None:
            cells = self._as_people_write(cells)
        elif kind is _DUPLICATE:
            cells = self._before
            yield Planted(row, kind.name, kind.rejected_by, of_row=row - 1)
        elif kind is _CONFLICT:
            cells = self._contradicting()
            yield Planted(row - 1, kind.name, kind.rejected_by, of_row=row)
            yield Planted(row, kind.name, kind.rejected_by, of_row=row - 1)
        else:
            yield Planted(row, kind.name, kind.rejected_by, kind.rule, kind.column)
            if kind.spoil:
                place = self._mapping.columns.index(kind.column)
                cells = [*cells[:place], kind.spoil(cells[place]), *cells[place + 1 :]]
        line = self._line(cells)
        if kind is not None and kind.spoil_line:
            line = kind.spoil_line(line, self._delimiter.encode())
        self._file.write(line + b"\r\n")
        self._before = cells

    def _as_people_write(self, cells: list[str]) -> list[str]:
        """Give a good row the habits of those who type."""
        number, name = self._fields["person_number"], self._fields["person_name"]
        written = list(cells)
        written[number], written[name] = with_habits(cells[number], cells[name], self._random)
        return written

    def _contradicting(self) -> list[str]:
        """The row before, with another contribution base."""
        base = self._fields["base_fen"]
        amount = self._before[base]
        return [*self._before[:base], f"{int(amount[0]) % 9 + 1}{amount[1:]}", *self._before[base + 1 :]]

    def _line(self, cells: list[str]) -> bytes:
        """Encode a row, without its line end."""
        text = StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return text.getvalue().encode(self._codec)
