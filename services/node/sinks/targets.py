"""Where changes go: a table, or a folder of CSV files. Each keeps its own cursor beside what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from adapters.tables.csv_folder import CsvFolder, SubjectChange
from adapters.tables.sql_sink import Change, SqlSink
from adapters.tables.sql_values import Value
from services.node.sinks.changes import ChangeReader, RecordChange

FILE_RECORDS_MAX: Final = 50_000
"""Records of one file of a folder."""


class Target(Protocol):
    """Takes changes in the order of their positions."""

    def cursors(self) -> dict[str, int]:
        """Return the position of the last record written, by stream; what is not finished is forgotten."""
        ...

    def apply(self, stream: str, changes: Sequence[RecordChange], *, after: int) -> int:
        """Take a page.

        Args:
            stream: Stream of the records.
            changes: By rising position; at least one.
            after: Position of the record before them.

        Returns:
            Records that the target refused.
        """
        ...

    def finish(self) -> None:
        """Write what was taken and not written."""
        ...

    def close(self) -> None:
        """Let go of the target."""
        ...


@dataclass(frozen=True, slots=True)
class TableTarget:
    """A table: each page and the cursor in one transaction.

    Attributes:
        sink: The table.
        reader: Knows the key's columns.
    """

    sink: SqlSink
    reader: ChangeReader

    def cursors(self) -> dict[str, int]:
        """See `Target`."""
        return self.sink.cursors()

    def apply(self, stream: str, changes: Sequence[RecordChange], *, after: int) -> int:
        """See `Target`."""
        return self.sink.apply(stream, [self._change(one) for one in changes], after=after)

    def finish(self) -> None:
        """Nothing is left to write."""

    def close(self) -> None:
        """Close the connections."""
        self.sink.close()

    def _change(self, change: RecordChange) -> Change:
        if change.problem:
            return Change(change.position, (), (), change.problem)
        rows = [self._cells(texts) for texts in change.rows]
        return Change(change.position, self.reader.key(rows[0]), () if change.withdrawn else rows)

    def _cells(self, texts: Sequence[str]) -> list[Value]:
        """Columns of texts get the dialect's own ones, as a source that reads the table expects; others get values."""
        values = self.reader.mapping.values(texts)
        cells = zip(self.sink.textual, texts, values, strict=True)
        return [value if value is None or not textual else text for textual, text, value in cells]


@dataclass(slots=True)
class FolderTarget:
    """A folder: the last change of each subject, a file for so many records."""

    folder: CsvFolder
    _waiting: dict[str, dict[tuple[bytes, bool], RecordChange]] = field(default_factory=dict)

    def cursors(self) -> dict[str, int]:
        """See `Target`."""
        self._waiting.clear()
        self.folder.open()
        return self.folder.cursors()

    def apply(self, stream: str, changes: Sequence[RecordChange], *, after: int) -> int:
        """See `Target`."""
        waiting = self._waiting.setdefault(stream, {})
        for change in changes:
            key = (change.key, bool(change.problem))  # what cannot be said does not take the place of what was said
            waiting.pop(key, None)  # so that the order is that of the last changes
            waiting[key] = change
        if len(waiting) >= FILE_RECORDS_MAX:
            self._write(stream)
        return sum(bool(change.problem) for change in changes)

    def finish(self) -> None:
        """See `Target`."""
        for stream in list(self._waiting):
            self._write(stream)

    def close(self) -> None:
        """Let go of the folder."""
        self.folder.close()

    def _write(self, stream: str) -> None:
        changes = list(self._waiting.pop(stream).values())
        written = [SubjectChange(one.position, one.withdrawn, one.rows, one.problem) for one in changes]
        self.folder.write(stream, written, position=changes[-1].position)
