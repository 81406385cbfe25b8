"""Mapping a run of records: one question and one answer, so that worker processes can be asked as well.

What crosses is by column and plain; the cells of a row cross as one text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from adapters.mapping import Mapping, RowRejected, load_mapping
from adapters.tables import Row
from services.node.workers import answer_questions
from services.wire.bodies import content_of
from services.wire.columns import Columns
from services.wire.datasets import Dataset, load_datasets

_BETWEEN_CELLS: Final = "\x1f"
"""ASCII's unit separator; a row that holds one crosses as a list."""

Cells = list[str]
Rejection = tuple[int, str, str, str, str, bytes]
"""Row within the record, column, field, rule, reason, business key where it is known."""


class Question(NamedTuple):
    """Rows of some records.

    Attributes:
        rows: Cells of every row, joined where that is possible.
        sizes: Rows of each record; empty where each row is one.
    """

    rows: list[str | Cells]
    sizes: list[int]


class Answer(NamedTuple):
    """What became of the records; the lists are as long as there are mapped records.

    Attributes:
        messages: Serialised messages of the standard.
        keys: Business keys, 16 bytes each.
        contents: Digests of the messages, 8 bytes each.
        normalisations: What mapping changed, of records by their number in the question.
        refused: Why a record is none, by its number in the question.
    """

    messages: list[bytes]
    keys: list[bytes]
    contents: list[bytes]
    normalisations: dict[int, tuple[str, ...]]
    refused: dict[int, Rejection]


def joined(row: Row[str]) -> str | Cells:
    """Return the cells of a row as they cross."""
    text = _BETWEEN_CELLS.join(row.cells)
    return text if text.count(_BETWEEN_CELLS) == len(row.cells) - 1 else row.cells


class RunMapper:
    """Answers questions.

    Args:
        mapping: The city's dialect.
        dataset: The standard.
    """

    def __init__(self, mapping: Mapping, dataset: Dataset) -> None:
        self._mapping = mapping
        self._keys = dataset.keys
        self._key = dataset.key
        self._read_subject = mapping.subject_reader(dataset.identifying_fields)

    def answer(self, question: Question) -> Answer:
        """Map the records of a question."""
        rows = [row.split(_BETWEEN_CELLS) if isinstance(row, str) else row for row in question.rows]
        messages: list[Any] = []
        normalisations: dict[int, tuple[str, ...]] = {}
        refused: dict[int, Rejection] = {}
        for number, (of_record, mapped) in enumerate(self._calls(rows, question.sizes)):
            try:
                message, noted = mapped(of_record)
            except RowRejected as error:
                cells = of_record if question.sizes else [of_record]
                refused[number] = (
                    error.row, error.column, error.field, error.rule_id, error.reason, self.subject(cells)
                )  # fmt: skip
                continue
            messages.append(message)
            if noted:
                normalisations[number] = noted
        contents = [message.SerializeToString() for message in messages]
        keys = self._keys(Columns(messages)) if messages else []
        return Answer(contents, keys, [content_of(content) for content in contents], normalisations, refused)

    def subject(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """Return the business key of the rows of a refused record; empty where they do not say it readably."""
        try:
            keys = {self._key(self._read_subject(_texts(row))) for row in rows}
        except (RowRejected, TypeError):
            return b""
        return keys.pop() if len(keys) == 1 else b""

    def _calls(self, rows: list[Cells], sizes: list[int]) -> Any:  # noqa: ANN401 - pairs of argument and function
        if not sizes:
            to_standard = self._mapping.to_standard
            return ((row, to_standard) for row in rows)
        remaining = iter(rows)
        to_standard_rows: Callable[[list[Cells]], Any] = self._mapping.to_standard_rows
        return (([next(remaining) for _ in range(size)], to_standard_rows) for size in sizes)


def _texts(cells: Sequence[Any]) -> Cells:
    """Return cells that are texts.

    Raises:
        TypeError: One of them is a value that the dialect cannot say, of a database or a spreadsheet.
    """
    texts = [cell for cell in cells if isinstance(cell, str)]
    if len(texts) != len(cells):
        raise TypeError("a row with values that are no texts")
    return texts


def _main() -> None:
    mapping = load_mapping(sys.argv[1], sys.argv[2])
    mapper = RunMapper(mapping, load_datasets().find(mapping.dataset, mapping.standard.version))
    answer_questions(lambda rows, sizes: tuple(mapper.answer(Question(rows, sizes))))


if __name__ == "__main__":
    _main()
