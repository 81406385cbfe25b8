"""Received records as changes of the city's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from adapters.mapping import Mapping, NotExpressible
from services.wire.datasets import Dataset
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2


class RecordChange(NamedTuple):
    """What one record does to the city's rows.

    Attributes:
        position: The record's position in its stream.
        key: Its business key, 16 bytes.
        withdrawn: The subject stands no more.
        rows: Its rows in the dialect's texts; of a withdrawn one, those that stood.
        problem: Why the dialect cannot say it; empty where it can. Then there are no rows.
    """

    position: int
    key: bytes
    withdrawn: bool
    rows: Sequence[Sequence[str]]
    problem: str = ""


class ChangeReader:
    """Turns records into changes.

    Args:
        mapping: The city's dialect.
        dataset: The standard.

    Attributes:
        key_columns: Columns that identify a record's rows, its subject's among them.
    """

    def __init__(self, mapping: Mapping, dataset: Dataset) -> None:
        self.mapping = mapping
        self._message_type: Any = mapping.message_type
        places = mapping.places_of(dataset.identifying_fields)
        self.key_columns = tuple(mapping.columns[place] for place in places)
        # The first place twice, so that one place alone also makes a tuple.
        self._key_of = itemgetter(*places, places[0])

    def read(self, entry: node_pb2.WatchInboxResponse.Entry) -> RecordChange:
        """Return what a record does; one that the dialect cannot say is none of the reader's to lose."""
        body = types_pb2.RecordBody.FromString(entry.body)
        withdrawn = body.operation == types_pb2.OPERATION_RETRACT
        message = self._message_type.FromString(body.message.value)
        try:
            rows = self.mapping.from_standard_rows(message)
        except NotExpressible as error:
            return RecordChange(entry.position, entry.key, withdrawn, (), error.rule_id)
        return RecordChange(entry.position, entry.key, withdrawn, rows)

    def key(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """Return the cells that identify a record's rows."""
        return tuple(self._key_of(row)[:-1])
