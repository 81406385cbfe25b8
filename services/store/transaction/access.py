"""The access log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import select

from services.domain.access import Access, Side
from services.store.tables import ACCESS
from services.store.transaction.part import Part

_FIELDS: Final = tuple(field.name for field in fields(Access) if field.name != "id")
_COLUMNS: Final = tuple("direction" if name == "side" else name for name in _FIELDS)
_values: Final = attrgetter(*_FIELDS)


class AccessPart(Part):
    """`services.ports.access.AccessPort`."""

    def append_accesses(self, accesses: Sequence[Access]) -> None:
        """See the port."""
        rows = [dict(zip(_COLUMNS, _values(one), strict=True)) for one in accesses]
        self._dialect.insert_rows(self._connection, ACCESS, rows)

    def accesses(
        self, *, after_id: int, limit: int, subject: bytes | None = None, since: datetime | None = None
    ) -> Sequence[Access]:
        """See the port."""
        statement = select(ACCESS).where(ACCESS.c.id > after_id).order_by(ACCESS.c.id).limit(limit)
        if subject is not None:
            statement = statement.where(ACCESS.c.subject == subject)
        if since is not None:
            statement = statement.where(ACCESS.c.time >= since)
        return [_to_access(row) for row in self._connection.execute(statement)]


def _to_access(row: Any) -> Access:  # noqa: ANN401 - a row of ACCESS
    values = dict(row._mapping)
    return Access(side=Side(values.pop("direction")), **values)
