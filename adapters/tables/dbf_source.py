"""DBF files as a row source: streaming, each record by its number as FoxPro shows it; deleted ones are left out.

Names of fields are at most ten characters and mostly upper case, so they are compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from adapters.tables.dbf_fields import Field, header_sizes, read_header
from adapters.tables.encoding import verify_kind
from adapters.tables.errors import FileRefused
from adapters.tables.files import DigestedFile, open_file
from adapters.tables.header import column_places
from adapters.tables.layout import REASON_COLUMNS, TableLayout
from adapters.tables.reasons import REASONS
from adapters.tables.rows import BadRow, Cell, CellWrong, Progress, Row

_PIECE_BYTES: Final = 262_144
_LIVING, _DELETED = b" ", b"*"


class DbfSource:
    """The records of one file, once.

    Args:
        file: Open for reading, at its start.
        name: Its name in messages.
        layout: What it must look like. The fields may stand in any order in the file.
        ignored: Fields that may stand in the file and are not read.

    Attributes:
        name: Its name in messages.
        typed: True: cells are text, int, Decimal, float, bool, date or datetime, and None where nothing is said.

    Raises:
        FileRefused: The file as a whole is refused.
    """

    typed: Final = True

    def __init__(
        self, file: BinaryIO, name: str, layout: TableLayout, *, ignored: Collection[str] = REASON_COLUMNS
    ) -> None:
        self.name = name
        self._columns = layout.columns
        self._file = DigestedFile(file)
        start = self._file.read(32)
        verify_kind(start, name, "DBF")
        _, size_bytes, _ = header_sizes(start, name)
        self._header = read_header(start + self._file.read(size_bytes - len(start)), name, layout.dbf_encoding)
        folded = {column.casefold(): column for column in (*layout.columns, *ignored)}
        fields = self._header.fields
        names = [folded.get(field.name.casefold(), field.name) for field in fields]
        places = column_places(names, layout.columns, ignored, partial(FileRefused, name))
        self._fields = [fields[place] for place in places]
        self._verify_size()

    def _verify_size(self) -> None:
        """Refuse a file that is shorter or longer than its header says: what is lacking would pass for deleted."""
        total, header = self._file.bytes_total, self._header
        if total is None:
            return
        surplus = total - header.size_bytes - header.records * header.record_bytes
        if not 0 <= surplus < header.record_bytes:
            raise FileRefused(self.name, "dbf.size", expected=header.records)

    @property
    def progress(self) -> Progress:
        """Bytes read, of how many."""
        return self._file.progress

    def sha256(self) -> str:
        """SHA-256 of the whole file, hex; known when the last row was read.

        Raises:
            ValueError: It was not.
        """
        return self._file.sha256()

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        """Hand over every record that is not deleted, good or bad, in the order of the file.

        Raises:
            FileRefused: The file became shorter while it was read.
        """
        for number, record in enumerate(self._records(), 1):
            mark = record[:1]
            if mark == _LIVING:
                yield self._read(number, record)
            elif mark != _DELETED:
                yield self._bad(number, self._shown(record), "dbf.mark")
        while self._file.read(_PIECE_BYTES):
            pass  # the end mark belongs to the digest

    def _records(self) -> Iterator[bytes]:
        """Read the records, some at once."""
        size, left = self._header.record_bytes, self._header.records
        while left:
            count = min(left, max(1, _PIECE_BYTES // size))
            piece = self._file.read(count * size)
            if len(piece) < count * size:
                raise FileRefused(self.name, "dbf.size", expected=self._header.records)
            for start in range(0, len(piece), size):
                yield piece[start : start + size]
            left -= count

    def _read(self, number: int, record: bytes) -> Row[Cell] | BadRow:
        """Read one record."""
        nulls = self._nulls(record)
        cells: list[Cell] = []
        for column, field in zip(self._columns, self._fields, strict=True):
            try:
                cells.append(_cell(record, field, nulls))
            except CellWrong as wrong:
                return self._bad(number, self._shown(record), wrong.rule_id, column, field, wrong.reason)
        return Row(number, cells)

    def _nulls(self, record: bytes) -> int:
        """Return the null flags of a record, the first field's in the lowest bit."""
        place = self._header.nulls
        return int.from_bytes(record[place], "little") if place else 0

    def _shown(self, record: bytes) -> list[Cell]:
        """Read what can be read, and show the rest as it stands."""
        nulls = self._nulls(record)
        cells: list[Cell] = []
        for field in self._fields:
            try:
                cells.append(_cell(record, field, nulls))
            except CellWrong:
                cells.append(record[field.place].strip(b" \0").decode("ascii", "backslashreplace"))
        return cells

    def _bad(
        self,
        number: int,
        cells: list[Cell],
        rule_id: str,
        column: str = "",
        field: Field | None = None,
        reason: str = "",
    ) -> BadRow:
        header = self._header
        offset = header.size_bytes + (number - 1) * header.record_bytes + (field.place.start if field else 0)
        return BadRow(number, cells, rule_id, reason or REASONS[rule_id], column, offset)


def _cell(record: bytes, field: Field, nulls: int) -> Cell:
    if nulls and field.null_bit is not None and nulls >> field.null_bit & 1:
        return None
    return field.read(record[field.place])


@contextmanager
def open_dbf(path: Path, layout: TableLayout, *, ignored: Collection[str] = REASON_COLUMNS) -> Iterator[DbfSource]:
    """Open a DBF file as a row source.

    Args:
        path: The file.
        layout: What it must look like.
        ignored: Fields that may stand in the file and are not read.

    Raises:
        FileRefused: The file as a whole is refused.
    """
    with open_file(path) as file:
        yield DbfSource(file, path.name, layout, ignored=ignored)
