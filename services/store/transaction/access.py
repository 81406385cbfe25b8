"""The access log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select

from services.domain.access import Access, Side
from services.store.tables import ACCESS
from services.store.transaction.part import Part

_APPEND: Final = insert(ACCESS)


class AccessPart(Part):
    """`services.ports.access.AccessPort`."""

    def append_access(self, access: Access) -> None:
        """See the port."""
        values = asdict(access)
        del values["id"]
        self._connection.execute(_APPEND, {**values, "direction": values.pop("side").value})

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
