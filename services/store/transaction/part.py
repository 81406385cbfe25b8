"""What every part of a transaction stands on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, delete, select

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

    def _records(self, table: Table, wanted: Iterable[Run]) -> dict[int, Record]:
        """Return the records of the outbox or the inbox that still have a payload, by id."""
        parameters = {"runs": runs.to_parameter(wanted)}
        found = self._dialect.rows(self._connection, _records_of(table, self._dialect), parameters)
        return {record_id: Record(salt, body) for record_id, salt, body in found}

    def _delete_payload(self, unwanted: Iterable[Run]) -> None:
        """Delete the payload of records of the outbox."""
        for run in unwanted:
            self._connection.execute(delete(OUTBOX).where(OUTBOX.c.id >= run.first, OUTBOX.c.id < run.end))


@cache
def _records_of(table: Table, dialect: Dialect) -> Select[Any]:
    within = table.c.id.between(dialect.runs.c.first, dialect.runs.c.last)
    return select(table.c.id, table.c.salt, table.c.body).select_from(dialect.runs.join(table, within))
