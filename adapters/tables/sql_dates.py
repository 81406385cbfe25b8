"""Dates of PostgreSQL that Python has no value for (infinity, before year 1, behind 9999), told instead of raised.

Raised by psycopg while it fetches, such a date would end the read and cost every row behind it.
"""

from __future__ import annotations

from typing import Any

from psycopg import DataError
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from sqlalchemy import Connection


class Unsaid:
    """Stands for such a date."""

    def __str__(self) -> str:
        return "?"


def read_all_dates(connection: Connection) -> None:
    """Have psycopg hand over every date that it can and ``Unsaid`` for the others."""
    driver: Any = connection.connection.driver_connection
    for name, loader in (("date", _Date), ("timestamp", _Timestamp), ("timestamptz", _Timestamptz)):
        driver.adapters.register_loader(name, loader)


class _Lenient(Loader):
    """Before another loader: takes its refusal for an answer."""

    def load(self, data: Buffer) -> Any:  # noqa: ANN401 - as psycopg's own
        try:
            return super().load(data)  # type: ignore[safe-super]  # the other loader's
        except DataError:
            return Unsaid()


class _Date(_Lenient, DateLoader):
    pass


class _Timestamp(_Lenient, TimestampLoader):
    pass


class _Timestamptz(_Lenient, TimestamptzLoader):
    pass
