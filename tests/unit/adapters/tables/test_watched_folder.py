"""A watched folder: half a file is never taken, a newer one never lost."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.tables import SourceRefused, SourceUnavailable, WatchedFolder


class FakeTime:
    """A clock that stands still until somebody sleeps; what happens meanwhile can be told beforehand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events: dict[float, Callable[[], object]] = {}

    def clock(self) -> float:
        """Seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        assert self.now_s < 100, "nothing happens any more"
        for due in [due for due in self.events if due <= self.now_s]:
            self.events.pop(due)()


@pytest.fixture
def time() -> FakeTime:
    """A clock."""
    return FakeTime()


@pytest.fixture
def folder(tmp_path: Path, time: FakeTime) -> WatchedFolder:
    """A folder whose files must stand still for ten seconds."""
    return WatchedFolder(tmp_path, 10, clock=time.clock, sleep=time.sleep)


def put(path: Path, content: str = "x", at_s: int = 1_000_000) -> Path:
    """Write a file with a time of change."""
    path.write_text(content)
    os.utime(path, (at_s, at_s))
    return path


def names(folder: WatchedFolder) -> list[str]:
    """What is complete at one look."""
    return [file.path.name for file in folder.complete()]


def test_a_file_that_stands_still(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """It is handed over when its size and time stood still long enough, counted from the last change."""
    put(tmp_path / "a.csv")
    time.events = {8.0: lambda: put(tmp_path / "a.csv", "longer"), 12.0: lambda: put(tmp_path / "a.csv", "later!", 2)}
    file = next(iter(folder))
    assert (file.path.name, time.now_s) == ("a.csv", 22.0)


def test_a_marker(tmp_path: Path, folder: WatchedFolder) -> None:
    """A marker says that a file is complete; it is no file itself, and goes with it."""
    put(tmp_path / "a.csv")
    put(tmp_path / "a.csv.ready", "")
    put(tmp_path / "b.csv.ready", "")
    (file,) = folder.complete()
    assert file.path.name == "a.csv"
    folder.done(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv.ready", "done"]


def test_what_is_not_looked_at(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """Hidden and unfinished names, folders and links."""
    for name in (".a.csv", "a.csv.tmp", "a.csv.PART", "a.csv~", ".a.csv.ready"):
        put(tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(put(tmp_path / ".a.csv"))
    os.mkfifo(tmp_path / "pipe.csv")
    assert names(folder) == []
    time.now_s = 50
    assert names(folder) == []


def test_order_of_arrival(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """Those that lie there already come by time of change; one that still grows holds nobody up."""
    put(tmp_path / "b", at_s=1)
    put(tmp_path / "a", at_s=2)
    assert names(folder) == []
    time.now_s = 5
    put(tmp_path / "0", at_s=0)
    assert names(folder) == []
    time.now_s = 20
    assert names(folder) == ["b", "a", "0"]
    put(tmp_path / "b", "more", at_s=3)
    assert names(folder) == ["a", "0"]
    time.now_s = 30
    assert names(folder) == ["b", "a", "0"]


def test_each_content_once(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """A file that was handed over and stays is not handed over again, unless its content changes."""
    put(tmp_path / "a", "1")
    time.events = {30.0: lambda: put(tmp_path / "a", "2", 7)}
    files = iter(folder)
    assert (next(files).path.name, time.now_s) == ("a", 10)
    assert (next(files).path.read_text(), time.now_s) == ("2", 40)


def test_done(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """A file that was taken lies in done/ with its time, and nothing is ever replaced there."""
    moved = []
    for content in ("1", "2", "3"):
        put(tmp_path / "a.csv", content, at_s=1_772_323_200)
        time.now_s += 5
        folder.complete()
        time.now_s += 10
        (file,) = folder.complete()
        moved.append(folder.done(file))
    files = ["a.20260301T000000Z.csv", "a.20260301T000000Z.2.csv", "a.20260301T000000Z.3.csv"]
    assert moved == [tmp_path / "done" / name for name in files]
    assert [(tmp_path / "done" / name).read_text() for name in files] == ["1", "2", "3"]
    assert stat.S_IMODE((tmp_path / "done").stat().st_mode) == 0o700


def test_failed(tmp_path: Path, folder: WatchedFolder) -> None:
    """A file that could not be taken lies in failed/, with the reason beside it."""
    put(tmp_path / "a.csv")
    put(tmp_path / "a.csv.ready")
    (file,) = folder.complete()
    moved = folder.failed(file, "表头缺少列 / the header lacks a column")
    assert moved is not None
    assert moved.parent == tmp_path / "failed"
    reason = moved.with_name(moved.name + ".txt")
    assert reason.read_text() == "表头缺少列 / the header lacks a column\n"
    assert stat.S_IMODE(reason.stat().st_mode) == 0o600


def test_a_newer_file_under_the_same_name(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """It is not moved in the place of the one that was taken, but handed over itself."""
    put(tmp_path / "a", "old")
    time.events = {20.0: lambda: None}
    files = iter(folder)
    file = next(files)
    put(tmp_path / "b", "new", at_s=2_000_000).replace(tmp_path / "a")
    assert folder.done(file) is None
    assert folder.failed(file, "x") is None
    again = next(files)
    assert (again.path.name, again.path.read_text()) == ("a", "new")
    assert folder.done(again) is not None


def test_a_file_that_vanished(tmp_path: Path, time: FakeTime, folder: WatchedFolder) -> None:
    """Somebody took it away: nothing is left to be moved, and the name is new when it comes again."""
    put(tmp_path / "a")
    file = next(iter(folder))
    file.path.unlink()
    assert folder.done(file) is None
    assert names(folder) == []


def test_no_folder(tmp_path: Path, folder: WatchedFolder) -> None:
    """A folder that is not there is refused; one that goes away is unavailable."""
    with pytest.raises(SourceRefused) as raised:
        WatchedFolder(tmp_path / "none", 1)
    assert raised.value.rule_id == "folder.missing"
    tmp_path.rmdir()
    with pytest.raises(SourceUnavailable) as gone:
        folder.complete()
    assert gone.value.rule_id == "folder.unreadable"
