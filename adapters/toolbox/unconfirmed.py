"""Facts that the owner of the domain has still to confirm: `# unconfirmed` in mapping files, a note in code tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from adapters.mapping.code_tables import UNCONFIRMED
from adapters.toolbox.places import MappingPlace

_MARK: Final = re.compile(rf"#\s*{UNCONFIRMED}\b:?\s*(.*)")
_NAME: Final = re.compile(r'name\s*=\s*"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Mark:
    """One fact to be confirmed.

    Attributes:
        file: "local/social_enrolment.toml", or a code table.
        line: Line in it, from 1.
        place: What it is about: a column, a code with its label, or "file".
        words: What is written beside the mark.
    """

    file: str
    line: int
    place: str
    words: str

    def as_json(self) -> dict[str, str | int]:
        """Return it for programs."""
        return asdict(self)


def unconfirmed(places: Iterable[MappingPlace]) -> list[Mark]:
    """List what is marked in mapping files, and then in the code tables beside them, each table once."""
    found = list(places)
    folders = dict.fromkeys((place.folder, place.dialect) for place in found)
    marks = [mark for place in found for mark in _of_mapping(place)]
    tables = [(dialect, table) for folder, dialect in folders for table in sorted(folder.glob("*.csv"))]
    return marks + [mark for dialect, table in tables for mark in _of_table(dialect, table)]


def _of_mapping(place: MappingPlace) -> Iterator[Mark]:
    """A mark stands within the column that it is about, behind the column's name; before all columns: the file."""
    about = "file"
    for number, line in enumerate(place.file.read_bytes().decode("utf-8-sig", "replace").splitlines(), 1):
        named, marked = _NAME.match(line), _MARK.search(line)
        if line.startswith("["):
            about = line.partition("#")[0].strip()
        if named:
            about = f"column {named[1]}"
        if marked and '"# unconfirmed"' not in line:
            yield Mark(place.name, number, about, marked[1])


def _of_table(dialect: str, table: Path) -> Iterator[Mark]:
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if len(row) == 4 and UNCONFIRMED in row[3].split():
                yield Mark(f"{dialect}/{table.name}", number, f"code {row[0]}", row[2])
