"""Where rows come from: what every source promises, and the one that reads a file of a given kind.

Readers of a kind are imported when a table of that kind is opened: Excel, SQL and HTTPS bring libraries along.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from adapters.tables.errors import FileRefused
from adapters.tables.json_interface import PagedInterface
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.rows import BadRow, Progress, Row
from adapters.tables.sql_cursor import Incremental


class TableSource(Protocol):
    """The rows of one table, once; memory does not grow with them.

    What stops the table is raised (``SourceRefused`` and its kinds) when it is opened, and only where it cannot be
    known before, while it is read. Everything else is a ``BadRow``, and reading goes on.
    """

    @property
    def name(self) -> str:
        """Its name in messages, stable and without a password."""
        ...

    @property
    def typed(self) -> bool:
        """Cells are values with types of their own, not text alone."""
        ...

    @property
    def progress(self) -> Progress:
        """How far it is read."""
        ...

    def __iter__(self) -> Iterator[Row[Any] | BadRow]:
        """Hand over every row, good or bad, in the order of the table; cells are text, or values where ``typed``."""
        ...


class FileSource(TableSource, Protocol):
    """The rows of one file."""

    def sha256(self) -> str:
        """SHA-256 of the whole file, hex; known when the last row was read.

        Raises:
            ValueError: It was not.
        """
        ...


class IncrementalSource(TableSource, Protocol):
    """The rows of a database's table."""

    @property
    def cursor(self) -> str | None:
        """Where the next read goes on after the rows read so far; see ``SqlSource.cursor``."""
        ...


_Opener: TypeAlias = Callable[..., AbstractContextManager[FileSource]]


@contextmanager
def open_table(path: Path, layout: TableLayout, *, ignored: Collection[str] = REASON_COLUMNS) -> Iterator[FileSource]:
    """Open a file as a row source; its suffix says what kind it is.

    Args:
        path: The file: .csv, .xlsx, .dbf, fixed width in .txt or .dat, frames in .jtt808 or .jtt809, records of a
            card in .jtt978, JSON lines in .jsonl.
        layout: What the dialect's tables look like.
        ignored: Columns that may stand in the file and are not read.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise FileRefused(path.name, "file.suffix", known=" ".join(_OPENERS))
    with opener()(path, layout, ignored=ignored) as source:
        yield source


def open_query(
    url: str,
    table: str,
    columns: Sequence[str],
    *,
    incremental: Incremental | None = None,
    cursor: str | None = None,
    order: Sequence[str] = (),
) -> AbstractContextManager[IncrementalSource]:
    """Open a table or view of a database as a row source.

    Args:
        url: SQLAlchemy URL; ``postgresql://`` is read by psycopg 3.
        table: "table" or "schema.table".
        columns: In the order in which cells are handed over.
        incremental: The column by which new rows are known; None to read all rows.
        cursor: What the source's ``cursor`` was after an earlier read; None for the first one.
        order: Columns by which rows come, so that those of one record follow one another; not with ``incremental``.

    Raises (when entered):
        SourceRefused: URL, driver, table, column or cursor is wrong.
        SourceUnavailable: The database cannot be reached.
    """
    from adapters.tables import sql_source

    return sql_source.open_query(url, table, columns, incremental=incremental, cursor=cursor, order=order)


def query_name(url: str, table: str) -> str:
    """Return the stable name of a database's table: without user, password, driver and options.

    Raises:
        SourceRefused: The URL is none.
    """
    from adapters.tables.sql_database import parsed_url, source_name

    return source_name(parsed_url(url), table)


def open_pages(
    interface: PagedInterface, columns: Sequence[str], *, ignored: Collection[str] = ()
) -> AbstractContextManager[TableSource]:
    """Open a paged JSON interface as a row source.

    Args:
        interface: Where pages come from and how they are asked for.
        columns: In the order in which cells are handed over.
        ignored: Names that may stand in the rows and are not read.

    Raises (when entered):
        SourceRefused: The address is not allowed, or a certificate file cannot be read. Whether the interface answers
            is known when it is read.
    """
    from adapters.tables import json_source

    return json_source.open_pages(interface, columns, ignored=ignored)


def _csv() -> _Opener:
    from adapters.tables.csv_source import open_csv

    return open_csv


def _excel() -> _Opener:
    from adapters.tables.excel_source import open_excel

    return open_excel


def _dbf() -> _Opener:
    from adapters.tables.dbf_source import open_dbf

    return open_dbf


def _fixed() -> _Opener:
    from adapters.tables.fixed_source import open_fixed

    return open_fixed


def _frames() -> _Opener:
    from adapters.tables.frame_source import open_frames

    return open_frames


def _card_records() -> _Opener:
    from adapters.tables.frame_source import open_card_records

    return open_card_records


def _json_lines() -> _Opener:
    from adapters.tables.json_lines import open_json_lines

    return open_json_lines


_OPENERS: Final[dict[str, Callable[[], _Opener]]] = {
    ".csv": _csv,
    ".xlsx": _excel,
    ".dbf": _dbf,
    ".txt": _fixed,
    ".dat": _fixed,
    ".jsonl": _json_lines,
    ".jtt808": _frames,
    ".jtt809": _frames,
    ".jtt978": _card_records,
}
