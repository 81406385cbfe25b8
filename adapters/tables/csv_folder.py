"""A folder of CSV files as a sink: each file once, whatever dies, and whoever takes the files away.

A file is written as ``NAME.part``; then the folder's cursor, which names it, is replaced: that is the commit. Renaming
it to ``NAME`` comes after, and is done by the next start where a crash prevented it. So the cursor does not depend on
the files, which others may move away as soon as they have their names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from adapters.tables.csv_sink import CsvRows
from adapters.tables.layout import TableLayout
from adapters.tables.whole_file import WholeFile

CURSOR_FILE: Final = ".yrdx-cursor.json"
_PART: Final = ".part"


class SubjectChange(NamedTuple):
    """What one record does to its subject.

    Attributes:
        position: The record's position in its stream.
        withdrawn: The subject stands no more.
        rows: Its rows in the dialect's texts; of a withdrawn one, those that stood.
    """

    position: int
    withdrawn: bool
    rows: Sequence[Sequence[str]]


class _State(TypedDict):
    """Where a stream stands: position of its last record written, and the files of its last run."""

    position: int
    files: list[str]


@dataclass(frozen=True, slots=True)
class CsvFolder:
    """The folder; one process at a time writes into it.

    Attributes:
        path: Where it lies.
        layout: What its files look like.
    """

    path: Path
    layout: TableLayout

    def open(self) -> None:
        """Finish what a crash left: rename what the cursor names, remove what it does not.

        Raises:
            OSError: The folder cannot be used.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._publish(self._read())
        for left in self.path.glob(f"*{_PART}"):
            left.unlink()

    def cursors(self) -> dict[str, int]:
        """Return the position of the last record written, by stream."""
        return {stream: state["position"] for stream, state in self._read().items()}

    def write(self, stream: str, changes: Sequence[SubjectChange], *, position: int) -> None:
        """Write a run of changes as one file of what stands and one of what is withdrawn, and move the cursor.

        Args:
            stream: Stream of the records.
            changes: One for each subject.
            position: Position of the last record of the run.

        Raises:
            RowNotWritten: The encoding cannot hold a character; nothing was written.
        """
        stem = f"{stream.replace('/', '-')}-{position:012d}"
        names: list[str] = []
        for name, withdrawn in ((f"{stem}.csv", False), (f"{stem}-withdrawn.csv", True)):
            rows = [row for change in changes if change.withdrawn == withdrawn for row in change.rows]
            if rows:
                self._write_part(self.path / name, rows)
                names.append(name)
        states = self._read()
        states[stream] = {"position": position, "files": names}
        self._replace_cursor(states)
        self._publish({stream: states[stream]})

    def _write_part(self, path: Path, rows: Sequence[Sequence[str]]) -> None:
        handle = os.open(_part(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            writer = CsvRows(file, self.layout)
            for row in rows:
                writer.row(row)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> dict[str, _State]:
        path = self.path / CURSOR_FILE
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _replace_cursor(self, states: dict[str, _State]) -> None:
        whole = WholeFile(self.path / CURSOR_FILE)
        try:
            whole.file.write(json.dumps(states, indent=1).encode())
            whole.commit()
        finally:
            whole.discard()

    def _publish(self, states: dict[str, _State]) -> None:
        """Give files their names; those that have them, or were taken away since, are left alone."""
        for name in (name for state in states.values() for name in state["files"]):
            path = self.path / name
            if _part(path).exists():
                _part(path).rename(path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)
