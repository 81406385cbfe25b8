"""Files for syncs, each of other people, and what a report must say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from adapters.samples import Planted, SampleFile
from services.node.session import open_session
from tests.integration.support.nodes import DATASET, Node
from tests.integration.support.records import arrivals, write_files
from tests.integration.support.sheets import Sheet, with_rows
from yrdx.node.v1 import node_pb2

BALANCES: Final = (
    ("read", ("mapped", "rejected_local", "duplicates_in_file")),
    ("submitted", ("acknowledged", "rejected_partner", "pending")),
)
_SEEDS: Final = count(7_000)
_PEOPLE_MIN: Final = 4


def samples(folder: Path, *, people: int, bad_rows: int = 0) -> tuple[SampleFile, SampleFile]:
    """Write Nantong's and Shanghai's file with people of whom no other file knows."""
    seed = next(_SEEDS)
    return write_files(folder / f"samples-{seed}", seed=seed, people=people, bad_rows=bad_rows)


def local_sample(folder: Path, *, people: int, bad_rows: int = 0) -> SampleFile:
    """Write a file of Nantong's alone."""
    return samples(folder, people=people, bad_rows=bad_rows)[0]


def local_sheet(folder: Path, *, people: int) -> Sheet:
    """Return good rows of Nantong's, to be changed."""
    file = local_sample(folder, people=max(people, _PEOPLE_MIN))
    sheet = Sheet.read(file.path, file.dialect)
    return with_rows(sheet, sheet.rows[:people])


class Arrivals:
    """What arrives at a city from another since this was made."""

    def __init__(self, receiver: Node, from_city: str) -> None:
        """Begin now."""
        self._receiver, self._from_city = receiver, from_city
        self._before = self._count()

    def records(self) -> Counter[str]:
        """Return them as canonical JSON of the standard."""
        with open_session(self._receiver.path) as session:
            return arrivals(session, self._from_city, after=self._before)

    def count(self) -> int:
        """Return how many they are."""
        return self._count() - self._before

    def _count(self) -> int:
        request = node_pb2.ExportInboxRequest(dataset=DATASET, from_city=self._from_city, history=True)
        with open_session(self._receiver.path) as session:
            return sum(len(page.entries) for page in session.stub.ExportInbox(request))


def planted(file: SampleFile, by: str) -> list[Planted]:
    """Return the planted rows that somebody rejects: "local", "partner", or "" for those that repeat another."""
    return [row for row in file.planted if row.rejected_by == by]


def counts_of(file: SampleFile) -> dict[str, int]:
    """Return what the report of a file must say once everything is answered."""
    local, partner, duplicates = (len(planted(file, by)) for by in ("local", "partner", ""))
    mapped = file.rows - local - duplicates
    return {
        "read": file.rows,
        "mapped": mapped,
        "rejected_local": local,
        "duplicates_in_file": duplicates,
        "submitted": mapped,
        "acknowledged": mapped - partner,
        "rejected_partner": partner,
        "pending": 0,
    }


def counts_in(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a report, which must balance."""
    for whole, parts in BALANCES:
        assert report[whole] == sum(report[part] for part in parts), report
    return {name: report[name] for whole, parts in BALANCES for name in (whole, *parts)}
