"""Tables of Nantong's own system: what stands in them, and what must arrive of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from adapters.mapping import Mapping, load_mapping
from adapters.samples import sample_rows
from tests.databases import Database
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.records import canonical

CONTRIBUTION: Final = "social.contribution"
TRANSFER: Final = "social.transfer"
DATASETS: Final = (CONTRIBUTION, TRANSFER)
TABLE: Final = "sbjf"
MONTHS_TOO: Final = "AAB191"
"""A column of days in which some rows say a month alone: no type but text takes both."""
NOON: Final = datetime.fromisoformat("2026-03-01T12:00:00")
_SEEDS: Final = count(51_000)

Rows = Sequence[Sequence[str]]


def invented(people: int, dataset: str = CONTRIBUTION) -> Rows:
    """Return good rows of people of whom no other test knows, as the dialect itself writes them."""
    mapping = load_mapping(NANTONG.dialect, dataset)
    rows = sample_rows(dataset, NANTONG.dialect, seed=next(_SEEDS), people=max(people, 4), bad_rows=0).rows
    if mapping.grouped:
        return rows
    return [mapping.from_standard(mapping.to_standard(row).message) for row in rows[:people]]


def arriving(rows: Iterable[Sequence[str]]) -> Counter[str]:
    """Return what must arrive of rows, as canonical JSON of the standard."""
    mapping = load_mapping(NANTONG.dialect, CONTRIBUTION)
    messages = (mapping.to_standard(row).message for row in rows)
    return Counter(canonical(MessageToDict(one, preserving_proto_field_name=True)) for one in messages)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a number and a time of update, its columns typed in PostgreSQL, texts in SQLite.

    Attributes:
        database: Where it is.
        dataset: What it holds.
    """

    database: Database
    dataset: str = CONTRIBUTION

    @property
    def mapping(self) -> Mapping:
        """Nantong's dialect."""
        return load_mapping(NANTONG.dialect, self.dataset)

    def create(self, rows: Rows, *, at: datetime = NOON) -> None:
        """Make the table with rows, all updated at one time."""
        valued = [self._cells(row) for row in rows]
        kinds = [next((_kind(row[n]) for row in valued if row[n] is not None), "TEXT") for n in range(len(valued[0]))]
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(self.mapping.columns, kinds, strict=True))
        serial = "BIGSERIAL" if self.database.kind == "postgresql" else "INTEGER"
        self.database.execute(f"CREATE TABLE {TABLE} (xh {serial} PRIMARY KEY, gxsj TIMESTAMP, {columns})")
        self.insert(rows, at=at)

    def insert(self, rows: Rows, *, at: datetime = NOON, first: int | None = None) -> None:
        """Add rows, with the next numbers or from a number on."""
        names = ", ".join(("gxsj", *self.mapping.columns, *(("xh",) if first is not None else ())))
        lines = []
        for number, row in enumerate(rows):
            cells = [at, *self._cells(row), *([first + number] if first is not None else [])]
            lines.append(f"({', '.join(map(_literal, cells))})")
        for start in range(0, len(lines), 1_000):
            self.database.execute(f"INSERT INTO {TABLE} ({names}) VALUES {', '.join(lines[start : start + 1_000])}")

    def change(self, number: int, column: str, cell: str, *, minutes: float) -> None:
        """Change a row, some minutes after noon."""
        moment = NOON + timedelta(minutes=minutes)
        self.database.execute(f"UPDATE {TABLE} SET {column} = '{cell}', gxsj = '{moment}' WHERE xh = {number}")

    def words(self, pair: Pair, *more: object, verb: str = "run") -> list[object]:
        """Return the command line that syncs it."""
        source = ("--sql", self.database.url, "--table", TABLE)
        home = ("--home", pair.nantong.path, "--to", SHANGHAI.code, "--dataset", self.dataset)
        return ["sync", verb, *source, *home, "--json", *more]

    def sync(self, pair: Pair, *more: object, code: int = 0) -> dict[str, Any]:
        """Sync it and return the report."""
        return self.ran(pair, *more, code=code).json  # type: ignore[no-any-return]

    def ran(self, pair: Pair, *more: object, code: int = 0) -> Ran:
        """Sync it and return what was said."""
        return yrdx(*self.words(pair, *more), code=code)

    def _cells(self, row: Sequence[str]) -> list[Any]:
        if self.database.kind == "sqlite" or self.dataset == TRANSFER:
            return [cell or None for cell in row]
        pairs = zip(self.mapping.columns, row, self.mapping.values(row), strict=True)
        return [text or None if column == MONTHS_TOO else value for column, text, value in pairs]


def _literal(cell: object) -> str:
    if cell is None:
        return "NULL"
    text = str(cell).replace("'", "''")
    return text if isinstance(cell, int | Decimal) else f"'{text}'"


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
