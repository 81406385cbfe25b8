"""Reading a source: rows of one record are put together, and a bad one costs no neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from adapters.mapping import load_mapping
from adapters.samples import sample_rows
from adapters.tables import BadRow, Cell, Progress, Row
from services.node.sync.mapped import map_run
from services.node.sync.mapping_run import RunMapper
from services.node.sync.reading import RowsOfRecord, read_runs
from services.wire.datasets import load_datasets

DATASET = "social.transfer"
MAPPING = load_mapping("local", DATASET)


class TypedSource:
    """A spreadsheet's rows; implements `adapters.tables.TableSource`."""

    name = "sheet"
    typed = True
    progress = Progress(0, None, "rows")

    def __init__(self, rows: Sequence[Sequence[Cell]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        yield from (Row(number, list(cells)) for number, cells in enumerate(self._rows, 2))


class Cells(NamedTuple):
    """A row of texts, for `Mapping.gather`."""

    cells: Sequence[str]


def grid() -> list[list[Cell]]:
    """Good transfers of several rows each, as typed values."""
    rows = sample_rows(DATASET, "local", seed=5, people=6, bad_rows=0).rows
    groups = MAPPING.gather(map(Cells, rows), lambda row: False)
    messages = [MAPPING.to_standard_rows([row.cells for row in group.rows]).message for group in groups]
    return [list(MAPPING.values(row)) for message in messages for row in MAPPING.from_standard_rows(message)]


def records(rows: Sequence[Sequence[Cell]]) -> list[RowsOfRecord]:
    """Read rows and put them together."""
    (run,) = read_runs(TypedSource(rows), MAPPING, 500)
    assert all(isinstance(one, RowsOfRecord) for one in run.records)
    return [one for one in run.records if isinstance(one, RowsOfRecord)]


def refused_rows(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Return the numbers of all rows that become no record."""
    (run,) = read_runs(TypedSource(rows), MAPPING, 500)
    mapper = RunMapper(MAPPING, load_datasets().find(DATASET, "1"))
    return [row.number for one in map_run(run, mapper, mapper.answer).refused for row in one.rows]


def test_a_value_that_nobody_can_say_costs_its_record_alone() -> None:
    """A day with a time in the first or last row of a record: the records before and behind are read whole."""
    rows = grid()
    whole = [[row.number for row in one.rows] for one in records(rows)]
    middle = next(numbers for numbers in whole[1:-1] if len(numbers) > 1)
    dated = _a_date(rows)
    for number in (middle[0], middle[-1]):
        spoilt = [list(row) for row in rows]
        spoilt[number - 2][dated] = datetime(2026, 1, 5, 12, 30)
        assert refused_rows(spoilt) == middle


def test_a_value_in_the_key_costs_the_neighbours_too() -> None:
    """Whose row it is nobody knows then, so neither the record before it nor the one behind is surely complete."""
    rows = grid()
    whole = [[row.number for row in one.rows] for one in records(rows)]
    spoilt = [list(row) for row in rows]
    spoilt[whole[2][0] - 2][MAPPING.plan.key[0]] = 0.5

    assert set(refused_rows(spoilt)) >= {*whole[1], *whole[2]}


def _a_date(rows: Sequence[Sequence[Cell]]) -> int:
    """Return the place of a date of the items, whose paths have two parts."""
    places = [place for one in MAPPING.plan.columns if "." in one.facts.path for place in one.places]
    return next(place for place in places if any(isinstance(row[place], date) for row in rows))
