"""A folder as a sink: whatever dies at whatever step, every file comes once, also where others take them away."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.tables import RowNotWritten, SinkUnavailable, TableLayout
from adapters.tables.csv_folder import CURSOR_FILE, CsvFolder, SubjectChange

STREAM: Final = "320600/310000/social.contribution/0"
STEM: Final = "320600-310000-social.contribution-0"
LAYOUT: Final = TableLayout(("sfzh", "je"), "gb18030", ",", "CRLF")
STEPS: Final = ((os, "open"), (os, "fsync"), (Path, "rename"), (Path, "replace"))


class Died(BaseException):
    """The process is no more."""


def change(position: int, *, withdrawn: bool = False) -> SubjectChange:
    """A record of one row, which says its position."""
    return SubjectChange(position, withdrawn, [(f"人{position}", "1.00")])


def run(folder: CsvFolder, records: range, *, per_file: int) -> None:
    """Do what a sink does: go on behind the cursor, a file for some records; every third one is withdrawn."""
    folder.open()
    left = [number for number in records if number > folder.cursors().get(STREAM, 0)]
    for start in range(0, len(left), per_file):
        numbers = left[start : start + per_file]
        folder.write(STREAM, [change(n, withdrawn=n % 3 == 0) for n in numbers], position=numbers[-1])


def take(path: Path) -> dict[str, list[str]]:
    """Take away what has its name, as a consumer does: the rows of each file."""
    taken = {}
    for file in sorted(path.glob("*.csv")):
        taken[file.name] = file.read_text(encoding="gb18030").splitlines()[1:]
        file.unlink()
    return taken


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, step: int, *, done: bool) -> Iterator[list[str]]:
    """Die at the so-many-th step that reaches the disk: before it, or once it is done.

    Yields:
        Names of the steps so far.
    """
    passed: list[str] = []

    def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            passed.append(name)
            if len(passed) == step and not done:
                raise Died
            result = real(*arguments, **options)
            if len(passed) == step:
                raise Died
            return result

        return call

    with monkeypatch.context() as patches:
        for owner, name in STEPS:
            patches.setattr(owner, name, guarded(name, getattr(owner, name)))
        yield passed


def steps_of_a_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count the steps of a run that nothing happens to."""
    with dying(monkeypatch, 0, done=False) as passed:
        run(CsvFolder(path, LAYOUT), range(1, 8), per_file=3)
    return len(passed)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("takes", [False, True])
def test_a_crash_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool, takes: bool) -> None:
    """Nothing is lost and nothing comes twice, whether or not a consumer takes the files away after the crash."""
    for step in range(1, steps_of_a_run(tmp_path / "peace", monkeypatch) + 1):
        path, taken = tmp_path / f"{step}", list[tuple[str, list[str]]]()
        first = CsvFolder(path, LAYOUT)
        with dying(monkeypatch, step, done=done), pytest.raises(Died):
            run(first, range(1, 8), per_file=3)
        first.close()  # as the kernel does
        if takes:
            taken += take(path).items()
        second = CsvFolder(path, LAYOUT)
        run(second, range(1, 11), per_file=4)
        second.close()
        taken += take(path).items()

        rows = [(row, name.endswith("-withdrawn.csv")) for name, found in taken for row in found]
        assert sorted(rows) == sorted((f"人{n},1.00", n % 3 == 0) for n in range(1, 11)), step
        assert len({name for name, _ in taken}) == len(taken)
        assert [file.name for file in path.iterdir()] == [CURSOR_FILE]


def test_what_stands_and_what_is_withdrawn(tmp_path: Path) -> None:
    """Two files of the dialect's own shape, mode 0600, and one of what it cannot say; empty ones are not written."""
    folder = CsvFolder(tmp_path / "new", LAYOUT)
    folder.open()
    refused = SubjectChange(3, withdrawn=False, rows=(), problem="code.unknown")
    folder.write(STREAM, [change(1), change(2, withdrawn=True), refused], position=3)
    folder.write(STREAM, [change(4)], position=4)
    folder.close()

    files = {file.name: file.read_bytes().decode("gb18030") for file in (tmp_path / "new").glob("*.csv")}
    assert files == {
        f"{STEM}-{3:019}.csv": "sfzh,je\r\n人1,1.00\r\n",
        f"{STEM}-{3:019}-withdrawn.csv": "sfzh,je\r\n人2,1.00\r\n",
        f"{STEM}-{3:019}-refused.csv": "position,reason\r\n3,code.unknown\r\n",
        f"{STEM}-{4:019}.csv": "sfzh,je\r\n人4,1.00\r\n",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_names_sort_as_records_came(tmp_path: Path) -> None:
    """Also where an epoch's positions have more digits than those of the one before."""
    folder = CsvFolder(tmp_path, LAYOUT)
    folder.open()
    positions = [1, (9 << 40) + 1, (10 << 40) + 1, (1 << 62) + 1]
    for position in positions:
        folder.write(STREAM, [change(position)], position=position)
    folder.close()
    assert [int(file.stem.rpartition("-")[2]) for file in sorted(tmp_path.glob("*.csv"))] == positions


def test_each_stream_has_its_cursor(tmp_path: Path) -> None:
    """One moves without the other."""
    folder = CsvFolder(tmp_path, LAYOUT)
    folder.open()
    folder.write(STREAM, [change(5)], position=5)
    folder.write("320500/310000/social.contribution/0", [change(2)], position=2)
    folder.close()
    assert CsvFolder(tmp_path, LAYOUT).cursors() == {STREAM: 5, "320500/310000/social.contribution/0": 2}


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second process is told so, and has removed nothing; once the first is gone it may."""
    first, second = CsvFolder(tmp_path, LAYOUT), CsvFolder(tmp_path, LAYOUT)
    first.open()
    first.open()
    part = tmp_path / f"{STEM}-{1:019}.csv.part"
    part.touch()
    with pytest.raises(SinkUnavailable, match=r"文件夹 .* · another sink writes"):
        second.open()
    assert part.exists()
    first.close()
    second.open()
    assert not part.exists()
    second.close()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Also those that are being written under a name that ends alike."""
    for name in ("notes.txt", "download.csv.part", "x.part"):
        (tmp_path / name).touch()
    folder = CsvFolder(tmp_path, LAYOUT)
    run(folder, range(1, 3), per_file=3)
    folder.close()
    assert {"notes.txt", "download.csv.part", "x.part"} <= {file.name for file in tmp_path.iterdir()}


def test_what_the_encoding_cannot_say(tmp_path: Path) -> None:
    """The run is not written, the cursor stays, and the part is removed by the next start."""
    folder = CsvFolder(tmp_path, LAYOUT)
    folder.open()
    with pytest.raises(RowNotWritten):
        folder.write(STREAM, [SubjectChange(1, withdrawn=False, rows=[("a\0", "")])], position=1)
    assert folder.cursors() == {}
    folder.open()
    assert list(tmp_path.iterdir()) == []
    folder.close()
