"""Throw-away records: invented people of one dataset, each record another subject, never marked as real."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.samples import DATASETS, sample_rows
from services.wire.datasets import Dataset, load_datasets
from yrdx.types.v1 import types_pb2

_DIALECT: Final = "local"
_PEOPLE: Final = 250
"""Invented at a time, when they are needed."""


def datasets() -> list[str]:
    """Return the datasets of which records can be invented here: those whose samples are one row a record."""
    return [name for name in DATASETS if not load_mapping(_DIALECT, name).group_columns]


class Records:
    """Good records of one dataset, and the envelopes to spoil them in.

    Attributes:
        dataset: The standard.
    """

    def __init__(self, name: str, *, seed: int) -> None:
        """Prepare.

        Args:
            name: One of `datasets`.
            seed: Other seeds invent other people.
        """
        self._mapping = load_mapping(_DIALECT, name)
        self.dataset: Dataset = load_datasets().find(name, self._mapping.standard.version)
        self._messages = self._invented(seed)

    def messages(self, number: int) -> list[Any]:
        """Return messages of the standard that were not returned before."""
        return list(islice(self._messages, number))

    def bodies(self, number: int) -> list[bytes]:
        """Return serialised good records that were not returned before."""
        return [self.body(message).SerializeToString() for message in self.messages(number)]

    def body(self, message: Any, **changes: Any) -> types_pb2.RecordBody:  # noqa: ANN401 - the dataset's message
        """Return an UPSERT of a message; ``changes`` replace fields of the envelope."""
        body = types_pb2.RecordBody(operation=types_pb2.OPERATION_UPSERT, key=self.dataset.key(message))
        body.message.type_url = self.dataset.type_url
        body.message.value = message.SerializeToString()
        for name, value in changes.items():
            setattr(body, name, value)
        return body

    def _invented(self, seed: int) -> Iterator[Any]:
        """Invent without end."""
        for seed_of_some in count(seed):
            rows = sample_rows(self.dataset.name, _DIALECT, seed=seed_of_some, people=_PEOPLE, bad_rows=0).rows
            yield from (self._mapping.to_standard(row).message for row in rows)
