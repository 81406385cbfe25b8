"""Golden rows as a start for rows with other cells."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import pytest

from adapters.mapping import RowRejected, load_mapping


@cache
def golden(dialect: str, dataset: str) -> list[dict[str, str]]:
    """The golden rows of a dataset by column."""
    mapping = load_mapping(dialect, dataset)
    file = resources.files("adapters") / dialect / "samples" / f"{dataset.replace('.', '_')}.csv"
    text = file.read_bytes().decode(mapping.file.encoding)
    return list(csv.DictReader(text.splitlines(), delimiter=mapping.file.delimiter))


def reader(dialect: str, dataset: str, row: int = 0) -> Callable[..., Any]:
    """A function from other cells to the standardised golden row."""
    mapping, first = load_mapping(dialect, dataset), golden(dialect, dataset)[row]

    def read(**cells: str) -> Any:
        assert cells.keys() <= first.keys()
        return mapping.to_standard(list((first | cells).values()))

    return read


def rejection(read: Callable[..., Any], **cells: str) -> RowRejected:
    """How a row is rejected; its one odd cell must be the one that is named, and never be quoted."""
    with pytest.raises(RowRejected) as raised:
        read(**cells)
    assert raised.value.column in cells
    assert " / " in raised.value.reason
    for cell in cells.values():
        assert len(cell) < 4 or cell not in f"{raised.value} {raised.value.reason}"
    return raised.value
