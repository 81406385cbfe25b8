"""What a sync reads: a file, a table of a database, a paged interface."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from adapters.frames.rows import FrameContext
from adapters.mapping import Mapping
from adapters.tables import (
    REASON_COLUMNS,
    Incremental,
    PagedInterface,
    TableLayout,
    TableSource,
    open_pages,
    open_query,
    open_table,
    query_name,
)
from adapters.tables.card_file import read_card
from adapters.tables.vehicle_register import read_vehicles

_NAME_CHARACTERS_MAX: Final = 180
_LABEL_CHARACTERS_MAX: Final = 200


class Input(Protocol):
    """One thing to read."""

    @property
    def label(self) -> str:
        """What people call it."""
        ...

    @property
    def name(self) -> str:
        """Its stable name; empty for a file, which is named by its content once it is read."""
        ...

    @property
    def file(self) -> Path | None:
        """The file, where it is one: it can be read again for the cells of rejected rows."""
        ...

    @property
    def goes_on(self) -> bool:
        """Whether a read begins where the last one ended; else each one is of everything."""
        ...

    def open(self, cursor: str) -> AbstractContextManager[TableSource]:
        """Open it.

        Args:
            cursor: Where an earlier read stopped; empty for the first one.

        Raises (when entered):
            SourceRefused: It cannot be read as a whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file in the city's own dialect.

    Attributes:
        path: The file.
        layout: What the dialect's tables look like.
        ignored: Columns that may stand in it and are not read.
    """

    path: Path
    layout: TableLayout
    ignored: Collection[str] = REASON_COLUMNS

    @property
    def label(self) -> str:
        """The file's name."""
        return self.path.name[:_LABEL_CHARACTERS_MAX]

    @property
    def name(self) -> str:
        """Nothing: the content names it."""
        return ""

    @property
    def file(self) -> Path | None:
        """The file."""
        return self.path

    @property
    def goes_on(self) -> bool:
        """It is read whole."""
        return False

    @contextmanager
    def open(self, cursor: str) -> Iterator[TableSource]:
        """Open the file; a cursor means nothing to it."""
        with open_table(self.path, self.layout, ignored=self.ignored) as source:
            yield source


@dataclass(frozen=True, slots=True)
class TableInput:
    """A table or view of a database.

    Attributes:
        url: SQLAlchemy URL.
        table: "table" or "schema.table".
        columns: The dialect's columns.
        incremental: By what new rows are known; None reads all rows every time.
        group_columns: Those that say which rows are one record: a table keeps no rows together by itself.
    """

    url: str
    table: str
    columns: tuple[str, ...]
    incremental: Incremental | None = None
    group_columns: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The table's name."""
        return self.table[:_LABEL_CHARACTERS_MAX]

    @property
    def name(self) -> str:
        """Database and table, without user and password."""
        return _short(f"sql:{query_name(self.url, self.table)}")

    @property
    def file(self) -> Path | None:
        """None."""
        return None

    @property
    def goes_on(self) -> bool:
        """Whether there is a column by which new rows are known."""
        return self.incremental is not None

    @contextmanager
    def open(self, cursor: str) -> Iterator[TableSource]:
        """Open the table after a cursor."""
        with open_query(
            self.url,
            self.table,
            self.columns,
            incremental=self.incremental,
            cursor=cursor or None,
            order=self.group_columns,
        ) as source:
            yield source


@dataclass(frozen=True, slots=True)
class PagesInput:
    """A paged JSON interface; it is read whole every time."""

    interface: PagedInterface
    columns: tuple[str, ...]

    @property
    def label(self) -> str:
        """The address without its query."""
        return self.interface.url.partition("?")[0][:_LABEL_CHARACTERS_MAX]

    @property
    def name(self) -> str:
        """The address; of its query, in which a token may be, only a digest, which tells it from others."""
        address, mark, query = self.interface.url.partition("?")
        return _short(f"pages:{address}" + (f"?{_digest(query)[:8]}" if mark else ""))

    @property
    def file(self) -> Path | None:
        """None."""
        return None

    @property
    def goes_on(self) -> bool:
        """It is read whole."""
        return False

    @contextmanager
    def open(self, cursor: str) -> Iterator[TableSource]:
        """Open the interface."""
        with open_pages(self.interface, self.columns) as source:
            yield source


def layout_of(mapping: Mapping) -> TableLayout:
    """Return what the tables of a mapping's dialect look like."""
    file = mapping.file
    return TableLayout(tuple(mapping.columns), file.encoding, file.delimiter, file.line_end)


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """What frames of vehicles and records of cards do not say, as operators say it.

    Attributes:
        datum: Of the frames' coordinates; empty where it is not said: files of frames are refused then.
        vehicles: File of the register that says whose a terminal is; None where there is none.
        card: File that says whose the records of a card are; None where it is not said: they are refused then.
    """

    datum: str = ""
    vehicles: Path | None = None
    card: Path | None = None

    def layout(self, mapping: Mapping) -> TableLayout:
        """Return what the tables of a mapping's dialect look like, files of frames among them.

        Raises:
            FileRefused: The register, or what is said of the card, cannot be read.
        """
        layout = layout_of(mapping)
        if self.card:
            layout = replace(layout, card=read_card(self.card, layout))
        if not self.datum:
            return layout
        vehicles = read_vehicles(self.vehicles, layout) if self.vehicles else {}
        return replace(layout, frames=FrameContext(self.datum, vehicles))


def _short(name: str) -> str:
    """Keep a name within what the node takes as one."""
    if len(name) <= _NAME_CHARACTERS_MAX:
        return name
    return name[: _NAME_CHARACTERS_MAX - 33] + "~" + _digest(name)[:32]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
