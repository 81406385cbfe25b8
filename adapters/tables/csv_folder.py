"""A folder of CSV files as a sink: each file once, whatever dies, and whoever takes the files away.

A file is written as ``NAME.part``; then the folder's cursor, which names it, is replaced: that is the commit. Renaming
it to ``NAME`` comes after, and is done by the next start where a crash prevented it. So the cursor does not depend on
the files, which others may move away as soon as they have their names.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from adapters.tables.csv_sink import CsvRows
from adapters.tables.errors import SinkUnavailable
from adapters.tables.layout import TableLayout
from adapters.tables.whole_file import WholeFile

CURSOR_FILE: Final = ".yrdx-cursor.json"
_PART: Final = ".part"
_POSITION_DIGITS: Final = 19
"""As many as the greatest position has: names sort as their records came."""
_PARTS: Final = f"*-{'[0-9]' * _POSITION_DIGITS}*.csv{_PART}"
_CURSOR_PARTS: Final = f".{CURSOR_FILE}.*.tmp"
_REFUSED_COLUMNS: Final = ("position", "reason")


class SubjectChange(NamedTuple):
    """What one record does to its subject.

    Attributes:
        position: The record's position in its stream.
        withdrawn: The subject stands no more.
        rows: Its rows in the dialect's texts; of a withdrawn one, those that stood.
        problem: Why there are no rows of it, as a rule's name; empty where there are.
    """

    position: int
    withdrawn: bool
    rows: Sequence[Sequence[str]]
    problem: str = ""


class _State(TypedDict):
    """Where a stream stands: position of its last record written, and the files of its last run."""

    position: int
    files: list[str]


class CsvFolder:
    """The folder; one process at a time writes into it.

    Args:
        path: Where it lies.
        layout: What its files look like.
    """

    def __init__(self, path: Path, layout: TableLayout) -> None:
        self._path = path
        self._layout = layout
        self._lock = -1

    def open(self) -> None:
        """Take the folder and finish what a crash left: rename what the cursor names, remove what it does not.

        Raises:
            SinkUnavailable: Another process writes into it.
            OSError: The folder cannot be used.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock < 0:
            self._lock = _locked(self._path)
        self._publish(self._read())
        for left in (*self._path.glob(_PARTS), *self._path.glob(_CURSOR_PARTS)):
            left.unlink()

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def cursors(self) -> dict[str, int]:
        """Return the position of the last record written, by stream."""
        return {stream: state["position"] for stream, state in self._read().items()}

    def write(self, stream: str, changes: Sequence[SubjectChange], *, position: int) -> None:
        """Write a run of changes as a file of what stands, one of what is withdrawn and one of what cannot be said.

        The cursor moves with them; files without rows are not written.

        Args:
            stream: Stream of the records.
            changes: One for each subject.
            position: Position of the last record of the run.

        Raises:
            RowNotWritten: The encoding cannot hold a character; nothing was written.
        """
        stem = f"{stream.replace('/', '-')}-{position:0{_POSITION_DIGITS}d}"
        refused = replace(self._layout, columns=_REFUSED_COLUMNS)
        files = [
            (f"{stem}.csv", self._layout, _rows(changes, withdrawn=False)),
            (f"{stem}-withdrawn.csv", self._layout, _rows(changes, withdrawn=True)),
            (f"{stem}-refused.csv", refused, [(str(one.position), one.problem) for one in changes if one.problem]),
        ]
        written = [file for file in files if file[2]]
        for name, layout, rows in written:
            self._write_part(name, layout, rows)
        states = self._read()
        states[stream] = {"position": position, "files": [name for name, _, _ in written]}
        self._replace_cursor(states)
        self._publish({stream: states[stream]})

    def _write_part(self, name: str, layout: TableLayout, rows: Sequence[Sequence[str]]) -> None:
        path = _part(self._path / name)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            writer = CsvRows(file, layout)
            for row in rows:
                writer.row(row)
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> dict[str, _State]:
        path = self._path / CURSOR_FILE
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _replace_cursor(self, states: dict[str, _State]) -> None:
        whole = WholeFile(self._path / CURSOR_FILE)
        try:
            whole.file.write(json.dumps(states, indent=1).encode())
            whole.commit()
        finally:
            whole.discard()

    def _publish(self, states: dict[str, _State]) -> None:
        """Give files their names; those that have them, or were taken away since, are left alone."""
        for name in (name for state in states.values() for name in state["files"]):
            path = self._path / name
            if _part(path).exists():
                _part(path).rename(path)


def _rows(changes: Sequence[SubjectChange], *, withdrawn: bool) -> Sequence[Sequence[str]]:
    return [row for change in changes if change.withdrawn == withdrawn for row in change.rows]


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


def _locked(folder: Path) -> int:
    """Lock a folder; the kernel lets go when we die, however that is."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise SinkUnavailable(
            f"另一个任务正在写文件夹 {folder} · another sink writes into this folder; each needs one of its own"
        ) from None
    return handle
