"""Targets of sinks, and what must stand in them: the records of the inbox in the receiver's own dialect."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from adapters.mapping import Mapping, load_mapping
from adapters.samples import write_sample
from services.node.session import open_session
from services.wire.datasets import load_datasets
from tests.databases import Database
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node
from tests.integration.support.pairs import Pair
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2

CONTRIBUTION: Final = "social.contribution"
TRANSFER: Final = "social.transfer"
DATASETS: Final = (CONTRIBUTION, TRANSFER)
NAMES: Final = {CONTRIBUTION: "AAC003", TRANSFER: "aac003"}
"""Nantong's column of names."""
TABLE: Final = "yw"
MONTHS_TOO: Final = frozenset(("dzrq", "grzhrq", "qrq", "zrq", "cbdgrjfrq", "scjfrq"))
"""Columns of days in which some rows say a month alone: no type but text takes both."""

Rows = Counter[tuple[Any, ...]]


def send(pair: Pair, file: Path, dataset: str, *more: object) -> dict[str, Any]:
    """Sync a file of Nantong's to its end and return the report."""
    words = ("sync", "run", file, "--home", pair.nantong.path, "--to", SHANGHAI.code, "--dataset", dataset, "--json")
    report: dict[str, Any] = yrdx(*words, *more).json
    assert report["pending"] == 0
    return report


@dataclass(frozen=True, slots=True)
class Table:
    """A table of Shanghai's, with the types that its values have, or of texts alone.

    Attributes:
        database: Where it is.
        dataset: What it holds.
        typed: Its columns have types.
    """

    database: Database
    dataset: str
    typed: bool

    @property
    def mapping(self) -> Mapping:
        """Shanghai's dialect."""
        return load_mapping(SHANGHAI.dialect, self.dataset)

    def create(self, node: Node, *checks: str) -> None:
        """Make the table, with an index on what identifies a record, and with checks."""
        key = load_datasets().find(self.dataset, "1").identifying_fields
        columns = [self.mapping.columns[place] for place in self.mapping.places_of(key)]
        kinds = self._kinds(node)
        pairs = zip(self.mapping.columns, kinds, strict=True)
        words = ", ".join([f"id {self._serial}", *(f"{column} {kind}" for column, kind in pairs), *checks])
        self.database.execute(
            f"CREATE TABLE {TABLE} ({words})",
            f"CREATE INDEX by_key ON {TABLE} ({', '.join(columns)})",
        )

    def rows(self) -> Rows:
        """Return what stands in it."""
        return Counter(self.database.rows(f"SELECT {', '.join(self.mapping.columns)} FROM {TABLE}"))

    def expected(self, node: Node) -> Rows:
        """Return what must stand in it."""
        rows = expected_rows(node, self.dataset)
        return Counter({tuple(self._cells(row)): count for row, count in rows.items()})

    def _cells(self, row: tuple[str, ...]) -> list[Any]:
        """Columns with types have values, columns of texts what the dialect's files have; an empty cell is NULL."""
        if not self.typed:
            return [text or None for text in row]
        cells = zip(self.mapping.columns, row, self.mapping.values(row), strict=True)
        return [text or None if column in MONTHS_TOO else value for column, text, value in cells]

    def cursor(self) -> int:
        """Return where the sink stands."""
        ((position,),) = self.database.rows("SELECT COALESCE(MAX(position), 0) FROM yrdx_sink")
        return int(position)

    def words(self, node: Node, *more: object) -> list[object]:
        """Return the command line of its sink."""
        sql = ("--sql", self.database.url, "--table", TABLE)
        return ["sink", "run", "--home", node.path, "--dataset", self.dataset, *sql, "--json", *more]

    def fill(self, node: Node, *, code: int = 0) -> Ran:
        """Run its sink to the end of the inbox."""
        return yrdx(*self.words(node, "--once"), code=code)

    @property
    def _serial(self) -> str:
        return "SERIAL PRIMARY KEY" if self.database.kind == "postgresql" else "INTEGER PRIMARY KEY"

    def _kinds(self, node: Node) -> list[str]:
        width = len(self.mapping.columns)
        if not self.typed:
            return ["TEXT"] * width
        valued = [self._cells(row) for row in expected_rows(node, self.dataset)]
        return [next((_kind(row[place]) for row in valued if row[place] is not None), "TEXT") for place in range(width)]


def _kind(value: object) -> str:
    match value:
        case datetime():
            return "TIMESTAMP"
        case date():
            return "DATE"
        case Decimal():
            return "NUMERIC(18,6)"
        case int():
            return "BIGINT"
        case _:
            return "VARCHAR(400)"


def expected_rows(node: Node, dataset: str) -> Rows:
    """Return the rows of every record that stands in a node's inbox, in texts of the receiver's dialect."""
    mapping = load_mapping(SHANGHAI.dialect, dataset)
    found: Rows = Counter()
    for body in standing_bodies(node, dataset):
        rows = mapping.from_standard_rows(mapping.message_type.FromString(body.message.value))
        found.update(map(tuple, rows))
    assert found
    return found


def standing_bodies(node: Node, dataset: str) -> Iterator[types_pb2.RecordBody]:
    """Yield every record that stands in a node's inbox."""
    with open_session(node.path) as session:
        request = node_pb2.ExportInboxRequest(dataset=dataset, from_city=NANTONG.code)
        for page in session.stub.ExportInbox(request):
            for entry in page.entries:
                body = types_pb2.RecordBody.FromString(entry.body)
                if body.operation != types_pb2.OPERATION_RETRACT:
                    yield body


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Good rows of Nantong's, record by record, to be changed between two syncs.

    Attributes:
        path: The file.
        dataset: What it holds.
    """

    path: Path
    dataset: str

    @classmethod
    def make(cls, path: Path, dataset: str, *, seed: int, people: int) -> LocalFile:
        """Invent people."""
        write_sample(path, dataset, NANTONG.dialect, seed=seed, people=people, bad_rows=0)
        return cls(path, dataset)

    def records(self) -> list[list[list[str]]]:
        """Return the rows of each record."""
        file = self._mapping.file
        with self.path.open(encoding=file.encoding, newline="") as lines:
            _, *rows = csv.reader(lines, delimiter=file.delimiter)
        key = itemgetter(0, 1) if self._mapping.grouped else id
        return [list(group) for _, group in groupby(rows, key)]

    def write(self, records: list[list[list[str]]], *, name: str) -> LocalFile:
        """Write records to another file beside."""
        file, other = self._mapping.file, self.path.with_name(name)
        with other.open("w", encoding=file.encoding, newline="") as lines:
            writer = csv.writer(lines, delimiter=file.delimiter)
            writer.writerow(self._mapping.columns)
            writer.writerows(row for rows in records for row in rows)
        return LocalFile(other, self.dataset)

    def changed(self, records: list[list[list[str]]], number: int, column: str, cell: str) -> list[list[list[str]]]:
        """Return the records with a cell of one of them changed, in all of its rows."""
        place = self._mapping.columns.index(column)
        rows = [[*row[:place], cell, *row[place + 1 :]] for row in records[number]]
        return [*records[:number], rows, *records[number + 1 :]]

    @property
    def _mapping(self) -> Mapping:
        return load_mapping(NANTONG.dialect, self.dataset)
