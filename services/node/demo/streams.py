"""What the demo exchanges: every dataset both ways, each from the kind of source that its city has.

Shanghai hands over Excel; Nantong hands over GB18030 CSV, and some of its rows lie in tables of a database. Positions
of vehicles come as frames, those of Nantong's terminals (JT/T 808) and of Shanghai's platform (JT/T 809).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from adapters.frames.rows import FrameContext
from adapters.mapping import load_mapping
from adapters.samples import (
    DATASETS,
    Planted,
    SampleRows,
    enough_people,
    sample_file_name,
    sample_rows,
    write_register,
    write_sample,
)
from adapters.tables import TableLayout
from adapters.tables.vehicle_register import read_vehicles
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI, DemoCity
from services.node.sync.inputs import FileInput, Input, TableInput, layout_of

_TABLES: Final = {"social.enrolment": "cbdj", "transport.vehicle_licence": "dlysz"}
"""Nantong's tables: 参保登记, enrolments; 道路运输证, vehicle licences."""
_FRAMES: Final = "transport.position"
_FEWER: Final = 20
"""Contributions are many, the other datasets a twentieth of them, or as many as every kind of error needs."""


@dataclass(frozen=True, slots=True)
class DemoStream:
    """One dataset in one direction.

    Attributes:
        sender: City that sends.
        receiver: City that receives.
        dataset: Dataset.
        input: Where its rows come from.
        planted: What is wrong in them.
        corrections: The right cells of every planted row, by row.
    """

    sender: DemoCity
    receiver: DemoCity
    dataset: str
    input: Input
    planted: Sequence[Planted]
    corrections: Mapping[int, tuple[str, ...]]

    @property
    def name(self) -> str:
        """The stream's name."""
        return f"{self.sender.code}/{self.receiver.code}/{self.dataset}/0"


def make_streams(folder: Path, *, seed: int, people: int) -> tuple[DemoStream, ...]:
    """Write the samples of invented people; same seed, same rows.

    Args:
        folder: Where files and the database go; former ones are replaced.
        seed: Of everything that varies.
        people: Invented people of each city, for contributions.
    """
    database = folder / "nantong.sqlite"
    database.unlink(missing_ok=True)
    return tuple(
        _make(folder, dataset, sender, receiver, seed=seed, people=_people_of(dataset, sender, people))
        for dataset in DATASETS
        for sender, receiver in ((NANTONG, SHANGHAI), (SHANGHAI, NANTONG))
    )


def _people_of(dataset: str, city: DemoCity, people: int) -> int:
    return people if dataset == DATASET else max(people // _FEWER, min(people, enough_people(dataset, city.dialect)))


def _make(folder: Path, dataset: str, sender: DemoCity, receiver: DemoCity, *, seed: int, people: int) -> DemoStream:
    if sender == NANTONG and dataset in _TABLES:
        rows = sample_rows(dataset, sender.dialect, seed=seed, people=people)
        url = f"sqlite:///{_fill(folder / 'nantong.sqlite', _TABLES[dataset], rows)}"
        made: Input = TableInput(url, _TABLES[dataset], tuple(rows.columns))
        return DemoStream(sender, receiver, dataset, made, rows.planted, rows.corrections())
    path = folder / sample_file_name(dataset, sender.dialect, _suffix(sender, dataset))
    file = write_sample(path, dataset, sender.dialect, seed=seed, people=people)
    layout = layout_of(load_mapping(sender.dialect, dataset))
    if dataset == _FRAMES:
        layout = replace(layout, frames=_unsaid(folder, sender, layout, people))
    return DemoStream(sender, receiver, dataset, FileInput(path, layout), file.planted, file.corrections())


def _suffix(city: DemoCity, dataset: str) -> str:
    if dataset == _FRAMES:
        return ".jtt808" if city == NANTONG else ".jtt809"
    return ".csv" if city == NANTONG else ".xlsx"


def _unsaid(folder: Path, sender: DemoCity, layout: TableLayout, people: int) -> FrameContext:
    """What frames do not say: their datum, and whose Nantong's terminals are."""
    if sender != NANTONG:
        return FrameContext("WGS84")
    register = folder / "nantong_vehicles.csv"
    write_register(register, people=people)
    return FrameContext("WGS84", read_vehicles(register, layout))


def _fill(path: Path, table: str, rows: SampleRows) -> Path:
    """Write rows into a table of text columns, as many a city's database has them."""
    path.touch(mode=0o600)
    columns = ", ".join(f'"{column}" TEXT' for column in rows.columns)
    marks = ", ".join("?" for _ in rows.columns)
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE {table} (xh INTEGER PRIMARY KEY, {columns})")
        database.executemany(f"INSERT INTO {table} VALUES (NULL, {marks})", rows.rows)  # noqa: S608 - our own names
    database.close()
    return path.absolute()
