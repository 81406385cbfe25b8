"""What every part of a transaction stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, delete, insert

from services.domain.batch import Record
from services.store import runs
from services.store.dialect import Dialect
from services.store.runs import Run
from services.store.tables import OUTBOX

NO_RECORD: Final = Record(b"", b"")
"""What stands for a rejected record, and for one whose payload is deleted."""


class Part:
    """One part of a transaction.

    Args:
        connection: In a transaction; whoever began it ends it.
        dialect: How its database moves many rows.
    """

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def _insert(self, table: Table, row: Mapping[str, Any]) -> int:
        """Insert a row and return the id that it got."""
        key = self._connection.execute(_insert_into(table), row).inserted_primary_key
        assert key is not None  # noqa: S101 - a single insert has one
        return int(key[0])

    def _payload(self, table: Table, wanted: Iterable[Run]) -> dict[int, Record]:
        """Return the records that still have a payload, by id.

        Args:
            table: OUTBOX or INBOX.
            wanted: Ids.
        """
        ids, salts, bodies = self._dialect.records(self._connection, table, runs.to_parameter(wanted))
        return dict(zip(ids, map(Record._make, zip(salts, bodies, strict=True)), strict=True))

    def _records(self, table: Table, wanted: Sequence[Run]) -> list[Record]:
        """Return records in the order of their ids given; an empty one where there is no payload."""
        payload = self._payload(table, wanted)
        return [payload.get(record_id, NO_RECORD) for record_id in runs.ids_of(wanted)]

    def _delete_payload(self, unwanted: Iterable[Run]) -> None:
        """Delete the payload of records of the outbox."""
        for run in unwanted:
            self._connection.execute(delete(OUTBOX).where(OUTBOX.c.id >= run.first, OUTBOX.c.id < run.end))


@cache
def _insert_into(table: Table) -> Insert:
    return insert(table)
